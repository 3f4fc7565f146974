"""Faults by name: what the client sees, what the archive holds, and whom they strike."""

from __future__ import annotations

from hashlib import md5
from itertools import pairwise

import pytest
import requests

from tests.sandbox.places import Place, message, zipped
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import (
    AnswerLate,
    CatalogConflict,
    DiskFull,
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    FlipByte,
    ForgetSession,
    LoseAnswer,
    Refuse,
    SlowLink,
    StoreFewer,
)

FILES = "/files/"


def last_status(place: Place) -> int | None:
    return place.sandbox.requests[-1].status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_refused_request_does_nothing(place: Place, status: int) -> None:
    with place.sandbox.inject(Refuse(status, "not now", retry_after="7", method="PUT", path=FILES)):
        answer = place.put("a")
    assert (answer.status_code, message(answer), answer.headers["Retry-After"]) == (status, "not now", "7")
    assert place.files() == place.orphans() == {}
    assert place.put("a").status_code == 200


@pytest.mark.parametrize("fault", [DropBefore(path=FILES), DropAfter(path=FILES)])
def test_dropped_request_stores_nothing(place: Place, fault: Fault) -> None:
    with place.sandbox.inject(fault), pytest.raises(requests.ConnectionError):
        place.put("a", bytes(300_000))
    assert last_status(place) is None
    assert place.files() == place.orphans() == {}


@pytest.mark.parametrize("after_bytes", [0, 1, 100_000])
def test_connection_dropped_in_the_middle_leaves_what_had_arrived(place: Place, after_bytes: int) -> None:
    with place.sandbox.inject(DropDuring(after_bytes, path=FILES)), pytest.raises(requests.ConnectionError):
        place.put("a", bytes(3_000_000))
    assert place.orphans() == {"a": bytes(after_bytes)}
    assert place.names() == []


def test_short_body_is_cut_at_its_end(place: Place) -> None:
    with place.sandbox.inject(DropDuring(1000, path=FILES)), pytest.raises(requests.ConnectionError):
        place.put("a", b"12345")
    assert place.names() == []


def test_lost_answer_leaves_the_file_stored(place: Place) -> None:
    with place.sandbox.inject(LoseAnswer(path=FILES)), pytest.raises(requests.ConnectionError):
        place.put("a", b"12345")
    assert last_status(place) is None
    assert place.files() == {"a": b"12345"}


def test_late_answer_comes_after_the_work_is_done(place: Place) -> None:
    with place.sandbox.inject(AnswerLate(60, path=FILES)), pytest.raises(requests.ReadTimeout):
        place.admin.session.put(
            f"{place.admin.url}{place.resource}/files/a",
            data=b"1",
            headers={"Content-Type": "application/octet-stream"},
            timeout=0.3,
        )
    assert place.files() == {"a": b"1"}


@pytest.mark.parametrize("form", ["in body", "multipart", "zip"])
def test_bytes_that_change_on_their_way_to_disk_are_listed_as_they_are(place: Place, form: str) -> None:
    def send() -> int:
        if form == "zip":
            return place.put_zip({"a": b"12345"}).status_code
        if form == "multipart":
            files = {"file": ("a", b"12345")}
            return place.admin("PUT", f"{place.resource}/files/a", files=files).status_code
        return place.put("a", b"12345").status_code

    for fault, expected in ((StoreFewer(2, path=FILES), b"123"), (FlipByte(path=FILES), b"\xce2345")):
        with place.sandbox.inject(fault):
            assert send() == 200
        assert place.files() == {"a": expected}
        row = place.listed("a")
        assert (row["Size"], row["digest"]) == (str(len(expected)), md5(expected).hexdigest())
        place.admin("DELETE", f"{place.resource}/files/a")


def test_full_disk_is_500_and_leaves_a_partial_file(place: Place) -> None:
    with place.sandbox.inject(DiskFull(3, path=FILES)):
        answer = place.put("a", b"12345")
    assert answer.status_code == 500
    assert "No space left on device" in message(answer)
    assert place.orphans() == {"a": b"123"}


def test_forgotten_session_needs_a_new_login(place: Place) -> None:
    session_id = place.admin("GET", "/data/JSESSION").text
    with place.sandbox.inject(ForgetSession(path="/data/auth")):
        answer = requests.get(f"{place.admin.url}/data/auth", cookies={"JSESSIONID": session_id}, timeout=30)
    assert answer.status_code == 401
    assert place.admin("GET", "/data/auth").status_code == 200
    assert place.admin("GET", "/data/JSESSION").text != session_id


