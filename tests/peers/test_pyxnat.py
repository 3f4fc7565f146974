"""pyxnat 1.6.4, unmodified: its object tree, its uploads and its CSV listings.

It tolerates much: `exists` takes every failure for absence, and answers of uploads
are not read. So every test looks at the wire and at the bytes as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyxnat
from pyxnat.core.errors import DatabaseError

from tests.peers.place import PeerPlace


@pytest.fixture
def interface(place: PeerPlace) -> Iterator[Any]:
    with pyxnat.Interface(place.sandbox.url, place.sandbox.user, place.sandbox.password) as interface:
        interface.select.project(place.project).exists()  # its first contact also asks for a JSESSION
        place.clear()
        yield interface


def session_of(interface: Any, place: PeerPlace) -> Any:
    return interface.select.project(place.project).subject("SUBJ").experiment("ACC1")


def test_exists_follows_the_listing_of_every_level(interface: Any, place: PeerPlace) -> None:
    project = interface.select.project(place.project)
    session = session_of(interface, place)
    assert project.exists()
    assert session.exists()
    assert session.scan("1").exists()
    assert not interface.select.project("NOBODY").exists()
    assert not session.scan("2").exists()
    assert not session.scan("1").resource("NIFTI").exists()
    assert {(one.method, one.status) for one in place.sent()} == {("GET", 200)}
    assert {one.query["format"] for one in place.sent()} == {"csv"}


def test_exists_is_false_for_a_wrong_password_and_the_wire_says_why(place: PeerPlace) -> None:
    interface = pyxnat.Interface(place.sandbox.url, place.sandbox.user, "wrong")
    assert not interface.select.project(place.project).exists()
    assert {one.status for one in place.sent()} == {401}


def test_created_scan_and_resource_are_in_the_archive(interface: Any, place: PeerPlace) -> None:
    scan = session_of(interface, place).scan("7")
    scan.create(scans="xnat:ctScanData", type="CT low dose")
    scan.resource("NIFTI").create(format="NIFTI")
    rows = {row["ID"]: row for row in place.rows(f"/data/experiments/{place.session_id}/scans")}
    assert (rows["7"]["xsiType"], rows["7"]["type"]) == ("xnat:ctScanData", "CT low dose")
    [resource] = place.rows(f"/data/experiments/{place.session_id}/scans/7/resources")
    # The format never left the client: a resource has no data type of its own in its tree.
    assert (resource["label"], resource["format"]) == ("NIFTI", "")
    scan_path = place.long_scan_path.removesuffix("1") + "7"
    assert [one.line for one in place.written()] == [f"PUT {scan_path} 200", f"PUT {scan_path}/resources/NIFTI 200"]


def test_missing_parents_are_created_with_the_scan(interface: Any, place: PeerPlace) -> None:
    interface.select.project(place.project).subject("NEW").experiment("ACC2").scan("1").create()
    base = f"/data/projects/{place.project}/subjects/NEW"
    assert [one.line for one in place.written()] == [
        f"PUT {base} 201",
        f"PUT {base}/experiments/ACC2 201",
        f"PUT {base}/experiments/ACC2/scans/1 200",
    ]


def test_creating_a_resource_twice_is_a_conflict(interface: Any, place: PeerPlace) -> None:
    resource = session_of(interface, place).scan("1").resource("NIFTI")
    resource.create()
    with pytest.raises(DatabaseError, match="Specified resource already exists"):
        resource.create()
    assert [one.status for one in place.written()] == [200, 409]


def test_file_put_stores_the_bytes_with_what_is_said_of_them(interface: Any, place: PeerPlace, images: Path) -> None:
    file = session_of(interface, place).scan("1").resource("NIFTI").file("brain.nii.gz")
    file.put(str(images / "brain.nii.gz"), format="NIFTI", content="T1", tags="raw")
    assert place.content() == {"brain.nii.gz": (images / "brain.nii.gz").read_bytes()}
    [row] = place.rows(f"{place.scan_path}/resources/NIFTI/files")
    assert (row["file_format"], row["file_content"], row["file_tags"]) == ("NIFTI", "T1", "raw")
    created, stored = place.written()
    assert created.line == f"PUT {place.long_scan_path}/resources/NIFTI 200"
    assert stored.path.endswith(f"/resources/{row['cat_ID']}/files/brain.nii.gz")  # by number, not by label
    assert (stored.method, stored.status, stored.query["inbody"]) == ("POST", 200, "true")


@pytest.mark.parametrize("count", [1, 4])
def test_a_file_costs_five_requests(interface: Any, place: PeerPlace, images: Path, count: int) -> None:
    resource = session_of(interface, place).scan("1").resource("NIFTI")
    for number in range(count):
        resource.file(f"{number}.nii.gz").put(str(images / "brain.nii.gz"))
    # Four more go into finding that there is no such resource, and making it.
    assert len(place.sent()) == 5 * count + 4
    assert len(place.content()) == count


def test_file_put_onto_an_existing_name_loses_silently(interface: Any, place: PeerPlace, images: Path) -> None:
    file = session_of(interface, place).scan("1").resource("NIFTI").file("brain.nii.gz")
    file.put(str(images / "brain.nii.gz"))
    file.put(str(images / "masks" / "left.nii"))  # no error, and nothing is stored
    assert place.content() == {"brain.nii.gz": (images / "brain.nii.gz").read_bytes()}
    lost = place.written()[-1]
    assert (lost.query["overwrite"], lost.status) == ("false", 200)
    again = place.ask("POST", lost.path, params=dict(lost.query), data=b"other")
    assert again.text == '{"duplicates":["brain.nii.gz"]}'  # what it was told, and did not read
    file.put(str(images / "masks" / "left.nii"), overwrite=True)
    assert place.content() == {"brain.nii.gz": (images / "masks" / "left.nii").read_bytes()}


def test_file_put_of_a_missing_path_stores_the_path_itself(interface: Any, place: PeerPlace) -> None:
    session_of(interface, place).scan("1").resource("NIFTI").file("a.nii").put("/no/such/file.nii")
    assert place.content() == {"a.nii": b"/no/such/file.nii"}


def test_empty_file_is_refused(interface: Any, place: PeerPlace, tmp_path: Path) -> None:
    (tmp_path / "empty.nii").touch()
    file = session_of(interface, place).scan("1").resource("NIFTI").file("empty.nii")
    with pytest.raises(DatabaseError):
        file.put(str(tmp_path / "empty.nii"))
    assert place.written()[-1].status == 500
    assert place.content() == {}


def test_hash_in_a_name_cuts_it_off_on_the_client(interface: Any, place: PeerPlace, images: Path) -> None:
    file = session_of(interface, place).scan("1").resource("NIFTI").file("left#2.nii")
    file.put(str(images / "masks" / "left.nii"))
    assert place.written()[-1].path.endswith("/files/left")
    assert list(place.content()) == ["left"]


def test_resource_put_and_put_dir_send_one_zip(interface: Any, place: PeerPlace, images: Path) -> None:
    scan = session_of(interface, place).scan("1")
    local = {"brain.nii.gz": images / "brain.nii.gz", "masks/left.nii": images / "masks" / "left.nii"}
    expected = {name: path.read_bytes() for name, path in local.items()}
    scan.resource("LIST").put([str(path) for path in local.values()])
    scan.resource("TREE").put_dir(str(images))
    assert place.content("LIST") == expected
    assert place.content("TREE") == expected
    posts = [one for one in place.written() if one.method == "POST"]
    assert [(one.query["extract"], one.status) for one in posts] == [("true", 200), ("true", 200)]
    assert all(one.path.endswith(".zip") for one in posts)


def test_downloads_are_the_bytes_that_were_stored(
    interface: Any, place: PeerPlace, images: Path, tmp_path: Path
) -> None:
    resource = session_of(interface, place).scan("1").resource("NIFTI")
    resource.put_dir(str(images))
    got = resource.file("masks/left.nii").get(str(tmp_path / "left.nii"))
    assert Path(got).read_bytes() == (images / "masks" / "left.nii").read_bytes()
    (tmp_path / "all").mkdir()
    resource.get(str(tmp_path / "all"), extract=True)
    found = {path.name: path.read_bytes() for path in (tmp_path / "all").rglob("*.nii*")}
    assert found == {path.name: path.read_bytes() for path in images.rglob("*.nii*")}
    assert [one.query.get("format") for one in place.sent()[-2:]] == [None, "zip"]


def test_csv_listings_name_what_is_there(interface: Any, place: PeerPlace, images: Path) -> None:
    session = session_of(interface, place)
    session.scan("2").create(scans="xnat:mrScanData", type="T2")
    session.scan("2").resource("NIFTI").put_dir(str(images))
    assert place.project in interface.select("/projects").get()
    assert [one.label() for one in interface.select.project(place.project).subjects()] == ["SUBJ"]
    assert session.scans().get() == ["1", "2"]
    assert session.scan("2").resource("NIFTI").label() == "NIFTI"
    assert sorted(session.scan("2").resource("NIFTI").files().get()) == ["brain.nii.gz", "left.nii"]
    file = session.scan("2").resource("NIFTI").file("masks/left.nii")
    assert file.exists()
    assert int(file.size()) == 2000
    assert file.attributes()["digest"] == hashlib.md5((images / "masks" / "left.nii").read_bytes()).hexdigest()
    answer = place.ask("GET", f"/data/experiments/{place.session_id}/scans", params={"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv"
    head, *lines = answer.text.splitlines()
    assert head == "xnat_imagescandata_id,ID,type,quality,xsiType,note,series_description,URI"
    assert len(lines) == 2


def test_upload_and_download_under_a_context_path(place_in_context: PeerPlace, images: Path, tmp_path: Path) -> None:
    place = place_in_context
    with pyxnat.Interface(place.sandbox.url, place.sandbox.user, place.sandbox.password) as interface:
        file = session_of(interface, place).scan("1").resource("NIFTI").file("brain.nii.gz")
        file.put(str(images / "brain.nii.gz"))
        assert Path(file.get(str(tmp_path / "got"))).read_bytes() == (images / "brain.nii.gz").read_bytes()
    assert place.content() == {"brain.nii.gz": (images / "brain.nii.gz").read_bytes()}
    assert all(one.path.startswith(place.context_path) for one in place.sandbox.requests)
