"""Why no answer came: named in one sentence with the way out, and nothing of the request kept."""

from __future__ import annotations

import contextlib
import pickle
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
import pytest_mock
import requests
import requests.adapters
import trustme

from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from xnat_upload import (
    InvalidIdentifierError,
    MissingDependencyError,
    ServerError,
    ServerUnavailableError,
    Uploader,
    XnatUploadError,
)
from xnat_upload.archive.addresses import shown_address

pytestmark = pytest.mark.filterwarnings("ignore::xnat_upload.InsecureTransportWarning")

SECRET = "s3cret"
ONCE = replace(IMPATIENT, attempts=1, connect_timeout_seconds=0.5, read_timeout_seconds=0.5)
PROXIED = "http://xnat.example"


@pytest.fixture(autouse=True)
def no_exceptions_from_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def free_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def refused_login(server: str, **options: object) -> XnatUploadError:
    """Try to log in, and give the error, of which nothing may be kept that holds the password."""
    with pytest.raises(XnatUploadError) as caught:
        Uploader.connect(server, user="ada", password=SECRET, **{"settings": ONCE, **options})  # type: ignore[arg-type]
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert SECRET not in f"{error} {vars(error)} {pickle.dumps(error)!r}"
    return error


def test_an_unknown_host_is_named_and_not_tried_again(mocker: pytest_mock.MockerFixture) -> None:
    looked_up = mocker.spy(socket, "getaddrinfo")
    error = refused_login("https://no-such-host.invalid", settings=IMPATIENT)
    assert isinstance(error, ServerUnavailableError)
    assert error.host_unknown
    assert not error.may_have_arrived
    assert "The host no-such-host.invalid is not known here" in str(error)
    assert looked_up.call_count == 1


def test_a_refused_connection_is_named(free_port: int) -> None:
    error = refused_login(f"http://127.0.0.1:{free_port}")
    assert isinstance(error, ServerUnavailableError)
    assert f"127.0.0.1:{free_port} refused the connection, so nothing listens there" in str(error)


def test_a_connection_that_nobody_takes_is_named() -> None:
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # until its queue is full, and the system drops whoever comes
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        error = refused_login(f"http://127.0.0.1:{full.getsockname()[1]}")
    assert isinstance(error, ServerUnavailableError)
    assert not error.may_have_arrived
    assert "in time. A firewall may swallow it" in str(error)