def test_catalog_conflict_is_500_with_the_file_on_disk(place: Place) -> None:
    place.put("before")
    with place.sandbox.inject(CatalogConflict(path=FILES)):
        answer = place.put("a")
    assert answer.status_code == 500
    assert message(answer).startswith("Another thread or process modified ")
    assert place.names() == ["before"]
    assert list(place.orphans()) == ["a"]


def test_slow_link_still_delivers(place: Place) -> None:
    with place.sandbox.inject(SlowLink(latency_ms=1, bandwidth_mbps=1000, path=FILES)) as injected:
        assert place.put("a", bytes(100_000)).status_code == 200
    assert injected.struck == 1
    assert place.files() == {"a": bytes(100_000)}


def test_whole_sandbox_on_a_slow_link() -> None:
    with Sandbox(latency_ms=30, bandwidth_mbps=8) as sandbox:
        answer = requests.get(f"{sandbox.url}/data/JSESSION", timeout=30)
        assert answer.elapsed.total_seconds() >= 0.03  # a lower bound holds on any machine


def statuses(place: Place, count: int) -> list[int]:
    return [place.admin("GET", f"{place.session}/scans").status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(Refuse(503), [503, 200, 200, 200]), (Refuse(503, nth=3), [200, 200, 503, 200]),
     (Refuse(503, times=2), [503, 503, 200, 200]), (Refuse(503, times=None), [503, 503, 503, 503]),
     (Refuse(503, nth=2, times=2), [200, 503, 503, 200]), (Refuse(503, method="PUT"), [200, 200, 200, 200]),
     (Refuse(503, path="/nosuch"), [200, 200, 200, 200]), (Refuse(503, path=r"scans$"), [503, 200, 200, 200])],
    ids=repr,
)  # fmt: skip
def test_whom_a_fault_strikes(place: Place, fault: Fault, expected: list[int]) -> None:
    with place.sandbox.inject(fault) as injected:
        assert statuses(place, 4) == expected
    assert injected.struck == expected.count(503)
    assert statuses(place, 1) == [200]


def test_share_of_requests_is_drawn_reproducibly(place: Place) -> None:
    runs = []
    for seed in (1, 1, 2):
        with place.sandbox.inject(Refuse(503, times=None, share=0.5, seed=seed)):
            runs.append(statuses(place, 40))
    assert runs[0] == runs[1] != runs[2]
    assert 5 < runs[0].count(503) < 35


def test_several_faults_can_be_in_at_once(place: Place) -> None:
    place.sandbox.inject(FlipByte(path=FILES))
    with place.sandbox.inject(LoseAnswer(path=FILES)), pytest.raises(requests.ConnectionError):
        place.put("a", b"12345")
    assert place.files() == {"a": b"\xce2345"}


def test_every_request_is_recorded(place: Place) -> None:
    place.sandbox.clear_requests()
    place.put("a%20b", b"12345", overwrite="true")
    (request,) = place.sandbox.requests
    assert (request.method, request.path) == ("PUT", f"{place.resource}/files/a%20b")
    assert request.query == {"overwrite": "true"}
    assert request.headers["content-type"] == "application/octet-stream"
    assert (request.body_size, request.status, request.user) == (5, 200, "admin")
    assert request.session_id == place.admin.session.cookies["JSESSIONID"]


def test_requests_are_recorded_in_the_order_of_their_answers(place: Place) -> None:
    place.sandbox.clear_requests()
    for number in range(5):
        place.admin("GET", f"/data/experiments/{number}")
    paths = [request.path for request in place.sandbox.requests]
    assert all(earlier < later for earlier, later in pairwise(paths))


def test_zip_whose_bytes_flip_on_disk_is_no_damaged_zip(place: Place) -> None:
    with place.sandbox.inject(FlipByte(path=FILES)):
        body = zipped({"a": b"12345", "b": b"12345"})
        headers = {"Content-Type": "application/zip"}
        path = f"{place.resource}/files/x.zip?extract=true"
        assert place.admin("PUT", path, data=body, headers=headers).status_code == 200
    assert place.files() == {"a": b"\xce2345", "b": b"12345"}
