"""An uploader for each request of a service: connections are those of the one before, and the session is its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import pyxnat
import urllib3.util.connection

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from xnat_upload import Uploader
from xnat_upload.archive import parking
from xnat_upload.archive.adapter import PoolAdapter
from xnat_upload.archive.parking import PARKING
from xnat_upload.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _nothing_is_parked() -> Iterator[None]:
    PARKING.clear()
    yield
    PARKING.clear()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The address of each connection that is made from now on."""
    made: list[tuple[str, int]] = []
    connect = urllib3.util.connection.create_connection

    def count(address: tuple[str, int], *arguments: Any, **options: Any) -> Any:
        made.append(address)
        return connect(address, *arguments, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", count)
    return made


def upload(ward: SandboxHospital, name: str, **options: Any) -> None:
    with ward.connect(**options) as uploader:
        report = uploader.upload(
            {name: b"x"},
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id="SEG",
        )
    assert report.ok


def test_the_next_uploader_of_a_login_costs_a_login_and_no_connection(
    ward: SandboxHospital, connections: list[tuple[str, int]]
) -> None:
    upload(ward, "a")
    assert len(connections) == 1
    ward.sandbox.clear_requests()
    upload(ward, "b")
    assert len(connections) == 1
    asked = [f"{one.method} {one.path.rpartition('/')[2].rpartition('.')[2]}" for one in ward.sandbox.requests]
    assert asked == [
        "GET auth",
        f"GET {ward.accession_id}",
        "GET files",
        "PUT SEG",
        "PUT zip",
        "GET files",
        "DELETE JSESSION",
    ]


def test_each_uploader_has_a_session_of_its_own_and_ends_it(ward: SandboxHospital) -> None:
    upload(ward, "a")
    upload(ward, "b")
    sessions = [one.session_id for one in ward.sandbox.requests if one.path.endswith(("/auth", "/JSESSION"))]
    first, first_ended, second, second_ended = sessions
    assert first == first_ended != second == second_ended


def test_uploaders_at_the_same_time_do_not_wait_for_each_others_connections(
    ward: SandboxHospital, connections: list[tuple[str, int]]
) -> None:
    one_worker = replace(IMPATIENT, workers=1)
    with ward.connect(settings=one_worker) as first, ward.connect(settings=one_worker) as second:
        with ward.sandbox.hold("answer-ready", within="/data/projects") as hold:
            asking = threading.Thread(target=first.locate, args=(ward.hub_project_id, ward.accession_id))
            asking.start()
            hold.wait_until_reached()
            assert second.user == ward.user
            second.locate(ward.accession_id, project_id=ward.project_id)
        asking.join()
    assert len(connections) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"settings": replace(IMPATIENT, workers=3)},
        {"verify": False},
        {"headers": {"Authorization": "Basic YWRtaW46YWRtaW4="}},
    ],
    ids=["workers", "tls", "login"],
)
def test_who_connects_in_another_way_has_connections_of_its_own(
    ward: SandboxHospital, connections: list[tuple[str, int]], other: dict[str, Any]
) -> None:
    with ward.connect():
        pass
    login = {} if "headers" in other else {"user": ward.user, "password": ward.password}
    with Uploader.connect(ward.server, **{"settings": IMPATIENT, **login, **other}):
        pass
    assert len(connections) == 2


def test_another_users_connections_are_not_taken(ward: SandboxHospital, connections: list[tuple[str, int]]) -> None:
    ward.sandbox.add_user("other", "secret")
    with ward.connect():
        pass
    with Uploader.connect(ward.server, user="other", password="secret", settings=IMPATIENT) as uploader:
        assert uploader.user == "other"
    assert len(connections) == 2


def test_who_shows_another_header_with_each_request_has_connections_of_its_own(
    ward: SandboxHospital, connections: list[tuple[str, int]]
) -> None:
    for user in ("one", "two"):
        interface = pyxnat.Interface(ward.server, user=ward.user, password=ward.password)
        interface._http.headers["X-Remote-User"] = user
        with Uploader(interface, settings=IMPATIENT) as uploader:
            assert uploader.user == ward.user
    assert len(connections) == 2


def test_what_the_server_has_closed_meanwhile_is_not_used(connections: list[tuple[str, int]]) -> None:
    patient_once = replace(IMPATIENT, attempts=1)
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with Uploader.connect(sandbox.url, user=sandbox.user, password=sandbox.password, settings=patient_once):
            pass
    with Sandbox(port=port) as sandbox:
        with Uploader.connect(sandbox.url, user=sandbox.user, password=sandbox.password, settings=patient_once):
            pass
        assert len(connections) == 2


def test_what_nobody_takes_is_closed_after_a_while(ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    close = PoolAdapter.close

    def tell(self: PoolAdapter) -> None:
        close(self)
        closed.set()

    monkeypatch.setattr(PoolAdapter, "close", tell)
    monkeypatch.setattr(parking, "_PARKED_SECONDS", 0.01)
    with ward.connect():
        assert not closed.is_set()
    assert closed.wait(10)


def test_no_more_than_a_few_are_parked(ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "_MOST_PARKED", 2)
    uploaders = [ward.connect() for _ in range(4)]
    for uploader in uploaders:
        uploader.close()
        uploader.close()
    assert len(PARKING._places) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="wants fork")
def test_a_forked_child_takes_nothing_that_its_parent_has_parked(
    ward: SandboxHospital, connections: list[tuple[str, int]]
) -> None:
    upload(ward, "parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            upload(ward, "child")
            status = 0 if len(connections) == 2 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    upload(ward, "parent2")
    assert len(connections) == 1
