"""Answers as no sound server spells them, and somebody between who answers or repeats."""

from __future__ import annotations

import itertools
import socket
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.places import Place
from xnat_upload.sandbox.faults import (
    AnswerBytes,
    AnswerPage,
    ChunkSize,
    ContentLength,
    DripAnswer,
    EndlessTrailers,
    Fault,
    GzipBomb,
    InterimAnswers,
    RepeatRequest,
)

LISTING = "/data/JSESSION"


@contextmanager
def asked(place: Place, fault: Fault) -> Iterator[socket.socket]:
    """Ask for something over a socket of our own while `fault` is in."""
    address = urlsplit(place.sandbox.url)
    with (
        place.sandbox.inject(fault),
        socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as client,
    ):
        client.sendall(b"GET /data/JSESSION HTTP/1.1\r\nHost: x\r\n\r\n")
        yield client


def heard(place: Place, fault: Fault, limit: int = 1 << 20) -> bytes:
    with asked(place, fault) as client:
        said = b""
        while len(said) < limit and (block := client.recv(65536)):
            said += block
        return said


@pytest.mark.parametrize("part", ["status line", "headers", "body"])
def test_dripped_answer_is_the_same_answer_in_drops(place: Place, part: str) -> None:
    fault = DripAnswer(part, path=LISTING)  # type: ignore[arg-type]
    said = heard(place, fault)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 \r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) == 32
    assert place.sandbox.requests[-1].status == 200


def test_slow_drops_come_one_at_a_time(place: Place) -> None:
    with asked(place, DripAnswer("status line", path=LISTING, seconds_between=0.01)) as client:
        assert client.recv(65536) == b"H"
        assert client.recv(65536) == b"T"


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answers_come_before_the_real_one(place: Place, status: int) -> None:
    said = heard(place, InterimAnswers(status, 3, path=LISTING))
    assert said.count(f"HTTP/1.1 {status} ".encode()) == 3
    assert said.count(b"HTTP/1.1 200 \r\n") == 1


@pytest.mark.parametrize(
    ("fault", "repeated"),
    [(InterimAnswers(100, None, path=LISTING), b"HTTP/1.1 100 Continue\r\n\r\n"),
     (EndlessTrailers(path=LISTING), b"X: y\r\n"),
     (AnswerBytes(b"HTTP/1.1 200 \r\n", b"Z: z\r\n", path=LISTING), b"Z: z\r\n")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_endless_goes_on_until_the_client_leaves(place: Place, fault: Fault, repeated: bytes) -> None:
    said = heard(place, fault, limit=100_000)
    assert said.count(repeated) > 3000
    assert place.admin("GET", LISTING).status_code == 200


def test_lengths_that_are_none(place: Place) -> None:
    digits = "9" * 5000
    assert f"Content-Length: {digits}\r\n".encode() in heard(place, ContentLength(digits, path=LISTING))
    assert b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n-5\r\n" in heard(
        place, ChunkSize("-5", path=LISTING)
    )


def test_bomb_is_small_on_the_wire_and_unpacks_to_what_was_asked_for(place: Place) -> None:
    said = heard(place, GzipBomb(32 << 20, path=LISTING))
    assert len(said) < 64 << 10
    head, _, packed = said.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    unpacked = zlib.decompress(packed, 31)
    assert 31 << 20 < len(unpacked) <= 33 << 20
    assert unpacked.startswith(b'{"ResultSet":{"Result":[{},{},')


def test_strange_answer_is_given_behind_the_work(place: Place) -> None:
    with (
        place.sandbox.inject(AnswerBytes(b"no answer\r\n\r\n", path="/files/")),
        pytest.raises(requests.ConnectionError),
    ):
        place.put("a", b"12345")
    assert place.files() == {"a": b"12345"}


def test_page_of_a_portal_stands_in_place_of_the_answer_once(place: Place) -> None:
    with place.sandbox.inject(AnswerPage(path="/data/auth")):
        page = place.admin("GET", "/data/auth")
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
        assert "Please log in" in page.text
        assert place.admin("GET", "/data/auth").text == "User 'admin' is logged in"


@pytest.mark.parametrize("size", [5, 3_000_000])
def test_repeated_put_finds_its_own_file(place: Place, size: int) -> None:
    with place.sandbox.inject(RepeatRequest(path="/files/")):
        answer = place.put("a", bytes(size))
    assert answer.json() == {"duplicates": ["a"]}
    assert place.files() == {"a": bytes(size)}


def test_repeated_put_that_overtakes_the_first(place: Place) -> None:
    sandbox = place.sandbox
    with (
        ThreadPoolExecutor() as pool,
        sandbox.hold("before-catalog-write", within=place.project) as first,
        sandbox.hold("before-catalog-write", within=place.project) as second,
        sandbox.inject(RepeatRequest(path="/files/", at_once=True)),
    ):
        answer = pool.submit(place.put, "a", b"12345", overwrite="true")
        first.wait_until_reached()
        second.wait_until_reached()
        first.release()
        second.release()
        # One of the two has written the catalog when the other comes to it.
        assert answer.result().status_code in (200, 500)
    assert place.files() == {"a": b"12345"}


def test_every_spelling_leaves_the_server_usable(place: Place) -> None:
    for fault, _ in itertools.product((ContentLength("x"), ChunkSize("zz"), DripAnswer(), AnswerBytes(b"no")), (1, 2)):
        with place.sandbox.inject(fault):
            heard(place, fault)
    assert place.admin("GET", LISTING).status_code == 200
