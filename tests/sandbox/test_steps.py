"""Every step of a writing request: it can be held there, lose its connection there, and die there."""

from __future__ import annotations

import errno
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import md5
from typing import get_args
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.places import Caller, Place, zipped
from xnat_upload.sandbox.faults import DiskFull, DropAfter, DropAt, DropBefore, DropDuring, KillAt, LoseAnswer
from xnat_upload.sandbox.faults import Drop as DropFault
from xnat_upload.sandbox.store.disk import Point

POINTS: tuple[Point, ...] = get_args(Point)
OLD, NEW = b"old" * 1000, b"newer" * 1000
FILES = "/files/"


def put_alone(place: Place, body: bytes, form: str = "in body", **query: str) -> requests.Response:
    caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
    with caller.session:
        path = f"{place.resource}/files/a"
        if form == "form":
            return caller("PUT", path, files={"file": ("a", body)}, params={"overwrite": "true", **query})
        if form == "zip":
            path, body = f"{place.resource}/files/x.zip", zipped({"a": body})
            query["extract"] = "true"
        headers = {"Content-Type": "application/zip" if form == "zip" else "application/octet-stream"}
        return caller("PUT", path, data=body, headers=headers, params={"overwrite": "true", **query})


def on_disk(place: Place) -> bytes | None:
    """What lies there under the name, whatever the catalog says."""
    files = {**place.files(), **place.orphans()}
    return files.get("a")


# What is on the disk, and what the catalog says, when a replacing in-body PUT is at each step.
AT_STEP: dict[Point, tuple[bytes | None, bytes]] = {
    "catalog-read": (OLD, OLD),
    "file-opened": (b"", OLD),
    "body-half-received": (NEW[:2500], OLD),
    "bytes-begun": (NEW[:1250], OLD),
    "body-received": (NEW[:2500], OLD),
    "bytes-written": (NEW, OLD),
    "checksum-taken": (NEW, OLD),
    "before-catalog-lock": (NEW, OLD),
    "before-catalog-write": (NEW, OLD),
    "entry-written": (NEW, NEW),
    "answer-ready": (NEW, NEW),
}


@pytest.mark.parametrize("point", POINTS)
def test_request_is_held_at_each_step_and_then_goes_on(place: Place, point: Point) -> None:
    place.put("a", OLD)
    with ThreadPoolExecutor() as pool, place.sandbox.hold(point) as hold:
        answer: Future[requests.Response] = pool.submit(put_alone, place, NEW)
        hold.wait_until_reached()
        disk, listed = AT_STEP[point]
        assert on_disk(place) == disk
        assert place.listed("a")["digest"] == md5(listed).hexdigest()
        assert not answer.done()
        hold.release()
        assert answer.result().headers["Content-Type"] == "text/plain"
    assert place.files() == {"a": NEW}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("form", "point"),
    [
        (form, point)
        for form in ("in body", "form", "zip")
        for point in POINTS
        if (form, point) != ("form", "bytes-begun")  # a part that has arrived is moved, not written
    ],
)
def test_connection_that_breaks_at_a_step_does_not_stop_an_archive_that_has_the_body(
    place: Place, form: str, point: Point, reset: bool
) -> None:
    place.put("a", OLD)
    broken = DropAt(point, reset=reset, path=FILES)
    with place.sandbox.inject(broken), pytest.raises(requests.ConnectionError):
        put_alone(place, NEW, form)
    place.sandbox.wait_until_idle()
    if point == "body-half-received" or (form != "form" and point in ("catalog-read", "file-opened", "bytes-begun")):
        # The rest was still under way: cut in the body, or left alone in a form.
        assert place.listed("a")["digest"] == md5(OLD).hexdigest()
        assert on_disk(place) != NEW
    else:
        assert place.files() == {"a": NEW}
        assert place.listed("a")["digest"] == md5(NEW).hexdigest()


@pytest.mark.parametrize("point", POINTS)
def test_archive_that_dies_at_a_step_leaves_what_it_has_done_by_then(place: Place, point: Point) -> None:
    place.put("a", OLD)
    with place.sandbox.inject(KillAt(point, path=FILES)), pytest.raises(requests.ConnectionError):
        put_alone(place, NEW)
    disk, listed = AT_STEP[point]
    assert on_disk(place) == disk
    assert place.listed("a")["digest"] == md5(listed).hexdigest()
    assert place.sandbox.requests[-1].status == 200  # the listing; of the killed one there is none
    assert put_alone(place, NEW).status_code == 200
    assert place.files() == {"a": NEW}


