"""Answers that no XNAT should give: each ends in one of our errors, in bounded memory, and nothing is called stored."""

from __future__ import annotations

import json
import socket
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_mock
import urllib3

from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from xnat_upload import (
    AuthenticationError,
    Report,
    ServerError,
    ServerUnavailableError,
    TransferSettings,
    Uploader,
    XnatUploadError,
)
from xnat_upload.archive.adapter import PoolAdapter

PROJECTS = answer(json.dumps({"ResultSet": {"Result": [{"ID": "P1", "secondary_ID": "hub-1"}]}}).encode())
SESSION = answer(
    b'<?xml version="1.0" encoding="UTF-8"?><xnat:CTSession xmlns:xnat="http://nrg.wustl.edu/xnat" '
    b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="E1" project="P1" label="ACC">'
    b"<xnat:subject_ID>S1</xnat:subject_ID>"
    b'<xnat:scans><xnat:scan ID="4" type="" xsi:type="xnat:ctScanData"><xnat:file label="SEG"/></xnat:scan>'
    b"</xnat:scans></xnat:CTSession>",
    content_type="text/xml",
)
NO_FILES = answer(b'{"ResultSet":{"Result":[],"title":"Files"}}')
STORED = answer(b"", content_type="text/plain")


class Conversation:
    """What a well-behaved server would say to one upload, but for one kind of request."""

    def __init__(self, **odd: bytes | Iterable[bytes]) -> None:
        self._odd = odd

    def __call__(self, method: str, path: str) -> bytes | Iterable[bytes]:
        if path.startswith("/data/projects?"):
            return self._odd.get("projects", PROJECTS)
        if "/resources/" not in path and "/experiments/" in path:
            return self._odd.get("session", SESSION)
        if method == "GET":
            return self._odd.get("listing", NO_FILES)
        if "/files/" in path:
            return self._odd.get("file", STORED)
        return self._odd.get("resource", STORED)


def upload(
    server: OddServer, folder: Path, *, content: bytes = b"abc", settings: TransferSettings = IMPATIENT
) -> Report:
    (folder / "a.nii").write_bytes(content)
    with Uploader.connect(server.url, user="ada", password="s3cret", settings=settings) as uploader:
        return uploader.upload(
            "a.nii", root=folder, hub_project_id="hub-1", accession_id="ACC", scan_id="4", resource_id="SEG"
        )


