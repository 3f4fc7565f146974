"""The catalog between two writers, each race made to happen the same way every time.

See docs/xnat/at-once.md, "The catalog is compared, not locked".
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import requests

from tests.sandbox.places import Caller, Place, message, place_in, zipped
from xnat_upload.sandbox import Sandbox

OCTETS = {"Content-Type": "application/octet-stream"}


def put_alone(place: Place, name: str, body: bytes, label: str = "NIFTI") -> requests.Response:
    """Write with a client of one's own, so that no session is shared between threads."""
    caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
    with caller.session:
        return caller("PUT", f"{place.scan}/resources/{label}/files/{name}", data=body, headers=OCTETS)


def test_second_writer_of_a_resource_is_refused_and_leaves_an_orphan(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("before-catalog-write", within=place.project) as hold:
        slow: Future[requests.Response] = pool.submit(put_alone, place, "slow", b"1")
        hold.wait_until_reached()
        assert put_alone(place, "quick", b"2").headers["Content-Type"] == "text/plain"
        hold.release()
        refused = slow.result()
    assert refused.status_code == 500
    assert message(refused).startswith("Another thread or process modified ")
    assert refused.headers["Connection"] == "close"
    assert place.files() == {"quick": b"2"}
    assert place.orphans() == {"slow": b"1"}
    assert place.admin("GET", f"{place.resource}/files/slow").status_code == 404


def test_request_of_nothing_but_duplicates_can_lose_too(place: Place) -> None:
    place.put("a", b"1")
    with ThreadPoolExecutor() as pool, place.sandbox.hold("catalog-read", within=place.project) as hold:
        slow = pool.submit(put_alone, place, "a", b"other")
        hold.wait_until_reached()
        put_alone(place, "b", b"2")
        hold.release()
        assert slow.result().status_code == 500
    assert place.files() == {"a": b"1", "b": b"2"}


def test_delete_that_loses_deletes_nothing(place: Place) -> None:
    place.put("a", b"1")

    def delete() -> requests.Response:
        caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
        with caller.session:
            return caller("DELETE", f"{place.resource}/files/a")

    with ThreadPoolExecutor() as pool, place.sandbox.hold("before-catalog-write", within=place.project) as hold:
        slow = pool.submit(delete)
        hold.wait_until_reached()
        put_alone(place, "b", b"2")
        hold.release()
        assert slow.result().status_code == 500
    assert place.files() == {"a": b"1", "b": b"2"}


def test_held_writer_does_not_disturb_another_resource(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("bytes-written", within=f"{place.project}/arc001") as hold:
        slow = pool.submit(put_alone, place, "slow", b"1")
        hold.wait_until_reached()
        assert put_alone(place, "quick", b"2", "OTHER").status_code == 200
        hold.release()
        assert slow.result().status_code == 200
    assert place.files() == {"slow": b"1"}


def test_two_first_writers_of_an_absent_resource(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("catalog-read", within=f"{place.project}/") as hold:
        slow = pool.submit(put_alone, place, "slow", b"1", "NEW")
        hold.wait_until_reached()
        assert put_alone(place, "quick", b"2", "NEW").status_code == 200
        hold.release()
        assert slow.result().status_code == 500
    assert place.sandbox.files(place.project, "ACC1", "1", "NEW") == {"quick": b"2"}


def test_resource_created_while_its_first_file_is_on_the_way_has_two_rows_and_two_catalogs(place: Place) -> None:
    with ThreadPoolExecutor() as pool, place.sandbox.hold("bytes-written", within=place.project) as hold:
        slow = pool.submit(put_alone, place, "a", b"1", "NEW")
        hold.wait_until_reached()
        assert place.admin("PUT", f"{place.scan}/resources/NEW").status_code == 200
        hold.release()
        assert slow.result().status_code == 200
    labels = [row["label"] for row in place.admin.rows(f"{place.scan}/resources")]
    assert labels.count("NEW") == 2
    assert place.admin("GET", f"{place.scan}/resources/NEW").status_code == 404


def test_thirty_two_writers_into_thirty_two_resources_lose_nothing(place: Place) -> None:
    members = {f"{number}.dcm": bytes([number]) * 1000 for number in range(20)}

    def fill(number: int) -> list[int]:
        caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
        path = f"{place.scan}/resources/R{number}"
        headers = {"Content-Type": "application/zip"}
        with caller.session:
            answers = [caller("PUT", path)]
            answers.append(caller("PUT", f"{path}/files/a.zip?extract=true", data=zipped(members), headers=headers))
            answers += [caller("PUT", f"{path}/files/{name}.2", data=b"x", headers=OCTETS) for name in ("a", "b")]
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(fill, range(32))) == [[200] * 4] * 32
    expected = {**members, "a.2": b"x", "b.2": b"x"}
    for number in range(32):
        assert place.sandbox.files(place.project, "ACC1", "1", f"R{number}") == expected
        assert place.sandbox.orphans(place.project, "ACC1", "1", f"R{number}") == {}


def test_parallel_writers_of_one_resource_are_listed_exactly_if_they_succeeded(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = [f"f{number}" for number in range(40)]
        answers = dict(zip(names, pool.map(lambda name: put_alone(place, name, b"x"), names), strict=True))
    stored = {name for name, answer in answers.items() if answer.status_code == 200}
    assert {answer.status_code for answer in answers.values()} <= {200, 500}
    assert set(place.names()) == stored
    assert set(place.orphans()) == set(names) - stored


def test_old_server_loses_entries_silently() -> None:
    with Sandbox(profile="1.6") as sandbox, ExitStack() as stack:
        place = place_in(sandbox, stack)
        with ThreadPoolExecutor() as pool, sandbox.hold("before-catalog-write") as hold:
            slow = pool.submit(put_alone, place, "slow", b"1")
            hold.wait_until_reached()
            assert put_alone(place, "quick", b"2").status_code == 200
            hold.release()
            assert slow.result().status_code == 200
        assert place.files() == {"slow": b"1"}
        assert place.orphans() == {"quick": b"2"}