def test_an_answer_that_does_not_come_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused_login(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(error, ServerUnavailableError)
    assert error.may_have_arrived
    assert error.still_working
    assert "no answer in time" in str(error)


class TlsServer(OddServer):
    """A server with a certificate of a test's own."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        super().__init__(lambda method, path: answer(b""))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self._context = context
        self.url = self.url.replace("http:", "https:")

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
            super()._converse(secured)


def test_what_is_wrong_with_a_certificate_is_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    for certificate, verify, way_out in (
        (authority.issue_cert("127.0.0.1"), True, "verify='/path/to/ca.pem'"),
        (authority.issue_cert("127.0.0.1", not_after=past), bundle, "expired). Tell whoever runs the archive"),
        (authority.issue_cert("other.example"), bundle, "with the name that its certificate is for"),
    ):
        with TlsServer(certificate) as server:
            error = refused_login(server.url, verify=verify)
        assert isinstance(error, ServerError)
        assert f"The certificate of {server.url[8:]} cannot be verified (" in str(error)
        assert way_out in str(error)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_of_the_environment_that_cannot_be_used_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with TlsServer(trustme.CA().issue_cert("127.0.0.1")) as server:
        error = refused_login(server.url)
    assert isinstance(error, InvalidIdentifierError)
    assert "REQUESTS_CA_BUNDLE" in str(error)


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a proxy into the environment."""

    def put(address: str) -> None:
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("https_proxy", address)

    return put


@pytest.fixture
def asking_proxy() -> Iterator[OddServer]:
    """A proxy that wants a login, of requests and of tunnels."""
    refusal = answer(b"", status=407, headers=f"Proxy-Authenticate: Basic realm={SECRET}\r\n")
    with OddServer(lambda method, path: refusal, login=refusal) as server:
        yield server


@pytest.mark.parametrize("server", [PROXIED, "https://xnat.example"])
def test_a_proxy_that_wants_a_login_is_named(
    server: str, asking_proxy: OddServer, behind: Callable[[str], None]
) -> None:
    behind(asking_proxy.url.replace("//", f"//ada:{SECRET}@"))
    error = refused_login(server)
    assert isinstance(error, ServerError)
    assert error.status == 407
    assert "The proxy between here and the archive wants a login of its own (407)" in str(error)


@pytest.mark.parametrize(("status", "kind"), [(403, ServerError), (502, ServerUnavailableError)])
def test_a_proxy_that_makes_no_tunnel_is_named(
    status: int, kind: type[XnatUploadError], behind: Callable[[str], None]
) -> None:
    with OddServer(lambda method, path: answer(b"", status=status)) as proxy:
        behind(proxy.url)
        error = refused_login("https://xnat.example")
    assert type(error) is kind
    assert str(error).startswith("The proxy ")
    assert f"xnat.example: it answered {status}" in str(error)


@pytest.mark.parametrize("server", [PROXIED, "https://xnat.example"])
def test_a_proxy_that_is_not_there_is_named(server: str, free_port: int, behind: Callable[[str], None]) -> None:
    behind(f"http://ada:{SECRET}@127.0.0.1:{free_port}")
    error = refused_login(server)
    assert isinstance(error, ServerUnavailableError)
    assert not error.may_have_arrived
    assert "The proxy 127.0.0.1 cannot be reached (Connection refused)" in str(error)


@pytest.mark.parametrize(
    "address",
    [
        f"http://ada:{SECRET}@proxy.example:port",
        f"http://ada:{SECRET}@",
        f"http://ada:{SECRET}@[::1",
        f"gopher://ada:{SECRET}@proxy.example:1",
        f"http://ada:12/{SECRET}@proxy.example:1",
        f"http://ada:12#{SECRET}@proxy.example:1",
        f"http:\\\\ada:{SECRET}@proxy.example:1",
        f"ada:{SECRET}%zz@{'x' * 80}.example:99999",
        f"{SECRET}://proxy.example",
        f"http://{SECRET}%40proxy.invalid:1",
        "http://",
        "http://.example:1",
    ],
)
@pytest.mark.parametrize("server", [PROXIED, "https://xnat.example"])
def test_a_proxy_whose_address_cannot_be_used_ends_in_a_sentence_without_it(
    server: str, address: str, behind: Callable[[str], None]
) -> None:
    behind(address)
    assert "proxy" in str(refused_login(server))


def test_a_proxy_that_speaks_socks_needs_a_package(
    behind: Callable[[str], None], mocker: pytest_mock.MockerFixture
) -> None:
    mocker.patch.dict("sys.modules", {"socks": None, "urllib3.contrib.socks": None})

    def missing(*arguments: object, **options: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    mocker.patch.object(requests.adapters, "SOCKSProxyManager", missing)
    behind(f"socks5://ada:{SECRET}@127.0.0.1:9")
    error = refused_login("https://xnat.example")
    assert isinstance(error, MissingDependencyError)
    assert "pip install 'requests[socks]'" in str(error)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://login.example/saml?SAMLRequest=s3cret", "https://login.example/saml"),
        ("https://login.example:8443/a/b#access_token=s3cret", "https://login.example:8443/a/b"),
        ("https://login.example/x;jsessionid=s3cret", "https://login.example/x"),
        ("https://login.example?user=a@b", "https://login.example"),
        ("/app/template/Login.vm?token=s3cret", "/app/template/Login.vm"),
        ("//login.example/x", "//login.example/x"),
        ("https://login.example/a%3Fcode=s3cret", "https://login.example/a"),
        ("https://ada:s3cret@login.example/", ""),
        ("https://ada:12?s3cret@login.example/", ""),
        ("https://ada:12/s3cret@login.example/", ""),
        ("https://s3cret%40login.example/", ""),
        ("https://ada:s3cret", ""),
        ("https:\\\\ada:s3cret@login.example", ""),
        ("", ""),
    ],
)
def test_of_a_location_only_what_holds_no_login_is_shown(location: str, shown: str) -> None:
    assert shown_address(location) == shown
