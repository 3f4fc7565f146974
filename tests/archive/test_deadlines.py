"""Every exchange ends in one of our errors when its time is up, however steadily the other side drips."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.archive.test_odd_answers import Conversation, upload
from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from tests.sending import send
from xnat_upload import ServerUnavailableError, Uploader, XnatUploadError
from xnat_upload.places.hierarchy import Resource, Scan
from xnat_upload.sandbox.faults import (
    AnswerBytes,
    DripAnswer,
    EndlessTrailers,
    Fault,
    InterimAnswers,
)

# Nothing but the deadline can end these: the time between two bytes is far below the others.
HURRIED = replace(
    IMPATIENT, attempts=1, exchange_timeout_seconds=0.4, connect_timeout_seconds=30, read_timeout_seconds=30
)
AT = {
    "login": {"path": "/data/auth"},
    "projects": {"path": "/data/projects$"},
    "session": {"path": "/experiments/[^/]+$"},
    "resource": {"path": "/resources/SEG$", "method": "PUT"},
    "listing": {"path": "/files$"},
}
DRIPS: dict[str, Any] = {
    "status line": lambda at: DripAnswer(part="status line", seconds_between=0.1, **at),
    "headers": lambda at: DripAnswer(part="headers", seconds_between=0.1, **at),
    "100 Continue": lambda at: InterimAnswers(status=100, count=None, **at),
    "102 Processing": lambda at: InterimAnswers(status=102, count=None, seconds_between=0.01, **at),
    "trailers": lambda at: EndlessTrailers(**at),
    "endless headers": lambda at: AnswerBytes(b"HTTP/1.1 200 \r\nX: y", again=b"y", seconds_between=0.01, **at),
    "endless body": lambda at: AnswerBytes(b"HTTP/1.1 500 \r\n\r\n", again=b"x", seconds_between=0.05, **at),
}


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("drip", ["headers", "100 Continue"])
def test_whatever_is_asked_ends_at_its_deadline(ward: SandboxHospital, tmp_path: Path, at: str, drip: str) -> None:
    assert_it_ends_at_its_deadline(ward, tmp_path, DRIPS[drip](AT[at]))


@pytest.mark.parametrize("drip", DRIPS)
def test_whatever_drips_ends_at_its_deadline(ward: SandboxHospital, tmp_path: Path, drip: str) -> None:
    assert_it_ends_at_its_deadline(ward, tmp_path, DRIPS[drip](AT["projects"]))


def assert_it_ends_at_its_deadline(ward: SandboxHospital, folder: Path, fault: Fault) -> None:
    (folder / "a.nii").write_bytes(b"abc")
    with (
        ward.sandbox.inject(replace(fault, times=None)),
        pytest.raises(XnatUploadError) as caught,
        ward.connect(settings=HURRIED) as uploader,
    ):
        send(uploader, ward, "a.nii", folder)
    assert "not over after 0.4 s" in str(caught.value)
    assert "exchange_timeout_seconds" in str(caught.value)


@pytest.mark.parametrize("drip", ["status line", "100 Continue"])
def test_a_file_whose_answer_drips_is_looked_for_and_found(ward: SandboxHospital, tmp_path: Path, drip: str) -> None:
    (tmp_path / "a.nii").write_bytes(b"abc")
    fault = DRIPS[drip]({"path": "/files/", "method": "PUT", "times": None})
    with ward.connect(settings=HURRIED) as uploader, ward.sandbox.inject(fault):
        assert send(uploader, ward, "a.nii", tmp_path).ok


def test_a_logout_that_drips_ends_too(ward: SandboxHospital) -> None:
    quick_logout = replace(IMPATIENT, connect_timeout_seconds=0.3)
    with ward.sandbox.inject(DripAnswer(part="headers", seconds_between=0.05, method="DELETE", path="/data/JSESSION")):
        began = time.monotonic()
        ward.connect(settings=quick_logout).close()
        assert time.monotonic() - began < 5, "a whole answer takes some 20 s"


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_size_and_a_file_read_back_end_at_their_deadline(ward: SandboxHospital, part: str) -> None:
    ward.put("4", "SEG", "a.nii", bytes(100))
    with ward.connect(settings=HURRIED) as uploader:
        archive = uploader._archive
        resource = Resource(Scan(archive.locate(ward.accession_id, hub_project_id=ward.hub_project_id), "4"), "SEG")
        with ward.sandbox.inject(DripAnswer(part=part, seconds_between=0.1, path="/files/", times=None)):  # type: ignore[arg-type]
            with pytest.raises(ServerUnavailableError, match=r"not over after 0\.4 s"):
                archive.served_md5(resource, "a.nii")
            if part == "headers":
                with pytest.raises(ServerUnavailableError, match=r"not over after 0\.4 s"):
                    archive.served_bytes(resource, "a.nii")


def test_a_file_that_has_no_end_is_read_back_no_further_than_it_can_be_ours(ward: SandboxHospital) -> None:
    ward.put("4", "SEG", "a.nii", bytes(100))
    endless = AnswerBytes(b"HTTP/1.1 200 \r\nContent-Length: 9%015d\r\n\r\n" % 9, again=bytes(1 << 16), path="/files/")
    with ward.connect(settings=replace(IMPATIENT, attempts=1)) as uploader, ward.sandbox.inject(endless):
        archive = uploader._archive
        resource = Resource(Scan(archive.locate(ward.accession_id, hub_project_id=ward.hub_project_id), "4"), "SEG")
        assert archive.served_md5(resource, "a.nii", size_bytes=100) != "6d0bb00954ceb7fbee436bb55a8397a9"


@pytest.mark.parametrize("status", [102, 103])
def test_an_interim_answer_is_passed_over(ward: SandboxHospital, tmp_path: Path, status: int) -> None:
    (tmp_path / "a.nii").write_bytes(b"abc")
    with ward.sandbox.inject(InterimAnswers(status=status, count=3, times=None)), ward.connect() as uploader:
        assert send(uploader, ward, "a.nii", tmp_path).ok


class SteadyTaker(OddServer):
    """Takes a body at some 40 kB/s, for much longer than an exchange may take besides its bytes."""

    def body(self, connection: socket.socket, size_bytes: int) -> None:
        while size_bytes > 0 and (block := connection.recv(min(8_000, size_bytes))):
            size_bytes -= len(block)
            time.sleep(0.2)


def test_a_steady_slow_server_is_not_cut_off_while_it_takes_bytes(tmp_path: Path) -> None:
    with SteadyTaker(Conversation()) as server, pytest.raises(XnatUploadError, match="does not list it"):
        upload(server, tmp_path, content=bytes(50_000), settings=HURRIED)


def test_a_large_answer_of_known_length_has_the_time_that_it_needs(tmp_path: Path) -> None:
    listing = answer(b'{"ResultSet":{"Result":[]}}' + b" " * 60_000)

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(listing), 8_000):
            yield listing[start : start + 8_000]
            time.sleep(0.2)

    with OddServer(Conversation(listing=Slowly(slowly))) as server, pytest.raises(XnatUploadError, match="not list it"):
        upload(server, tmp_path, settings=replace(HURRIED, exchange_timeout_seconds=0.8))


class Slowly:
    """Begins anew each time that it is asked for."""

    def __init__(self, begin: Any) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[bytes]:
        blocks: Iterable[bytes] = self._begin()
        yield from blocks


def test_a_tls_handshake_that_stalls_ends_at_its_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x16\x03\x03\x40\x00\x02")  # a handshake record of 16 KiB
                while not gone.wait(0.05):
                    try:
                        connection.sendall(b"\x00")
                    except OSError:
                        return

        with ThreadPoolExecutor(1) as pool:
            dripping = pool.submit(drip)
            with pytest.raises(ServerUnavailableError, match=r"not over after 0\.4 s"):
                Uploader.connect(
                    f"https://127.0.0.1:{server.getsockname()[1]}", user="u", password="p", settings=HURRIED
                )
            gone.set()
            dripping.result()


@pytest.mark.parametrize("at", ["login", "projects"])
def test_threads_that_wait_for_one_another_do_not_wait_longer(ward: SandboxHospital, at: str) -> None:
    with ward.connect(settings=HURRIED) as uploader:
        ward.sandbox.forget_sessions()
        fault = DripAnswer(part="headers", seconds_between=0.1, times=None, **AT[at])  # type: ignore[arg-type]

        def locate(_: int) -> str:
            with pytest.raises(ServerUnavailableError) as caught:
                uploader.locate(ward.hub_project_id, ward.accession_id)
            return str(caught.value)

        with ward.sandbox.inject(fault), ThreadPoolExecutor(8) as pool:
            ward.sandbox.clear_requests()
            said = set(pool.map(locate, range(8)))
    assert all("not over after 0.4 s" in each for each in said)
    asked = [request for request in ward.sandbox.requests if request.path.endswith(("/data/auth", "/data/projects"))]
    assert len(asked) < 8, "what one has waited for in vain, the others do not wait for again"
