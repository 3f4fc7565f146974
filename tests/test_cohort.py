"""What `upload_cohort` promises: all faults first, then everything that can be stored, and a report by row."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import pytest_mock

from tests.conftest import SandboxHospital
from xnat_upload import (
    CohortReport,
    IncompleteUploadError,
    InvalidManifestError,
    MissingDependencyError,
    MissingFileError,
    Progress,
    Report,
    Resource,
    TransferSettings,
    UploadInterrupted,
)
from xnat_upload.archive import Archive
from xnat_upload.columns import PackedText, RepeatedText
from xnat_upload.manifest import Manifest
from xnat_upload.manifest_source import text_of
from xnat_upload.sandbox.faults import Refuse
from xnat_upload.sandbox.holds import Hold

Row = dict[str, Any]


def row(ward: SandboxHospital, file: str, **cells: Any) -> Row:
    return {
        "hub_project_id": ward.hub_project_id,
        "accession_id": ward.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
        "file": file,
        **cells,
    }


def cohort(ward: SandboxHospital, root: Path, *, sessions: int = 3, files: int = 2) -> list[Row]:
    """Some sessions with two resources each, and their files."""
    rows = []
    for number in range(sessions):
        label = f"ACC{number}"
        ward.sandbox.add_session(ward.project_id, label, xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        for scan_id in ("4", "new"):
            for index in range(files):
                name = f"{label}/{scan_id}/{index}.nii"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(f"bytes of {name}".encode())
                rows.append(row(ward, name, accession_id=label, scan_id=scan_id, patient=f"patient {number}"))
    return rows


def stored(ward: SandboxHospital, rows: list[Row]) -> dict[str, bytes]:
    """What the archive holds of these rows, by their file."""
    found = {}
    for each in rows:
        files = ward.sandbox.files(ward.project_id, each["accession_id"], each["scan_id"], each["resource_id"])
        name = Path(each["file"]).name
        if name in files:
            found[each["file"]] = files[name]
    return found


def faults_of(ward: SandboxHospital, manifest: Any, root: Path) -> list[str]:
    """Upload what cannot be uploaded; nothing may be asked of the archive."""
    with ward.connect() as uploader:
        ward.sandbox.clear_requests()
        with pytest.raises(InvalidManifestError) as caught:
            uploader.upload_cohort(manifest, root=root)
        assert ward.sandbox.requests == ()
    assert len(str(caught.value)) < 5000
    return [str(fault) for fault in caught.value.faults]


# Uploading


def test_every_row_arrives_in_its_resource_and_the_report_has_the_manifests_order(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    rows = cohort(ward, tmp_path)
    rows = rows[::2] + rows[1::2]
    with ward.connect() as uploader:
        report = uploader.upload_cohort(rows, root=tmp_path)
    assert report.ok
    assert report.raise_if_incomplete() is report
    assert stored(ward, rows) == {each["file"]: (tmp_path / each["file"]).read_bytes() for each in rows}
    assert [str(file.path.relative_to(tmp_path)) for file in report.files] == [each["file"] for each in rows]
    assert {file.status for file in report.files} == {"stored"}
    for file in report.files:
        assert ward.ask("GET", file.url.removeprefix(ward.server)).content == file.path.read_bytes()


@pytest.mark.parametrize("kind", ["frame", "csv", "csv with semicolons", "parquet", "generator"])
def test_a_manifest_may_be_a_frame_a_file_or_mappings(ward: SandboxHospital, tmp_path: Path, kind: str) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    frame = pd.DataFrame(rows)
    manifest: Any = frame
    if kind.startswith("csv"):
        manifest = tmp_path / "cohort.csv"
        frame.to_csv(manifest, index=False, sep=";" if "semi" in kind else ",", encoding="utf-8-sig")
    elif kind == "parquet":
        manifest = str(tmp_path / "cohort.parquet")
        frame.to_parquet(manifest)
    elif kind == "generator":
        manifest = iter(rows)
    with ward.connect() as uploader:
        report = uploader.upload_cohort(manifest, root=tmp_path)
    assert report.ok
    merged = report.to_dataframe()
    assert list(merged.columns) == [
        *frame.columns,
        *("name", "url", "size_bytes", "md5", "status", "reason", "attempts", "seconds"),
    ]
    for column in frame.columns:
        assert list(merged[column]) == list(frame[column])
    assert list(merged["status"]) == ["stored"] * len(rows)
    assert str(merged["size_bytes"].dtype) == "Int64"
    assert str(merged["status"].dtype) == "category"


@pytest.mark.parametrize("exist_ok", [False, True])
def test_a_resource_that_appears_while_its_session_is_opened_is_looked_into(
    ward: SandboxHospital, tmp_path: Path, exist_ok: bool, mocker: pytest_mock.MockerFixture
) -> None:
    for name in ("same.nii", "other.nii", "new.nii"):
        (tmp_path / name).write_bytes(b"ours")
    create = Archive.create_resource

    def another_was_faster(self: Archive, resource: Resource) -> bool:
        ward.put("4", "SEG", "same.nii", b"ours")
        ward.put("4", "SEG", "other.nii", b"theirs")
        return create(self, resource)

    mocker.patch.object(Archive, "create_resource", another_was_faster)
    with ward.connect() as uploader:
        rows = [row(ward, name) for name in ("same.nii", "other.nii", "new.nii")]
        report = uploader.upload_cohort(rows, root=tmp_path, exist_ok=exist_ok)
    if exist_ok:
        assert [str(file.status) for file in report.files] == ["skipped", "stored", "stored"]
        assert ward.content("4", "SEG") == {"same.nii": b"ours", "other.nii": b"ours", "new.nii": b"ours"}
    else:
        assert [str(file.status) for file in report.files] == ["failed", "failed", "not sent"]
        assert ward.content("4", "SEG") == {"same.nii": b"ours", "other.nii": b"theirs"}


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1"])
def test_a_workbook_is_told_from_a_csv(ward: SandboxHospital, tmp_path: Path, start: bytes) -> None:
    workbook = tmp_path / "cohort.xlsx"
    workbook.write_bytes(start + bytes(range(256)) * 20)
    with ward.connect() as uploader, pytest.raises(InvalidManifestError, match="is a workbook"):
        uploader.upload_cohort(workbook, root=tmp_path)


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
def test_a_csv_is_read_whatever_ends_its_lines_and_surrounds_its_headings(
    ward: SandboxHospital, tmp_path: Path, line_end: str
) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    lines = [" , ".join(rows[0]), *(",".join(each.values()) for each in rows), ""]
    (tmp_path / "cohort.csv").write_text(line_end.join(lines), newline="")
    with ward.connect() as uploader:
        assert uploader.upload_cohort(tmp_path / "cohort.csv", root=tmp_path).count("stored") == len(rows)


@pytest.mark.parametrize("name", ["-m.nii", "=1+1", "@a", "'-quoted", "'", "plain.nii"])
def test_a_saved_report_is_a_manifest_whatever_its_files_are_called(
    ward: SandboxHospital, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"a mask")
    with ward.connect() as uploader:
        report = uploader.upload_cohort([row(ward, name, scan_id="-4", note="'=2")], root=tmp_path)
        (tmp_path / "report.csv").write_text(report.to_csv(), encoding="utf-8", newline="")
        again = uploader.upload_cohort(tmp_path / "report.csv", root=tmp_path, exist_ok=True)
    assert report.count("stored") == again.count("skipped") == 1
    frame = again.to_dataframe()
    assert (frame["file"][0], frame["scan_id"][0], frame["note"][0]) == (name, "-4", "'=2")


def test_a_failing_accession_stops_no_other(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path, sessions=4)
    rows[0]["accession_id"] = rows[1]["accession_id"] = "GONE"
    ward.put("4", "SEG", "taken.nii", b"theirs")
    for name in ("taken.nii", "beside.nii"):
        (tmp_path / name).write_bytes(b"ours")
        rows.append(row(ward, name))
    with (
        ward.sandbox.inject(Refuse(403, "no right here", path="/resources/SEG$", method="PUT", nth=1)),
        ward.connect() as uploader,
    ):
        report = uploader.upload_cohort(rows, root=tmp_path)
    assert not report.ok
    reasons = {file.name if "/" not in str(each["file"]) else each["file"]: (str(file.status), file.reason)
               for each, file in zip(rows, report.files, strict=True)}  # fmt: skip
    assert reasons["taken.nii"] == ("failed", "in the resource already, and replacing was not asked for")
    assert reasons["beside.nii"] == ("not sent", "not sent, because other names are there already")
    assert reasons["ACC0/4/0.nii"][0] == "not sent"
    assert "'GONE'" in reasons["ACC0/4/0.nii"][1]
    refused = [file for file in report.files if "no right here" in file.reason]
    assert {file.status for file in refused} == {"not sent"}
    assert len(refused) == 2
    assert report.count("stored") == len(rows) - 2 - 2 - 2
    assert ward.content("4", "SEG") == {"taken.nii": b"theirs"}
    with pytest.raises(IncompleteUploadError, match="6 of 18 files of the cohort are not stored") as caught:
        report.raise_if_incomplete()
    assert caught.value.report is report


def test_running_again_finishes_the_rest(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path)
    with ward.connect() as uploader:
        with ward.sandbox.inject(Refuse(500, path="/scans/new/.*/files/", method="PUT", nth=2, times=None)):
            first = uploader.upload_cohort(rows, root=tmp_path)
        assert 0 < first.count("stored") < len(rows)
        ward.sandbox.clear_requests()
        again = uploader.upload_cohort(first.to_dataframe(), root=tmp_path, exist_ok=True)
    assert again.ok
    assert again.count("skipped") == first.count("stored")
    sent = [request for request in ward.sandbox.requests if request.method == "PUT" and "/files/" in request.path]
    assert len(sent) == (len(rows) - first.count("stored")) // 2
    assert list(again.to_dataframe().columns) == list(first.to_dataframe().columns)


def test_without_exist_ok_running_again_sends_nothing_and_says_what_is_there(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    with ward.connect() as uploader:
        uploader.upload_cohort(rows, root=tmp_path).raise_if_incomplete()
        report = uploader.upload_cohort(rows, root=tmp_path)
    assert {file.reason for file in report.files} == {"in the resource already, and replacing was not asked for"}


def test_a_resource_has_one_writer_and_resources_of_a_new_scan_make_it_once(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    rows = []
    for number in range(6):
        (tmp_path / f"{number}.nii").write_bytes(b"bytes")
        rows.append(
            row(ward, f"{number}.nii", scan_id="new", resource_id=f"R{number % 3}", scan_type="xnat:segScanData")
        )
    with ward.connect() as uploader:
        assert uploader.upload_cohort(rows, root=tmp_path).ok
        assert uploader.locate(ward.hub_project_id, ward.accession_id).scan_types["new"] == "xnat:segScanData"
    paths = [request.path for request in ward.sandbox.requests if request.method == "PUT"]
    assert sum(path.endswith("/scans/new") for path in paths) == 1
    assert sum("/files/" in path for path in paths) == 3
    assert len(paths) == 1 + 3 + 3


def test_one_session_under_two_names_never_gets_two_writers(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "b.nii").write_bytes(b"b")
    with ward.connect() as uploader:
        experiment_id = uploader.locate(ward.hub_project_id, ward.accession_id).experiment_id
        report = uploader.upload_cohort(
            [row(ward, "a.nii"), row(ward, "b.nii", accession_id=experiment_id)], root=tmp_path
        )
    assert [str(file.status) for file in report.files] == ["stored", "not sent"]
    assert "Name it so in all rows" in report.files[1].reason


def test_at_most_as_many_resources_as_workers_are_written_at_once(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path, sessions=6, files=1)
    threads: set[str] = set()
    with ward.connect(settings=TransferSettings(workers=2)) as uploader, ward.sandbox.hold("bytes-written") as hold:
        done: list[CohortReport] = []
        thread = threading.Thread(target=lambda: done.append(uploader.upload_cohort(rows, root=tmp_path)))
        thread.start()
        hold.wait_until_reached()
        threads = {one.name for one in threading.enumerate() if one.name.startswith("xnat-upload-cohort")}
        hold.release()
        thread.join()
    assert len(threads) == 2
    assert done[0].ok


def test_progress_counts_every_file_and_byte(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path)
    seen: list[Progress] = []
    with ward.connect() as uploader:
        uploader.upload_cohort(rows, root=tmp_path, progress=seen.append)
    total = sum((tmp_path / each["file"]).stat().st_size for each in rows)
    assert seen[-1] == Progress(files_done=len(rows), files_total=len(rows), bytes_sent=total, bytes_total=total)


def test_interrupting_stops_and_the_report_says_what_is_stored(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path, sessions=8, files=1)
    pressed: list[Progress] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ward.connect(settings=TransferSettings(workers=1)) as uploader:

            def interrupt_after_three(now: Progress) -> None:
                if now.files_done == 3 and not pressed:
                    pressed.append(now)
                    os.kill(os.getpid(), signal.SIGINT)

            with pytest.raises(UploadInterrupted) as caught:
                uploader.upload_cohort(rows, root=tmp_path, progress=interrupt_after_three)
            report = caught.value.report
            assert isinstance(report, CohortReport)
            assert 3 <= report.count("stored") < len(rows)
            assert len(stored(ward, rows)) == report.count("stored")
            assert report.count("stored") + report.count("not sent") + report.count("failed") == len(rows)
            assert uploader.upload_cohort(rows, root=tmp_path, exist_ok=True).ok
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted_in_its_first_request(
    upload: Callable[[], CohortReport], hold: Hold, caplog: pytest.LogCaptureFixture
) -> Report:
    """Press Ctrl-C while the archive writes a file, and let it go on once that has been noticed."""

    def press() -> None:
        hold.wait_until_reached()
        os.kill(os.getpid(), signal.SIGINT)
        until(lambda: "Interrupted: nothing more is sent" in caplog.text)
        hold.release()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=press)
    try:
        thread.start()
        with pytest.raises(UploadInterrupted) as caught:
            upload()
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    return caught.value.report


def until(said: Callable[[], object]) -> None:
    give_up = time.monotonic() + 20
    while not said():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_interrupting_sends_nothing_more_of_a_resource_that_has_begun(
    ward: SandboxHospital, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = cohort(ward, tmp_path, sessions=1, files=3)[:3]
    with (
        ward.connect(settings=TransferSettings(batch_files=1)) as uploader,
        ward.sandbox.hold("bytes-written", within="SEG") as hold,
    ):
        report = interrupted_in_its_first_request(lambda: uploader.upload_cohort(rows, root=tmp_path), hold, caplog)
    assert [(str(file.status), file.reason) for file in report.files] == [
        ("stored", "size and MD5 agree"),
        ("not sent", "the upload was interrupted"),
        ("not sent", "the upload was interrupted"),
    ]


# Checking


def test_all_faults_are_reported_together_with_their_rows(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.nii").write_bytes(b"other a")
    (tmp_path / "link.nii").symlink_to("/etc/hostname")
    rows: list[Any] = [
        row(ward, "a.nii"),
        row(ward, "missing.nii"),
        row(ward, "../outside.nii", scan_id="5"),
        row(ward, "a.nii", scan_id="ALL", resource_id="123"),
        row(ward, "a.nii", accession_id=None, hub_project_id=float("nan"), scan_id="a b"),
        row(ward, "sub/a.nii"),
        row(ward, "sub", scan_id="6"),
        row(ward, "link.nii", scan_id="7"),
        row(ward, "a.nii", scan_id="8", scan_type="no type"),
        "no mapping",
        row(ward, "", scan_id="9"),
        row(ward, "gone.nii", scan_id="x y"),
    ]
    faults = faults_of(ward, rows, tmp_path)
    assert [fault.split(":")[0] for fault in faults] == [
        f"row {n}" for n in (1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 11)
    ]
    expected = [
        "'missing.nii' in ",
        "has a '..' component",
        "'ALL'",
        "'123'",
        "hub_project_id and accession_id are empty.",
        "'a b'",
        "'sub/a.nii' and 'a.nii' of row 0 would both be called 'a.nii' in one resource.",
        "'sub' is a directory; a row names one file.",
        "symbolic link",
        "'no type'",
        "is a str; each row must be a mapping",
        "file is empty.",
        "'x y'",
        "'gone.nii' in ",
    ]
    for fault, part in zip(faults, expected, strict=True):
        assert part in fault


def test_missing_columns_are_named_with_those_found(ward: SandboxHospital, tmp_path: Path) -> None:
    frame = pd.DataFrame({"accession": ["A"], "scan_id": ["1"], "file": ["a"], "resource_id": ["SEG"]})
    assert faults_of(ward, frame, tmp_path) == [
        "There is no column 'hub_project_id'.",
        "There is no column 'accession_id'.",
    ]
    path = tmp_path / "cohort.csv"
    path.write_text("hub_project_id,accession_id,scan_id,scan_id,resource_id\n1,2,3,4,5\n")
    assert faults_of(ward, path, tmp_path) == ["There is no column 'file'.", "There are two columns 'scan_id'."]


def test_the_rows_of_a_csv_are_counted_as_a_spreadsheet_shows_them(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    path = tmp_path / "cohort.csv"
    good = f"{ward.hub_project_id},{ward.accession_id},4,SEG,a.nii\n"
    path.write_text(
        f"hub_project_id,accession_id,scan_id,resource_id,file\n{good},,,,\n1,2\n{good.replace('4', '4.5')}\n\n"
    )
    faults = faults_of(ward, path, tmp_path)
    assert faults[0] == "row 3: is empty."
    assert faults[1] == "row 4: has 2 cells, and the heading has 5."
    assert faults[2].startswith("row 5: The scan ID '4.5'")
    assert len(faults) == 3


def test_a_csv_that_is_no_utf_8_or_no_csv_says_so(ward: SandboxHospital, tmp_path: Path) -> None:
    head = "hub_project_id,accession_id,scan_id,resource_id,file\n"
    path = tmp_path / "cohort.csv"
    path.write_bytes(head.encode() + "1,2,3,4,é.nii\n".encode("latin-1"))
    with pytest.raises(InvalidManifestError, match="is not UTF-8"):
        Manifest(path, root=tmp_path)
    path.write_text(head + '1,2,3,4,"a\n')
    with pytest.raises(InvalidManifestError, match="is no CSV"):
        Manifest(path, root=tmp_path)
    path.write_text("")
    with pytest.raises(InvalidManifestError, match=r"There is no column 'hub_project_id'\."):
        Manifest(path, root=tmp_path)
    path.write_text(head)
    with pytest.raises(InvalidManifestError, match="has no rows"):
        Manifest(path, root=tmp_path)


def test_what_is_no_manifest_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        Manifest(tmp_path / "no.csv", root=tmp_path)
    with pytest.raises(MissingFileError, match="is no directory"):
        Manifest([], root=tmp_path / "no")
    with pytest.raises(InvalidManifestError, match="this is a int"):
        Manifest(5, root=tmp_path)  # type: ignore[arg-type]
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(InvalidManifestError, match="cannot be read as Parquet"):
        Manifest(tmp_path / "bad.parquet", root=tmp_path)


def test_one_scan_cannot_have_two_types(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    rows = [
        row(ward, "a.nii", scan_id="9", resource_id="A", scan_type="xnat:ctScanData"),
        row(ward, "a.nii", scan_id="9", resource_id="B", scan_type=None),
        row(ward, "a.nii", scan_id="9", resource_id="C", scan_type="xnat:mrScanData"),
    ]
    assert faults_of(ward, rows, tmp_path) == [
        "row 2: scan '9' is 'xnat:mrScanData' here and 'xnat:ctScanData' in an earlier row."
    ]
    manifest = Manifest(rows[:2], root=tmp_path)
    assert [each.scan_type for session in manifest.sessions() for each in session.resources] == ["xnat:ctScanData"] * 2


def test_a_missing_package_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'xnat-upload\[parquet\]'"):
        Manifest(tmp_path / "a.parquet", root=tmp_path)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (4, "4"),
        (4.0, "4"),
        (4.5, "4.5"),
        ("004", "004"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (pd.Series([4]).iloc[0], "4"),
        (pd.Series([4, None]).iloc[0], "4"),
        (True, "True"),
    ],
)
def test_cells_become_the_text_that_a_person_wrote(cell: object, text: str) -> None:
    assert text_of(cell) == text


def test_numbers_of_a_spreadsheet_reach_the_archive_as_written(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = pd.DataFrame([row(ward, "a.nii", scan_id=4.0)])
    frame["scan_type"] = None
    with ward.connect() as uploader:
        report = uploader.upload_cohort(frame, root=tmp_path)
    assert report.ok
    assert report.files[0].destination.scan_id == "4"


# The report


def test_own_columns_survive_beside_the_results_and_the_index_too(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = pd.DataFrame([row(ward, "a.nii", status="checked by Ada", weight=71.5)], index=["patient-1"])
    with ward.connect() as uploader:
        report = uploader.upload_cohort(frame, root=tmp_path)
    frame["weight"] = 0.0
    merged = report.to_dataframe()
    assert merged.loc["patient-1", "status_manifest"] == "checked by Ada"
    assert merged.loc["patient-1", "status"] == "stored"
    assert merged.loc["patient-1", "weight"] == 71.5
    assert report.to_csv().splitlines()[0].startswith("hub_project_id,accession_id,scan_id,resource_id,file,status_m")


def test_the_report_is_a_report_in_every_form(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    rows[0]["patient"] = "=1+1"
    with ward.connect() as uploader:
        report = uploader.upload_cohort(rows, root=tmp_path)
    assert report.summary.startswith("4 stored; ")
    assert str(report).splitlines()[-1] == report.summary
    assert "CohortReport" in report._repr_html_()
    assert '"stored": 4' in report.to_json()
    assert "'=1+1" in report.to_csv()
    assert report.files[-1] == report.files[3]
    assert [file.name for file in report.files[:2]] == ["0.nii", "1.nii"]
    assert report.bytes_sent == sum((tmp_path / each["file"]).stat().st_size for each in rows)
    with pytest.raises(IndexError):
        report.files[4]


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet", "mappings"])
def test_a_report_can_be_pickled_and_shows_the_same(ward: SandboxHospital, tmp_path: Path, kind: str) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "cohort.parquet")
    manifests: dict[str, Any] = {
        "frame": pd.DataFrame(rows),
        "csv": tmp_path / "cohort.csv",
        "parquet": tmp_path / "cohort.parquet",
        "mappings": rows,
    }
    with ward.connect() as uploader:
        report = uploader.upload_cohort(manifests[kind], root=tmp_path)
    again = pickle.loads(pickle.dumps(report))
    assert again.to_csv() == report.to_csv()
    assert list(again.files) == list(report.files)


def test_columns_keep_every_text_and_little_memory() -> None:
    packed = PackedText()
    texts = ["", "é", "a" * 1000, "\udcff", "日本"]
    for text in texts:
        packed.append(text)
    assert list(packed) == texts
    repeated = RepeatedText(3, "")
    repeated[2] = "x"
    repeated[0] = "x"
    assert list(repeated) == ["x", "", "x"]
