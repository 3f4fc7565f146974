"""Options of put and cohort that say how files travel and how they are proven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import environment, place
from tests.hospital import open_hospital
from xnat_upload.cli.main import run
from xnat_upload.sandbox import Sandbox


@pytest.mark.parametrize("command", ["put", "cohort"])
def test_what_an_old_archive_cannot_prove_is_read_back_if_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "a.nii").write_bytes(b"bytes of a")
    with Sandbox(profile="1.6") as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        for name, value in environment(hospital).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        where = (hospital.hub_project_id, hospital.accession_id)
        (tmp_path / "c.csv").write_text(
            "hub_project_id,accession_id,scan_id,resource_id,file\n{},{},4,SEG,a.nii".format(*where)
        )
        asked = ["put", "a.nii", *place(hospital)] if command == "put" else ["cohort", "c.csv"]
        assert run([*asked, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["unproven"] == 1
        hospital.ask("DELETE", hospital.resource_path("4", "SEG"), params={"removeFiles": "true"})
        assert run([*asked, "--json", "--read-back"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["stored"] == 1


@pytest.mark.parametrize("command", ["put", "cohort"])
def test_files_travel_deflated_if_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "a.nii").write_bytes(bytes(10_000))
    with Sandbox() as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        for name, value in environment(hospital).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "c.csv").write_text(
            "hub_project_id,accession_id,scan_id,resource_id,file\n"
            f"{hospital.hub_project_id},{hospital.accession_id},4,SEG,a.nii"
        )
        asked = ["put", "a.nii", *place(hospital)] if command == "put" else ["cohort", "c.csv"]
        assert run([*asked, "--json", "--compression", "always"]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["bytes_on_the_line"] < 200
        assert run([*asked, "--compression", "gzip"]) == 2
