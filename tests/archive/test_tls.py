"""Certificates: verified by default, by a bundle of the hospital's own where it has one."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from xnat_upload import InsecureTransportWarning, InvalidIdentifierError, ServerError, ServerUnavailableError, Uploader
from xnat_upload.sandbox import Sandbox


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TlsServer(OddServer):
    """The same over TLS, with a certificate of the hospital's own authority."""

    def __init__(self, authority: trustme.CA) -> None:
        super().__init__(lambda method, path: answer(b""))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._context = context
        self.url = self.url.replace("http:", "https:")

    def _converse(self, connection: socket.socket) -> None:
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                super()._converse(secured)
        except OSError:
            return  # the client did not like the certificate


def test_a_certificate_that_cannot_be_verified_stops_the_login_and_the_way_out_is_told(authority: trustme.CA) -> None:
    with TlsServer(authority) as server, pytest.raises(ServerError, match=r"verify='/path/to/ca\.pem'"):
        Uploader.connect(server.url, user="ada", password="s3cret", settings=IMPATIENT)
    assert all(b"Authorization" not in head for head in server.heads)


def test_an_https_address_of_a_server_without_tls_is_told_at_once() -> None:
    with Sandbox() as sandbox:
        address = sandbox.url.replace("http:", "https:")
        with pytest.raises(ServerError, match="does not speak https"):
            Uploader.connect(address, user="ada", password="s3cret")
        assert sandbox.requests == ()


def test_the_bundle_of_the_hospital_is_used_whatever_the_environment_says(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with TlsServer(authority) as server:
        options = {"user": "ada", "password": "s3cret", "settings": IMPATIENT}
        with Uploader.connect(server.url, verify=bundle, **options) as uploader:  # type: ignore[arg-type]
            assert uploader.user == "ada"


def test_a_bundle_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidIdentifierError, match=r"no-such\.pem"):
        Uploader.connect("https://127.0.0.1:9", user="ada", password="s3cret", verify="no-such.pem")


def test_a_password_over_plain_http_to_another_host_is_warned_of() -> None:
    settings = IMPATIENT.__class__(attempts=1, connect_timeout_seconds=0.2)
    with pytest.warns(InsecureTransportWarning, match=r"xnat\.invalid"), pytest.raises(ServerUnavailableError):
        Uploader.connect("http://xnat.invalid", user="ada", password="s3cret", settings=settings)
