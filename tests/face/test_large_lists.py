"""Lists that are large on a large site: asked for only where nothing else tells, and for no more than is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SandboxHospital
from xnat_upload import Uploader, UploadRequest
from xnat_upload.cli.main import run

FILES = {"a.nii": b"bytes of a"}
Call = Callable[[Uploader, SandboxHospital, Path], Any]


def words(ward: SandboxHospital) -> dict[str, Any]:
    return {"project_id": ward.project_id, "accession_id": ward.accession_id, "scan_id": "4", "resource_id": "SEG"}


def element(uploader: Uploader, ward: SandboxHospital) -> Any:
    project = uploader.interface.select.project(ward.project_id)
    return project.subject(ward.subject_label).experiment(ward.accession_id)


def cohort(uploader: Uploader, ward: SandboxHospital, folder: Path) -> Any:
    (folder / "a.nii").write_bytes(b"bytes of a")
    return uploader.upload_cohort([{**words(ward), "file": "a.nii"}], root=folder, progress=False)


def command(_: Uploader, ward: SandboxHospital, folder: Path) -> Any:
    (folder / "a.nii").write_bytes(b"bytes of a")
    place = ["--project-id", ward.project_id, "--accession", ward.accession_id, "--scan", "4", "--resource", "SEG"]
    return run(["put", "a.nii", *place])


CALLS: dict[str, Call] = {
    "upload": lambda uploader, ward, _: uploader.upload(FILES, **words(ward)),
    "upload to an element": lambda uploader, ward, _: uploader.upload(
        FILES, to=element(uploader, ward), scan_id="4", resource_id="SEG"
    ),
    "upload_async": lambda uploader, ward, _: asyncio.run(uploader.upload_async(FILES, **words(ward))),
    "upload_many": lambda uploader, ward, _: uploader.upload_many([UploadRequest(files=FILES, **words(ward))]),
    "upload_cohort": cohort,
    "command line": command,
    "upload_file": lambda uploader, ward, _: uploader.upload_file(b"a", name="a", **{**words(ward), "scan_id": None}),
    "plan": lambda uploader, ward, _: uploader.plan(FILES, **words(ward)),
    "locate": lambda uploader, ward, _: uploader.locate(ward.accession_id, project_id=ward.project_id),
    "create_scan": lambda uploader, ward, _: uploader.create_scan(
        scan_id="4", project_id=ward.project_id, accession_id=ward.accession_id
    ),
    "create_resource": lambda uploader, ward, _: uploader.create_resource(**{**words(ward), "scan_id": None}),
}


@pytest.mark.parametrize("call", CALLS)
def test_who_knows_the_project_asks_for_no_list_of_projects(
    ward: SandboxHospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    for name, value in {"XNAT_HOST": ward.server, "XNAT_USER": ward.user, "XNAT_PASS": ward.password}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with ward.connect() as uploader:
        CALLS[call](uploader, ward, tmp_path)
    assert len(ward.sandbox.requests) >= 3
    assert not ward.sandbox.requests.matching(path=r"/data/projects/?$")


def test_a_hubs_id_is_looked_for_in_two_columns_whatever_else_a_project_says_of_itself(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        uploader.locate(ward.accession_id, hub_project_id=ward.hub_project_id)
    (asked,) = ward.sandbox.requests.matching(path=r"/data/projects$")
    assert asked.query == {"format": "json", "columns": "ID,secondary_ID"}


def test_the_label_of_a_subject_is_looked_for_among_those_of_that_label(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        uploader.upload(FILES, to=element(uploader, ward), scan_id="4", resource_id="SEG")
    (asked,) = ward.sandbox.requests.matching(path=r"/subjects$")
    assert asked.query["label"] == ward.subject_label