@pytest.mark.parametrize(
    "fault",
    [DropBefore(reset=True), DropDuring(100, reset=True), DropAfter(reset=True), LoseAnswer(reset=True)],
    ids=lambda fault: type(fault).__name__,
)
def test_reset_is_a_reset_on_the_wire_and_a_drop_is_an_end(place: Place, fault: DropFault) -> None:
    address = urlsplit(place.sandbox.url)
    for injected, expected in ((fault, errno.ECONNRESET), (type(fault)(**{**vars(fault), "reset": False}), 0)):
        with (
            place.sandbox.inject(injected),
            socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as client,
        ):
            client.sendall(b"PUT /data/services/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + bytes(100))
            try:
                found = 0 if client.recv(100) == b"" else -1
            except ConnectionResetError as error:
                found = int(error.errno or -1)
        assert found == expected


def test_body_that_has_arrived_is_stored_also_when_its_sender_has_gone(place: Place) -> None:
    address = urlsplit(place.sandbox.url)
    session_id = place.admin("GET", "/data/JSESSION").text
    with place.sandbox.hold("catalog-read", within=place.project) as hold:
        with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as client:
            client.sendall(
                f"PUT {place.resource}/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                f"Content-Type: application/octet-stream\r\nCookie: JSESSIONID={session_id}\r\n\r\n".encode()
                + b"x" * 1000
            )
            hold.wait_until_reached()
        hold.release()
        place.sandbox.wait_until_idle()
    assert place.files() == {"a": b"x" * 1000}


def test_entry_of_a_slow_request_comes_to_lie_over_the_cut_bytes_of_the_next(place: Place) -> None:
    """Two broken connections within one upload, and the listing says that all is well."""
    with ThreadPoolExecutor() as pool, place.sandbox.hold("before-catalog-write", within=place.project) as hold:
        with place.sandbox.inject(DropAt("before-catalog-write", path=FILES, reset=True)):
            first = pool.submit(put_alone, place, NEW)
            hold.wait_until_reached()
            with pytest.raises(requests.ConnectionError):
                first.result()
        with place.sandbox.inject(DropDuring(100, path=FILES)), pytest.raises(requests.ConnectionError):
            put_alone(place, NEW)
        hold.release()
        place.sandbox.wait_until_idle()
    assert place.files() == {"a": NEW[:100]}
    row = place.listed("a")
    assert (row["Size"], row["digest"]) == (str(len(NEW)), md5(NEW).hexdigest())


def test_checksum_is_of_what_lies_on_the_disk_when_it_is_taken(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("bytes-written", within=place.project) as hold:
        first = pool.submit(put_alone, place, NEW)
        hold.wait_until_reached()
        with place.sandbox.inject(DropDuring(100, path=FILES)), pytest.raises(requests.ConnectionError):
            put_alone(place, NEW)
        hold.release()
        assert first.result().status_code == 200
    row = place.listed("a")
    assert (row["Size"], row["digest"]) == (str(len(NEW)), md5(NEW[:100]).hexdigest())


@pytest.mark.parametrize("form", ["in body", "form", "zip"])
def test_replacement_on_a_full_disk_leaves_a_cut_file_under_its_old_entry(place: Place, form: str) -> None:
    place.put("a", OLD)
    with place.sandbox.inject(DiskFull(1000, path=FILES)):
        assert put_alone(place, NEW, form).status_code == 500
    assert place.files() == {"a": NEW[:1000]}
    row = place.listed("a")
    assert (row["Size"], row["digest"]) == (str(len(OLD)), md5(OLD).hexdigest())
    place.admin("POST", f"/data/services/refresh/catalog?options=checksum&resource=/archive{place.resource[5:]}")
    row = place.listed("a")
    assert (row["Size"], row["digest"]) == ("1000", md5(NEW[:1000]).hexdigest())


def test_the_nth_request_can_be_held(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("answer-ready", within=FILES, nth=2) as hold:
        assert put_alone(place, OLD).status_code == 200
        second = pool.submit(put_alone, place, NEW)
        hold.wait_until_reached()
        hold.release()
        assert second.result().status_code == 200


def test_several_faults_strike_one_after_another(place: Place) -> None:
    faults = [
        DropAt("body-half-received", path=FILES, nth=1),
        LoseAnswer(path=FILES, nth=2, reset=True),
        DiskFull(3, path=FILES, nth=3),
    ]
    injected = [place.sandbox.inject(fault) for fault in faults]
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            put_alone(place, NEW)
    assert put_alone(place, NEW).status_code == 500
    assert put_alone(place, NEW).status_code == 200
    assert [one.struck for one in injected] == [1, 1, 1]


def test_archive_that_is_still_busy_is_told(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("catalog-read", within=place.project) as hold:
        pool.submit(put_alone, place, NEW)
        hold.wait_until_reached()
        with pytest.raises(TimeoutError, match="still under way"):
            place.sandbox.wait_until_idle(timeout_seconds=0)
        hold.release()
        place.sandbox.wait_until_idle()
    assert place.files() == {"a": NEW}
