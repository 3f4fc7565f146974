"""Many uploads through one face: at once, in threads, with progress."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import Hospital
from tests.sending import send
from xnat_upload import (
    IncompleteUploadError,
    InvalidIdentifierError,
    MissingFileError,
    PermissionDeniedError,
    Progress,
    Report,
    Status,
    UnsafePathError,
    UploadRequest,
)
from xnat_upload.sandbox.faults import DropAfter, Fault, Refuse


def test_the_async_upload_does_the_same_without_blocking_the_loop(hospital: Hospital, images: Path) -> None:
    async def both() -> tuple[Report, int]:
        ticks = 0
        with await asyncio.to_thread(hospital.connect) as uploader:
            task = asyncio.create_task(
                uploader.upload_async(
                    ["CT_small.dcm"],
                    root=images,
                    hub_project_id=hospital.hub_project_id,
                    accession_id=hospital.accession_id,
                    scan_id="4",
                    resource_id="SEG",
                )
            )
            while not task.done():
                ticks += 1
                await asyncio.sleep(0)
            return await task, ticks

    report, ticks = asyncio.run(both())
    assert report.ok
    assert ticks > 10


def test_many_uploads_report_in_their_order_and_one_failure_stops_no_other(hospital: Hospital, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode())
    hospital.put("4", "TAKEN", "b", b"theirs")

    def request(name: str, **options: str) -> UploadRequest:
        where = {"accession_id": hospital.accession_id, "scan_id": "4", "resource_id": "NEW", **options}
        return UploadRequest(files=name, root=tmp_path, hub_project_id=hospital.hub_project_id, **where)  # type: ignore[arg-type]

    with hospital.connect() as uploader, pytest.raises(IncompleteUploadError) as caught:
        uploader.upload_many(
            [
                request("a", accession_id="NOWHERE"),
                request("b", resource_id="TAKEN"),
                request("c"),
                request("a"),
                request("b", scan_id="new"),
            ]
        )
    report = caught.value.report
    assert [(file.destination.resource_id, file.name, file.ok) for file in report.files] == [
        ("NEW", "a", False),
        ("TAKEN", "b", False),
        ("NEW", "c", True),
        ("NEW", "a", True),
        ("NEW", "b", True),
    ]
    assert hospital.content("4", "NEW") == {"a": b"a", "c": b"c"}
    assert hospital.content("new", "NEW") == {"b": b"b"}
    assert hospital.content("4", "TAKEN") == {"b": b"theirs"}


def test_many_resources_of_one_new_scan_are_created_without_a_race(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    requests = [
        UploadRequest(
            files="a",
            root=tmp_path,
            hub_project_id=hospital.hub_project_id,
            accession_id=hospital.accession_id,
            scan_id="brandnew",
            resource_id=f"R{number}",
        )
        for number in range(12)
    ]
    with hospital.connect() as uploader:
        assert uploader.upload_many(requests).ok
        accession = uploader.locate(hospital.hub_project_id, hospital.accession_id)
    assert sorted(accession.scan_types) == ["4", "brandnew"]
    rows = hospital.ask("GET", f"{hospital.session_path}/scans/brandnew/resources?format=json").json()
    labels = [row["label"] for row in rows["ResultSet"]["Result"]]
    assert sorted(labels) == sorted(f"R{number}" for number in range(12))


def test_one_uploader_in_many_threads_keeps_one_writer_in_a_resource(hospital: Hospital, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)
    with hospital.connect() as uploader:
        reports: list[Report] = []
        threads = [
            threading.Thread(target=lambda n=number: reports.append(send(uploader, hospital, f"{n}", tmp_path)))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(reports) == 8
    assert hospital.content("4", "SEG") == {f"{number}": b"%d" % number for number in range(8)}
    assert all(file.attempts == 1 for report in reports for file in report.files)


def test_progress_counts_bytes_and_files_up_to_their_totals(hospital: Hospital, images: Path) -> None:
    seen: list[Progress] = []
    with hospital.connect() as uploader:
        send(uploader, hospital, ["CT_small.dcm", "MR_small.dcm"], images, progress=seen.append)
    total = sum((images / name).stat().st_size for name in ("CT_small.dcm", "MR_small.dcm"))
    assert seen[-1] == Progress(files_done=2, files_total=2, bytes_sent=total, bytes_total=total)


@pytest.mark.parametrize("fault", [Refuse(503, path="/files/", method="PUT"), DropAfter(path="/files/", method="PUT")])
def test_a_request_that_is_sent_again_counts_once(fault: Fault, ward: SandboxHospital, images: Path) -> None:
    seen: list[Progress] = []
    with ward.sandbox.inject(fault), ward.connect() as uploader:
        send(uploader, ward, ["CT_small.dcm", "MR_small.dcm"], images, progress=seen.append)
    total = seen[-1].bytes_total
    assert seen[-1] == Progress(files_done=2, files_total=2, bytes_sent=total, bytes_total=total)
    assert [each.bytes_sent for each in seen].count(0) >= 1  # what was lost was taken back


def test_what_could_not_be_planned_is_counted_as_failed(ward: SandboxHospital, images: Path) -> None:
    seen: list[Progress] = []
    where: dict[str, Any] = {"hub_project_id": ward.hub_project_id, "scan_id": "4", "resource_id": "SEG"}
    requests = [
        UploadRequest(files=images / "CT_small.dcm", accession_id=ward.accession_id, **where),
        UploadRequest(files=images / "MR_small.dcm", accession_id="GONE", **where),
        UploadRequest(files=images / "missing.dcm", accession_id=ward.accession_id, **where),
    ]
    with ward.connect() as uploader, pytest.raises(IncompleteUploadError):
        uploader.upload_many(requests, progress=seen.append)
    assert (seen[-1].files_done, seen[-1].files_total, seen[-1].files_failed) == (1, 1, 2)


def test_a_progress_callback_that_fails_does_not_fail_the_upload(
    hospital: Hospital, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Progress) -> None:
        raise RuntimeError("nobody looks at this")

    with hospital.connect() as uploader:
        assert send(uploader, hospital, ["CT_small.dcm"], images, progress=broken).ok
    assert "The progress callback failed" in caplog.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"files": ["nowhere.nii"]}, MissingFileError),
        ({"files": []}, MissingFileError),
        ({"files": ["../seg.nii"]}, UnsafePathError),
        ({"files": ["/etc/hostname"]}, UnsafePathError),
        ({"files": ["50%.nii"]}, InvalidIdentifierError),
        ({"files": ["a/x.nii", "b/x.nii"]}, InvalidIdentifierError),
        ({"files": ["empty folder"]}, MissingFileError),
        ({"scan_id": "4/../5"}, InvalidIdentifierError),
        ({"scan_id": 4.0}, InvalidIdentifierError),
        ({"resource_id": "123"}, InvalidIdentifierError),
        ({"resource_id": "A B"}, InvalidIdentifierError),
        ({"accession_id": ""}, InvalidIdentifierError),
        ({"hub_project_id": " "}, InvalidIdentifierError),
        ({"scan_type": "mr"}, InvalidIdentifierError),
        ({"scan_type": "xnat:imageScanData"}, InvalidIdentifierError),
    ],
)
def test_every_local_fault_is_found_before_anything_is_written(
    hospital: Hospital, tmp_path: Path, change: dict[str, object], error: type[Exception]
) -> None:
    for name in ("ok.nii", "50%.nii", "a/x.nii", "b/x.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty folder").mkdir()
    arguments = {"files": ["ok.nii"], "scan_id": "new", **change}
    with hospital.connect() as uploader:
        with pytest.raises(error) as caught:
            send(uploader, hospital, arguments.pop("files"), tmp_path, **arguments)
        assert "new" not in uploader.locate(hospital.hub_project_id, hospital.accession_id).scan_types
    message = str(caught.value)
    assert len(message) < 400
    assert message.endswith((".", "'"))
    assert hospital.listing("4", "SEG") == {}


def test_a_status_compares_with_its_text() -> None:
    status: str = Status.STORED
    assert status == "stored"
    assert f"{Status.NOT_SENT}" == "not sent"


def test_a_user_without_edit_right_is_denied_though_xnat_answers_200(reader: Hospital, images: Path) -> None:
    with reader.connect() as uploader:
        with pytest.raises(PermissionDeniedError):
            send(uploader, reader, ["CT_small.dcm"], images)
        with pytest.raises(PermissionDeniedError):
            send(uploader, reader, ["CT_small.dcm"], images, scan_id="new")
    assert reader.listing("4", "SEG") == {}
