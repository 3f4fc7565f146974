"""Many uploads from a table."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import pytest_mock

from tests.cohort.manifests import cohort, row, stored
from tests.conftest import SandboxHospital
from xnat_upload import (
    CohortReport,
    IncompleteUploadError,
    InvalidManifestError,
    Progress,
    Report,
    Resource,
    TransferSettings,
    UploadInterrupted,
)
from xnat_upload.archive.client import Archive
from xnat_upload.sandbox.faults import Refuse
from xnat_upload.sandbox.holds import Hold


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
    paths = [file.path or Path() for file in report.files]
    assert [str(path.relative_to(tmp_path)) for path in paths] == [each["file"] for each in rows]
    assert {file.status for file in report.files} == {"stored"}
    for file, path in zip(report.files, paths, strict=True):
        assert ward.ask("GET", file.url.removeprefix(ward.server)).content == path.read_bytes()


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
        *("name", "url", "size_bytes", "md5", "status", "reason", "attempts", "seconds", "bytes_on_the_line"),
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

    def another_was_faster(self: Archive, resource: Resource, **how: Any) -> bool:
        ward.put("4", "SEG", "same.nii", b"ours")
        ward.put("4", "SEG", "other.nii", b"theirs")
        return create(self, resource, **how)

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


def test_progress_does_not_call_done_what_was_not_stored(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path)
    seen: list[Progress] = []
    with ward.sandbox.inject(Refuse(403, "no right", path="/resources/", method="PUT", nth=1)), ward.connect() as up:
        report = up.upload_cohort(rows, root=tmp_path, progress=seen.append)
    missing = len(report.failed)
    assert 0 < missing < len(rows)
    assert (seen[-1].files_done, seen[-1].files_failed) == (len(rows) - missing, missing)
    assert seen[-1].bytes_sent == sum(file.size_bytes for file in report.files if file.ok) < seen[-1].bytes_total


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
    assert isinstance(caught.value.report, Report)
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


def test_a_row_may_name_another_name_xnats_project_and_a_directory(ward: SandboxHospital, tmp_path: Path) -> None:
    for name in ("a.nii", "masks/left.nii", "masks/deep/right.nii", "masks/.DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    own = {"hub_project_id": "", "project_id": ward.project_id}
    rows = [row(ward, "a.nii", name="label_63.nii", reader="ada"), {**row(ward, "masks"), **own, "reader": "bob"}]
    with ward.connect() as uploader:
        report = uploader.upload_cohort(rows, root=tmp_path)
        assert [file.name for file in report.files] == ["label_63.nii", "right.nii", "left.nii"]
        assert list(report.to_dataframe()["reader"]) == ["ada", "bob", "bob"]
        assert report.ok
        again = uploader.upload_cohort(rows[1:], root=tmp_path, exist_ok="same", keep_paths=True)
        assert [file.name for file in again.files] == ["masks/deep/right.nii", "masks/left.nii"]
    assert stored_names(ward) == {"label_63.nii", "right.nii", "left.nii", "masks/deep/right.nii", "masks/left.nii"}


def stored_names(ward: SandboxHospital) -> set[str]:
    return set(ward.content("4", "SEG"))
