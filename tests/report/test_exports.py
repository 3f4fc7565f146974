"""What a report and a plan say of themselves: as text, JSON, CSV and DataFrame."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.conftest import SandboxHospital
from xnat_upload import Destination, FileOutcome, Report, Status, TransferSettings
from xnat_upload.report.exports import DTYPES
from xnat_upload.settings import Compression

if TYPE_CHECKING:
    from xnat_upload.planning.request import UploadArguments

DESTINATION = Destination(hub_project_id="hub 1", accession_id="FAK09131796", scan_id="4", resource_id="SEG")
OUTCOME = FileOutcome(
    destination=DESTINATION,
    name="a.nii",
    path=Path("/data/out/a.nii"),
    url="https://xnat.example/data/projects/P/subjects/S/experiments/E/scans/4/resources/SEG/files/a.nii",
    size_bytes=2048,
    md5="900150983cd24fb0d6963f7d28e17f72",
    status=Status.STORED,
    reason="size and MD5 agree",
    attempts=1,
    seconds=0.25,
    bytes_on_the_line=1024,
)
FAILED = dataclasses.replace(
    OUTCOME, name="b.nii", md5=None, bytes_on_the_line=2048, status=Status.FAILED, reason="the archive does not list it"
)
REPORT = Report(files=(OUTCOME, FAILED), extra=("theirs.nii",), seconds=2.0)


def place(ward: SandboxHospital, root: Path, *, scan_id: str = "4", exist_ok: bool = False) -> UploadArguments:
    return {
        "hub_project_id": ward.hub_project_id,
        "accession_id": ward.accession_id,
        "scan_id": scan_id,
        "resource_id": "SEG",
        "root": root,
        "exist_ok": exist_ok,
    }


def renamed(name: str) -> Report:
    return Report(files=(dataclasses.replace(OUTCOME, name=name),), seconds=1.0)


def test_json_is_one_document_with_summary_totals_and_files() -> None:
    document = json.loads(REPORT.to_json())
    assert list(document) == ["summary", "totals", "files"]
    assert document["summary"] == REPORT.summary
    assert document["totals"] == {
        "ok": False,
        "files": 2,
        "stored": 1,
        "skipped": 0,
        "unproven": 0,
        "failed": 1,
        "not_sent": 0,
        "bytes_sent": 2048,
        "bytes_lost": 2048,
        "bytes_on_the_line": 3072,
        "seconds": 2.0,
        "bytes_per_second": 1024.0,
        "extra": ["theirs.nii"],
        "left_out": {},
    }
    assert list(document["files"][0]) == list(DTYPES)
    assert document["files"][0]["path"] == "/data/out/a.nii"
    assert document["files"][0]["size_bytes"] == 2048
    assert document["files"][1]["md5"] is None


def test_csv_can_be_read_back() -> None:
    first, second = csv.DictReader(io.StringIO(REPORT.to_csv(), newline=""))
    assert list(first) == list(DTYPES)
    assert first["status"] == "stored"
    assert first["url"] == OUTCOME.url
    assert (second["reason"], second["md5"]) == ("the archive does not list it", "")


@pytest.mark.parametrize("name", ["=1+1.nii", "+a", "-a", "@SUM(A1)", '=HYPERLINK("x")'])
def test_a_name_that_looks_like_a_formula_is_harmless_in_a_spreadsheet(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(renamed(name).to_csv(), newline=""))
    assert row["name"] == f"'{name}"
    assert json.loads(renamed(name).to_json())["files"][0]["name"] == name


@pytest.mark.parametrize(("start", "written"), [("\t", "\\t"), ("\r", "\\r"), ("=", "'="), ("@", "'@")])
def test_the_words_of_a_server_are_no_formula_either(start: str, written: str) -> None:
    report = Report(files=(dataclasses.replace(OUTCOME, reason=f"{start}cmd"),), seconds=1.0)
    (row,) = csv.DictReader(io.StringIO(report.to_csv(), newline=""))
    assert row["reason"] == f"{written}cmd"


def test_names_with_quotes_commas_and_other_scripts_survive_every_export() -> None:
    name = 'é "1", 日本 \u05d0.nii'
    report = renamed(name)
    assert next(csv.DictReader(io.StringIO(report.to_csv(), newline="")))["name"] == name
    assert json.loads(report.to_json())["files"][0]["name"] == name
    assert report.to_dataframe()["name"][0] == name


def test_a_path_that_is_not_unicode_can_be_exported() -> None:
    report = Report(files=(dataclasses.replace(OUTCOME, path=Path("/data/\udcff/a.nii")),), seconds=1.0)
    assert json.loads(report.to_json().encode())["files"][0]["path"] == "/data/\\udcff/a.nii"
    assert "udcff" in report.to_csv().encode().decode()


def test_a_dataframe_has_real_types() -> None:
    frame = REPORT.to_dataframe()
    assert list(frame.columns) == list(DTYPES)
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == dict(DTYPES)
    assert list(frame["status"].cat.categories) == [status.value for status in Status]
    assert frame["size_bytes"].sum() == 4096
    assert pd.isna(frame["md5"][1])
    assert frame.groupby("status", observed=True).size().to_dict() == {"stored": 1, "failed": 1}


def test_a_dataframe_made_in_pieces_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = REPORT.to_dataframe()
    monkeypatch.setattr("xnat_upload.report.exports._PIECE_ROWS", 1)
    pd.testing.assert_frame_equal(REPORT.to_dataframe(), whole)


def test_a_dataframe_of_no_files_has_the_same_types() -> None:
    frame = Report(files=(), seconds=0.0).to_dataframe()
    assert len(frame) == 0
    assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == dict(DTYPES)


def test_exports_of_a_real_upload_hold_no_secret(ward: SandboxHospital, tmp_path: Path) -> None:
    ward.sandbox.add_user("ada", "s3cret-word")
    ward.sandbox.add_member(ward.project_id, "ada")
    (tmp_path / "a.nii").write_bytes(b"a")
    with dataclasses.replace(ward, user="ada", password="s3cret-word").connect() as uploader:
        plan = uploader.plan("a.nii", **place(ward, tmp_path))
        report = uploader.run(plan)
        session_ids = [request.session_id for request in ward.sandbox.requests if request.session_id]
        shown = "".join(
            [
                report.to_json(),
                report.to_csv(),
                report.to_dataframe().to_string(),
                str(report),
                repr(report),
                str(plan),
                repr(plan),
                report._repr_html_(),
                plan._repr_html_(),
                uploader._repr_html_(),
            ]
        )
    assert session_ids
    assert not [secret for secret in ("s3cret-word", *session_ids) if secret in shown]


def test_a_plan_says_in_one_line_what_would_happen_and_then_why(ward: SandboxHospital, tmp_path: Path) -> None:
    for name in ("new.nii", "same.nii", "changed.nii"):
        (tmp_path / name).write_bytes(name.encode())
    ward.put("4", "SEG", "same.nii", b"same.nii")
    ward.put("4", "SEG", "changed.nii", b"other")
    with ward.connect() as uploader:
        names = ["new.nii", "same.nii", "changed.nii"]
        plan = uploader.plan(names, **place(ward, tmp_path, exist_ok=True))
        refused = uploader.plan(names[:2], **place(ward, tmp_path))
    assert plan.summary == (
        "2 files to send (18 bytes) in 2 requests, 1 of them to replace others, 1 stored already, 0 refused"
    )
    first, header, *rows = str(plan).splitlines()
    assert first == f"{ward.accession_id} / scan 4 / SEG: {plan.summary}"
    assert header.split() == ["action", "size", "file", "reason"]
    assert [row.split()[0] for row in rows] == ["send", "skip", "replace"]
    assert "stored with 5 bytes" in rows[2]
    assert refused.summary == "1 file to send (7 bytes) in 1 request, 0 stored already, 1 refused"


def test_a_long_table_shows_what_went_wrong_first_and_says_what_it_leaves_out() -> None:
    files = [dataclasses.replace(OUTCOME, name=f"{number}.nii") for number in range(500)]
    files[450] = dataclasses.replace(FAILED, name="bad.nii")
    lines = str(Report(files=tuple(files), seconds=1.0)).splitlines()
    assert "bad.nii" in lines[1]
    assert lines[-2] == "… and 460 more"
    assert len(lines) == 43


def test_a_table_stays_bounded_when_everything_went_wrong() -> None:
    files = tuple(dataclasses.replace(FAILED, name=f"{number}.nii") for number in range(5000))
    assert len(str(Report(files=files, seconds=1.0)).splitlines()) == 203


def test_the_words_of_a_server_cannot_move_the_cursor_of_a_terminal() -> None:
    report = Report(files=(dataclasses.replace(FAILED, reason="gone\x1b[2J\nstored"),), seconds=1.0)
    assert "\x1b" not in str(report)
    assert len(str(report).splitlines()) == 3


@pytest.mark.parametrize(
    ("compression", "said"),
    [("auto", "Files travel deflated where that is faster."), ("always", "Files travel deflated."), ("never", "")],
)
def test_a_plan_says_whether_files_are_deflated(
    ward: SandboxHospital, tmp_path: Path, compression: Compression, said: str
) -> None:
    (tmp_path / "a.nii").write_bytes(bytes(1 << 20))
    with ward.connect(settings=TransferSettings(compression=compression)) as uploader:
        plan = uploader.plan("a.nii", **place(ward, tmp_path))
    assert str(plan).endswith(said or plan.steps[0].reason)
    assert json.loads(plan.to_json())["totals"]["compression"] == compression