HTML = answer(b"<!DOCTYPE html><html><body>Please log in</body></html>", content_type="text/html")
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><xnat:CTSession xmlns:xnat='x' ID='&j;' project='P1' label='ACC'/>"
)
EXTERNAL = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><x:CTSession xmlns:x="x" ID="E1" project="P1" '
    b'label="ACC"><x:subject_ID>&e;</x:subject_ID></x:CTSession>'
)


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        ({"projects": HTML}, AuthenticationError),
        ({"projects": answer(b'{"ResultSet":{"Result":[{"ID":"P1","secon')}, ServerError),
        ({"projects": answer(b"[]")}, ServerError),
        ({"projects": answer(b'{"ResultSet":{"Result":[1,2]}}')}, ServerError),
        ({"projects": answer(b"[" * 100_000)}, ServerError),
        ({"projects": answer(b"\xff\xfe\x00", content_type="application/\xff")}, ServerError),
        ({"session": answer(b"<xnat:CTSession xmlns:xnat='x' ID='E1'", content_type="text/xml")}, ServerError),
        ({"session": answer(BOMB, content_type="text/xml")}, ServerError),
        ({"session": answer(EXTERNAL, content_type="text/xml")}, ServerError),
        ({"session": answer(b"", content_type="text/xml")}, ServerError),
        ({"session": HTML}, AuthenticationError),
        ({"listing": HTML}, AuthenticationError),
        ({"listing": answer(b'{"ResultSet":{"Result":[{"URI":"/data/x"}]}}')}, ServerError),
        ({"listing": answer(b'{"ResultSet":{"Result":[{"URI":"/resources/1/files/a","Size":"x"}]}}')}, ServerError),
        ({"listing": answer(b"null")}, ServerError),
        ({"file": HTML}, XnatUploadError),
        ({"file": answer(b"", content_type="text/html")}, XnatUploadError),
        ({"file": answer(b"unexpected words", content_type="text/plain")}, XnatUploadError),
        ({"file": answer(b'{"duplicates":"a"}', content_type="text/html")}, XnatUploadError),
        ({"file": answer(b"", status=302, headers="Location: http://elsewhere.example/data\r\n")}, XnatUploadError),
        ({"file": answer(b"", status=204)}, XnatUploadError),
        ({"file": b"HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\nabc"}, XnatUploadError),
        ({"file": b"not http at all\r\n\r\n"}, XnatUploadError),
        ({"file": STORED, "listing": NO_FILES}, XnatUploadError),  # it says stored, and does not list it
        ({"resource": answer(b"", status=999)}, XnatUploadError),
        (
            {"resource": b"HTTP/1.1 200 \r\nX: \xff\x00\x01\r\nSet-Cookie: a=\xff;;=\r\nContent-Length: 0\r\n\r\n"},
            Exception,
        ),
    ],
)
def test_an_odd_answer_ends_in_one_of_our_errors(odd: dict[str, bytes], error: type[Exception], tmp_path: Path) -> None:
    with OddServer(Conversation(**odd)) as server, pytest.raises(error) as caught:
        upload(server, tmp_path)
    assert isinstance(caught.value, XnatUploadError)
    assert len(str(caught.value)) < 1500
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 500, 403])
def test_a_page_of_a_gigabyte_is_not_read(status: int, tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield f"HTTP/1.1 {status} \r\nContent-Type: text/html\r\nContent-Length: {1 << 30}\r\n\r\n".encode()
        block = b"x" * (1 << 20)
        for _ in range(1 << 10):
            yield block

    with OddServer(lambda method, path: endless()) as server:
        tracemalloc.start()
        try:
            with pytest.raises(XnatUploadError) as caught:
                upload(server, tmp_path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < (600 << 20 if status == 200 else 16 << 20)
    assert len(str(caught.value)) < 1000


def test_a_listing_of_100_000_files_is_read(tmp_path: Path) -> None:
    rows = [
        {"URI": f"/data/experiments/E1/scans/4/resources/7/files/{number}.dcm", "Size": "1", "digest": "0" * 32}
        for number in range(100_000)
    ]
    listing = answer(json.dumps({"ResultSet": {"Result": rows}}).encode())
    with OddServer(Conversation(listing=listing)) as server, pytest.raises(XnatUploadError, match=r"'a\.nii'"):
        upload(server, tmp_path)


def test_a_redirect_is_not_followed_so_credentials_go_nowhere_else(tmp_path: Path) -> None:
    with OddServer(lambda method, path: STORED) as elsewhere:
        redirect = answer(b"", status=302, headers=f"Location: {elsewhere.url}/data/auth\r\n")
        with (
            OddServer(Conversation(projects=redirect)) as server,
            pytest.raises(ServerError, match="redirects are not followed"),
        ):
            upload(server, tmp_path)
        with OddServer(Conversation(), login=redirect) as server, pytest.raises(ServerError, match="not followed"):
            upload(server, tmp_path)
        assert elsewhere.heads == []


def test_an_expired_password_is_an_authentication_error(tmp_path: Path) -> None:
    login = answer(b"", status=302, headers="Location: /app/template/XDATScreen_UpdateUser.vm\r\n")
    with OddServer(Conversation(), login=login) as server, pytest.raises(AuthenticationError, match="page to log in"):
        upload(server, tmp_path)


def test_a_server_that_is_no_xnat_is_called_so(tmp_path: Path) -> None:
    hello = answer(b"hello", content_type="text/plain")
    with (
        OddServer(Conversation(), login=hello) as server,
        pytest.raises(ServerError, match="Check that the address is that of an XNAT"),
    ):
        upload(server, tmp_path)


def test_an_archive_that_never_answers_is_unavailable_after_all_attempts(tmp_path: Path) -> None:
    with OddServer(Conversation(projects=b"")) as server, pytest.raises(ServerUnavailableError):
        upload(server, tmp_path)
    assert sum(b"/data/projects" in head for head in server.heads) == IMPATIENT.attempts


def test_an_archive_that_pauses_while_it_takes_a_body_is_waited_for(tmp_path: Path) -> None:
    settings = replace(IMPATIENT, connect_timeout_seconds=0.2, attempts=1)
    with SlowTaker(Conversation()) as server, pytest.raises(XnatUploadError, match="does not list it") as caught:
        upload(server, tmp_path, content=bytes(16 << 20), settings=settings)
    assert not isinstance(caught.value, ServerUnavailableError)
    assert server.taken >= 16 << 20


def test_every_connection_is_made_under_the_timeout_for_connecting(
    tmp_path: Path, mocker: pytest_mock.MockerFixture
) -> None:
    # This server closes after each answer, so the request with the file opens a connection too.
    made = mocker.spy(urllib3.util.connection, "create_connection")
    settings = replace(IMPATIENT, connect_timeout_seconds=0.75, read_timeout_seconds=4.0)
    with OddServer(Conversation()) as server, pytest.raises(XnatUploadError, match="does not list it"):
        upload(server, tmp_path, settings=settings)
    assert len(made.call_args_list) > 5
    assert {call.args[1] for call in made.call_args_list} == {0.75}


def test_connections_through_a_proxy_wait_as_long_for_what_they_send() -> None:
    adapter = PoolAdapter(connections=2, sending_seconds=7.0)
    for manager in (adapter.poolmanager, adapter.proxy_manager_for("http://127.0.0.1:9")):
        for scheme in ("http", "https"):
            pool = manager.connection_from_host("xnat.invalid", scheme=scheme)
            assert pool.ConnectionCls.sending_seconds == 7.0


class SlowTaker(OddServer):
    """Takes bodies whole, after a pause that is longer than it may take to connect."""

    taken = 0

    def body(self, connection: socket.socket, size_bytes: int) -> None:
        time.sleep(1.0)
        while self.taken < size_bytes and (block := connection.recv(1 << 20)):
            self.taken += len(block)
