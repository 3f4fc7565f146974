"""The face: what an upload does, step by step."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.hospital import Hospital
from tests.sending import send
from xnat_upload import (
    AlreadyExistsError,
    InvalidIdentifierError,
    MissingFileError,
    NotFoundError,
    Scan,
    TransferSettings,
    UnsafePathError,
)


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
    # Not "a+b": with "a b" it is one name on a 1.6.
    names = ["a b.nii", "a#b.nii", "a+c.nii", "a&b.nii", "é ü 日本.nii", "(1) [2] {3}.nii", "it's.nii", "a=b,c@d!.nii"]
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
        with pytest.raises(UnsafePathError, match="at most one of net_id"):
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
def test_an_id_that_is_no_whole_number_is_asked_for_as_text(hospital: Hospital, images: Path, field: str) -> None:
    with hospital.connect() as uploader, pytest.raises(InvalidIdentifierError, match="is of type float"):
        send(uploader, hospital, "CT_small.dcm", images, **{field: 4.0})


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
