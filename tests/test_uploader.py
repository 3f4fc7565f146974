"""What `Uploader` promises to its callers, on the sandbox in all its faces, or on a real XNAT."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path

import pytest

from tests.hospital import IMPATIENT, Hospital
from xnat_upload import (
    AlreadyExistsError,
    IncompleteUploadError,
    InvalidIdentifierError,
    MissingFileError,
    NotFoundError,
    PermissionDeniedError,
    Progress,
    Report,
    Scan,
    Status,
    TransferSettings,
    UnsafePathError,
    Uploader,
    UploadRequest,
)


def send(uploader: Uploader, hospital: Hospital, files: object, folder: Path, **options: object) -> Report:
    arguments: dict[str, object] = {
        "hub_project_id": hospital.hub_project_id,
        "accession_id": hospital.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
        "root": folder,
        **options,
    }
    return uploader.upload(files, **arguments)  # type: ignore[arg-type]


def test_real_images_arrive_byte_for_byte_with_the_address_that_serves_them(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader:
        report = send(uploader, hospital, sorted(path.name for path in images.iterdir()), images)
    assert report.ok
    assert hospital.content("4", "SEG") == {path.name: path.read_bytes() for path in images.iterdir()}
    for outcome in report.files:
        served = hospital.ask("GET", outcome.url.removeprefix(hospital.server))
        assert served.content == (images / outcome.name).read_bytes()
        assert outcome.md5 == hashlib.md5(served.content).hexdigest()
        assert outcome.size_bytes == len(served.content)
    assert report.urls == [outcome.url for outcome in report.files]
    assert [outcome.name for outcome in report.files] == sorted(path.name for path in images.iterdir())


def test_a_file_is_stored_only_if_the_archive_lists_its_md5_and_unproven_otherwise(
    hospital: Hospital, images: Path
) -> None:
    with hospital.connect() as uploader:
        report = send(uploader, hospital, ["CT_small.dcm"], images)
    (row,) = hospital.listing("4", "SEG").values()
    assert report.files[0].status == ("stored" if row.get("digest") else "unproven")


def test_a_missing_scan_is_created_with_the_type_of_its_session(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader:
        send(uploader, hospital, ["CT_small.dcm"], images, scan_id="12345")
        assert uploader.locate(hospital.hub_project_id, hospital.accession_id).scan_types["12345"] == "xnat:ctScanData"


def test_a_scan_type_can_be_told(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader:
        send(uploader, hospital, ["CT_small.dcm"], images, scan_id="77", scan_type="xnat:segScanData")
        assert uploader.locate(hospital.hub_project_id, hospital.accession_id).scan_types["77"] == "xnat:segScanData"


def test_an_existing_scan_is_never_changed(hospital: Hospital, images: Path) -> None:
    before = hospital.ask("GET", f"{hospital.session_path}/scans/4?format=xml").text
    with hospital.connect() as uploader:
        send(uploader, hospital, ["CT_small.dcm"], images, scan_type="xnat:mrScanData")
        accession = uploader.locate(hospital.hub_project_id, hospital.accession_id)
    assert accession.scan_types["4"] == "xnat:ctScanData"
    assert "xnat:CTScan" in before


def test_existing_names_are_refused_all_together_and_nothing_is_sent(hospital: Hospital, tmp_path: Path) -> None:
    for name in ("a.nii", "b.nii", "c.nii"):
        (tmp_path / name).write_bytes(name.encode())
    hospital.put("4", "SEG", "a.nii", b"theirs a")
    hospital.put("4", "SEG", "c.nii", b"theirs c")
    with hospital.connect() as uploader, pytest.raises(AlreadyExistsError, match="exist_ok=True") as caught:
        send(uploader, hospital, ["a.nii", "b.nii", "c.nii"], tmp_path)
    assert caught.value.names == ("a.nii", "c.nii")
    assert hospital.content("4", "SEG") == {"a.nii": b"theirs a", "c.nii": b"theirs c"}


def test_with_exist_ok_a_different_file_is_really_replaced(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"new bytes")
    hospital.put("4", "SEG", "a.nii", b"old bytes")
    with hospital.connect() as uploader:
        report = send(uploader, hospital, "a.nii", tmp_path, exist_ok=True)
    assert report.ok
    assert report.files[0].status in ("stored", "unproven")
    assert hospital.content("4", "SEG") == {"a.nii": b"new bytes"}


def test_names_arrive_literally_whatever_is_in_them(hospital: Hospital, tmp_path: Path) -> None:
    names = ["a b.nii", "a#b.nii", "a+b.nii", "a&b.nii", "é ü 日本.nii", "(1) [2] {3}.nii", "it's.nii", "a=b,c@d!.nii"]
    folder = tmp_path / "sub folder" / "α"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    (folder / "empty.nii").touch()
    with hospital.connect() as uploader:
        report = send(uploader, hospital, ["sub folder"], tmp_path, keep_paths=True)
    expected = {f"sub folder/α/{name}": name.encode() for name in names} | {"sub folder/α/empty.nii": b""}
    assert hospital.content("4", "SEG") == expected
    for outcome in report.files:
        assert hospital.ask("GET", outcome.url.removeprefix(hospital.server)).content == expected[outcome.name]


def test_a_directory_stands_for_all_files_below_it_by_their_base_names(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "masks" / "deep").mkdir(parents=True)
    (tmp_path / "masks" / "left.nii").write_bytes(b"l")
    (tmp_path / "masks" / "deep" / "right.nii").write_bytes(b"r")
    with hospital.connect() as uploader:
        send(uploader, hospital, ["masks"], tmp_path)
    assert hospital.content("4", "SEG") == {"left.nii": b"l", "right.nii": b"r"}


def test_a_large_file_travels_alone_and_arrives_whole(hospital: Hospital, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "large.nii").write_bytes(content)
    (tmp_path / "large ü.nii").write_bytes(content[::-1])
    settings = TransferSettings(large_file_bytes=100_000)
    with hospital.connect(settings=settings) as uploader:
        assert send(uploader, hospital, ["large.nii", "large ü.nii"], tmp_path).ok
        assert hospital.content("4", "SEG") == {"large.nii": content, "large ü.nii": content[::-1]}
        (tmp_path / "large.nii").write_bytes(content[::-1])
        assert send(uploader, hospital, ["large.nii"], tmp_path, exist_ok=True).ok
    assert hospital.content("4", "SEG")["large.nii"] == content[::-1]


def test_files_of_a_net_lie_in_its_upload_directory(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "net-1" / "upload").mkdir(parents=True)
    (tmp_path / "net-1" / "upload" / "seg.nii").write_bytes(b"seg")
    with hospital.connect(images_dir=tmp_path) as uploader:
        report = send(uploader, hospital, ["seg.nii"], tmp_path, root=None, net_id="net-1")
        assert report.files[0].path == tmp_path / "net-1" / "upload" / "seg.nii"
        with pytest.raises(UnsafePathError, match="net ID"):
            send(uploader, hospital, ["seg.nii"], tmp_path, root=None, net_id="../net-1")
        with pytest.raises(UnsafePathError, match="exactly one of net_id"):
            send(uploader, hospital, ["seg.nii"], tmp_path, net_id="net-1")
        with pytest.raises(UnsafePathError, match="root is empty"):
            send(uploader, hospital, ["seg.nii"], tmp_path, root="")
    assert hospital.content("4", "SEG") == {"seg.nii": b"seg"}


def test_an_unknown_hub_project_is_named(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader, pytest.raises(NotFoundError, match="'no such hub project'"):
        send(uploader, hospital, ["CT_small.dcm"], images, hub_project_id="no such hub project")


def test_a_secondary_id_is_compared_with_its_case(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader, pytest.raises(NotFoundError):
        send(uploader, hospital, ["CT_small.dcm"], images, hub_project_id=hospital.hub_project_id.upper())


def test_an_unknown_accession_is_named(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader, pytest.raises(NotFoundError, match="'FAK0'"):
        send(uploader, hospital, ["CT_small.dcm"], images, accession_id="FAK0")


def test_a_project_made_after_the_first_look_is_found(hospital: Hospital, images: Path) -> None:
    later = f"later {hospital.hub_project_id}"
    with hospital.connect() as uploader:
        with pytest.raises(NotFoundError):
            uploader.locate(later, hospital.accession_id)
        hospital.ask("PUT", f"/data/projects/{hospital.project_id}", params={"secondary_ID": later})
        assert uploader.locate(later, hospital.accession_id).project_id == hospital.project_id


def test_an_accession_is_found_by_its_experiment_id_too(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        by_label = uploader.locate(hospital.hub_project_id, hospital.accession_id)
        assert uploader.locate(hospital.hub_project_id, by_label.experiment_id) == by_label


def test_the_single_steps_do_what_their_names_say(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader:
        accession = uploader.locate(hospital.hub_project_id, hospital.accession_id)
        scan = uploader.create_scan(accession, "9")
        assert uploader.create_scan(accession, "9") == scan
        assert "9" in uploader.locate(hospital.hub_project_id, hospital.accession_id).scan_types
        resource = uploader.create_resource(scan, "NIFTI")
        with pytest.raises(AlreadyExistsError, match="'NIFTI' already"):
            uploader.create_resource(scan, "NIFTI")
        assert not uploader.file_exists(resource, "example4d.nii.gz")
        url = uploader.upload_file(resource, images / "example4d.nii.gz")
        assert uploader.file_exists(resource, "example4d.nii.gz")
        with pytest.raises(AlreadyExistsError):
            uploader.upload_file(resource, images / "example4d.nii.gz")
        assert uploader.upload_file(resource, images / "example4d.nii.gz", exist_ok=True) == url
    assert hospital.ask("GET", url.removeprefix(hospital.server)).content == (images / "example4d.nii.gz").read_bytes()


def test_a_single_step_says_what_is_wrong_with_what_it_is_given(
    hospital: Hospital, images: Path, tmp_path: Path
) -> None:
    with hospital.connect() as uploader:
        accession = uploader.locate(hospital.hub_project_id, hospital.accession_id)
        with pytest.raises(InvalidIdentifierError, match="'garbage value' cannot be one"):
            uploader.create_scan(accession, "5", scan_type="garbage value")
        resource = uploader.create_resource(Scan(accession, "4"), "SEG")
        with pytest.raises(MissingFileError, match="is a directory, and upload_file takes one file"):
            uploader.upload_file(resource, images)
        with pytest.raises(MissingFileError):
            uploader.upload_file(resource, tmp_path / "absent.nii")
        assert uploader.file_exists(resource, Path("CT_small.dcm")) is False
        uploader.upload_file(resource, images / "CT_small.dcm")
        assert uploader.file_exists(resource, Path("CT_small.dcm")) is True


@pytest.mark.parametrize("field", ["hub_project_id", "accession_id", "scan_id", "resource_id"])
def test_an_id_that_is_a_number_is_asked_for_as_text(hospital: Hospital, images: Path, field: str) -> None:
    with hospital.connect() as uploader, pytest.raises(InvalidIdentifierError, match="is of type int"):
        send(uploader, hospital, "CT_small.dcm", images, **{field: 4})


def test_the_way_out_to_pyxnat_addresses_the_same_scan(hospital: Hospital, images: Path) -> None:
    with hospital.connect() as uploader:
        accession = uploader.locate(hospital.hub_project_id, hospital.accession_id)
        scan = uploader.create_scan(accession, "4")
        assert uploader.select(scan).attrs.get("type") is not None
        assert uploader.select(accession).label() == hospital.accession_id


def test_a_plan_is_seen_before_a_byte_moves_and_run_does_it(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "b.nii").write_bytes(b"b")
    hospital.put("4", "SEG", "b.nii", b"old b")
    with hospital.connect() as uploader:
        plan = uploader.plan(
            ["a.nii", "b.nii"],
            root=tmp_path,
            hub_project_id=hospital.hub_project_id,
            accession_id=hospital.accession_id,
            scan_id="4",
            resource_id="SEG",
            exist_ok=True,
        )
        assert [(step.file.name, step.action.value) for step in plan.steps] == [("a.nii", "send"), ("b.nii", "replace")]
        assert hospital.content("4", "SEG") == {"b.nii": b"old b"}
        assert uploader.run(plan).ok
    assert hospital.content("4", "SEG") == {"a.nii": b"a", "b.nii": b"b"}


def test_a_name_that_nobody_here_sent_is_reported_as_extra(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    hospital.put("4", "SEG", "before.nii", b"was there before")
    with hospital.connect() as uploader:
        plan = uploader.plan(
            "a.nii",
            root=tmp_path,
            hub_project_id=hospital.hub_project_id,
            accession_id=hospital.accession_id,
            scan_id="4",
            resource_id="SEG",
        )
        hospital.put("4", "SEG", "meanwhile.nii", b"another client's")
        assert uploader.run(plan).extra == ("meanwhile.nii",)


def test_a_plan_shows_what_would_be_refused_and_run_refuses_it(hospital: Hospital, tmp_path: Path) -> None:
    (tmp_path / "b.nii").write_bytes(b"b")
    hospital.put("4", "SEG", "b.nii", b"old b")
    with hospital.connect() as uploader:
        plan = uploader.plan(
            "b.nii",
            root=tmp_path,
            hub_project_id=hospital.hub_project_id,
            accession_id=hospital.accession_id,
            scan_id="4",
            resource_id="SEG",
        )
        assert plan.refused == ("b.nii",)
        with pytest.raises(AlreadyExistsError):
            uploader.run(plan)


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
        ({"scan_id": 4}, InvalidIdentifierError),
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
    assert IMPATIENT.attempts == TransferSettings().attempts


def test_a_user_without_edit_right_is_denied_though_xnat_answers_200(reader: Hospital, images: Path) -> None:
    with reader.connect() as uploader:
        with pytest.raises(PermissionDeniedError):
            send(uploader, reader, ["CT_small.dcm"], images)
        with pytest.raises(PermissionDeniedError):
            send(uploader, reader, ["CT_small.dcm"], images, scan_id="new")
    assert reader.listing("4", "SEG") == {}
