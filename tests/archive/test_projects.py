"""The hub's ID finds one project, the one that bears it now, or the message says what to look for."""

from __future__ import annotations

import json
import time

import pytest

from tests.conftest import SandboxHospital
from tests.odd_server import OddServer, answer
from xnat_upload import NotFoundError, Uploader


def locate_on(*projects: tuple[str, str], hub_project_id: str) -> str:
    rows = [{"ID": project_id, "secondary_ID": secondary_id} for project_id, secondary_id in projects]
    listing = answer(json.dumps({"ResultSet": {"Result": rows}}).encode())
    with (
        OddServer(lambda method, path: listing) as server,
        Uploader.connect(server.url, user="ada", password="s3cret") as uploader,
        pytest.raises(NotFoundError) as caught,
    ):
        uploader.locate(hub_project_id, "ACC")
    return str(caught.value)


def test_a_projects_own_id_is_told_from_its_secondary_id() -> None:
    told = locate_on(("LUNG", "hub-1"), ("HEART", ""), hub_project_id="LUNG")
    assert told == (
        "'LUNG' is the project's own ID. Its secondary ID, which XNAT's pages call Running Title, is 'hub-1'."
    )
    assert locate_on(("LUNG", "hub-1"), ("HEART", ""), hub_project_id="HEART").endswith(
        "is empty; let an owner enter it."
    )


def test_a_secondary_id_that_no_project_bears_is_told_with_where_to_look() -> None:
    assert "Running Title" in locate_on(("LUNG", "hub-1"), hub_project_id="HUB-1")


def test_a_secondary_id_of_several_projects_opens_none_of_them() -> None:
    told = locate_on(("LUNG", "hub-1"), ("HEART", "hub-1"), hub_project_id="hub-1")
    assert "several projects: 'LUNG', 'HEART'" in told


def test_an_exact_secondary_id_goes_before_one_that_is_so_when_unescaped(ward: SandboxHospital) -> None:
    assert "several" not in locate_on(("LUNG", "a &amp; b"), ("HEART", "c"), hub_project_id="x & y")
    told = locate_on(("P1", "a & b"), ("P2", "a &amp; b"), ("P3", "a & b"), hub_project_id="a & b")
    assert "'P1', 'P3'" in told


def test_a_secondary_id_that_has_moved_to_another_project_is_found_there(
    ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"{ward.project_id}_2"
    with ward.connect() as uploader:
        before = uploader.locate(ward.hub_project_id, ward.accession_id)
        moved = ward.ask("PUT", f"/data/projects/{ward.project_id}", params={"secondary_ID": f"{ward.project_id} old"})
        assert moved.status_code == 200
        ward.ask("PUT", f"/data/projects/{other}", params={"secondary_ID": ward.hub_project_id})
        path = f"/data/projects/{other}/subjects/S/experiments/{ward.accession_id}"
        ward.ask("PUT", path, params={"xsiType": "xnat:mrSessionData"})
        now = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: now() + 61)
        after = uploader.locate(ward.hub_project_id, ward.accession_id)
    ward.ask("DELETE", f"/data/projects/{other}", params={"removeFiles": "true"})
    assert (before.project_id, after.project_id) == (ward.project_id, other)


def test_a_project_whose_id_no_path_can_hold_is_not_asked_for() -> None:
    assert "No project with the secondary ID" in locate_on(("../../x", "hub-1"), hub_project_id="hub-1")
