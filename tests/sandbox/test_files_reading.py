"""Listing and reading files (docs/xnat/listings.md)."""

from __future__ import annotations

import io
import tarfile
import zipfile
from hashlib import md5
from urllib.parse import quote

import pytest

from tests.sandbox.places import Place, message, zipped


def test_listing_of_one_resource(place: Place) -> None:
    place.put("sub/m.nii.gz", b"12345")
    answer = place.admin("GET", f"{place.resource}/files?format=json")
    assert answer.headers["Content-Type"] == "application/json"
    result = answer.json()["ResultSet"]
    assert result["Columns"] == [{"key": "URI", "serverRoot": ""}]
    assert result["title"] == "Files"
    assert "totalRecords" not in result
    row = result["Result"][0]
    number = row["cat_ID"]
    assert row == {
        "Name": "m.nii.gz",
        "Size": "5",
        "URI": f"{place.scan}/resources/{number}/files/sub/m.nii.gz",
        "collection": "NIFTI",
        "file_tags": "",
        "file_format": "",
        "file_content": "",
        "cat_ID": number,
        "digest": md5(b"12345").hexdigest(),
    }


def test_address_begins_with_subject_and_project_only_if_the_path_had_both(place: Place) -> None:
    place.put("a.txt")
    row = place.admin.rows(f"{place.long_session}/scans/1/resources/NIFTI/files")[0]
    subject = place.admin.rows(f"/data/projects/{place.project}/subjects")[0]["ID"]
    parents = f"/data/projects/{place.project}/subjects/{subject}/experiments/{place.session_id}/scans/1"
    assert row["URI"] == f"{parents}/resources/{row['cat_ID']}/files/a.txt"


def test_address_in_a_listing_is_not_encoded_and_can_be_read(place: Place) -> None:
    name = "é (1) #+&=.nii"
    place.put_zip({name: b"x"})
    row = place.admin.rows(f"{place.resource}/files")[0]
    assert row["URI"].endswith(f"/files/{name}")
    assert place.admin("GET", f"{place.resource}/files/{quote(name)}").content == b"x"


def test_missing_resource_lists_nothing_with_200(place: Place) -> None:
    assert place.admin.rows(f"{place.scan}/resources/NOSUCH/files") == []


def test_listing_several_resources_has_addresses_without_data(place: Place) -> None:
    place.admin("PUT", f"{place.scan}/resources/SEG")
    place.put("a.txt")
    rows = place.admin.rows(f"{place.scan}/files")
    number = rows[0]["cat_ID"]
    assert rows[0]["URI"] == f"/experiments/{place.session_id}/scans/1/resources/{number}/files/a.txt"
    assert place.admin.rows(f"{place.scan}/resources/NIFTI,SEG/files") == rows
    assert place.admin.rows(f"{place.session}/files?all=true")[0]["cat_ID"] == number


def test_trailing_slash_lists_a_folder(place: Place) -> None:
    place.put_zip({"sub/a": b"1", "other/b": b"2"})
    rows = place.admin.rows(f"{place.resource}/files/sub/")
    assert [row["Name"] for row in rows] == ["a"]


def test_filters(place: Place) -> None:
    place.put("a.txt", format="NIFTI", content="SEG", tags="x,k=v")
    place.put("b.txt", format="DICOM", content="RAW")
    assert place.listed("a.txt")["file_tags"] == "x,k=v"
    for query, names in [
        ("file_format=NIFTI", ["a.txt"]),
        ("file_format=NIFTI&file_format=DICOM", ["a.txt", "b.txt"]),
        ("file_content=RAW", ["b.txt"]),
        ("file_content=NULL", []),
    ]:
        rows = place.admin.rows(f"{place.resource}/files?{query}")
        assert [row["Name"] for row in rows] == names


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [("index=0&file_format=NIFTI", 200, b"1"), ("index=1&file_format=NIFTI", 200, b"2"),
     ("index=2&file_format=NIFTI", 404, b""), ("index=0", 404, b"")],
)  # fmt: skip
def test_file_by_number_needs_a_filter(place: Place, query: str, status: int, body: bytes) -> None:
    place.put_zip({"a": b"1", "b": b"2"}, format="NIFTI")
    answer = place.admin("GET", f"{place.resource}/files?{query}")
    assert (answer.status_code, answer.content) == (status, body)


def test_csv_listing(place: Place) -> None:
    place.put_zip({'a "quoted", name.txt': b"1"})
    answer = place.admin("GET", f"{place.resource}/files?format=csv")
    assert answer.headers["Content-Type"] == "text/csv"
    head, row, _ = answer.text.split("\n")
    assert head == "Name,Size,URI,collection,file_tags,file_format,file_content,cat_ID,digest"
    assert row.startswith('"a ""quoted"", name.txt",1,')


def test_broken_catalog_is_404_without_a_message(place: Place) -> None:
    place.put("a.txt")
    place.path_of("a.txt").with_name("1_catalog.xml").write_text("<cat:Catalog")
    answer = place.admin("GET", f"{place.resource}/files")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert place.put("b.txt").status_code == 500


def test_one_file(place: Place) -> None:
    place.put("a.nii", b"12345")
    for method, body in (("GET", b"12345"), ("HEAD", b"")):
        answer = place.admin(method, f"{place.resource}/files/a.nii")
        assert (answer.status_code, answer.content) == (200, body)
        headers = answer.headers
        assert headers["Content-Length"] == "5"
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["Cache-Control"] == "must-revalidate"
        assert headers["Content-Disposition"] == 'attachment; filename="a.nii"'
        assert "GMT" in headers["Last-Modified"]
        assert "ETag" not in headers


@pytest.mark.parametrize(
    ("name", "kind"), [("a.txt", "text/plain"), ("a.xml", "text/xml"), ("a.dcm", "application/octet-stream")]
)
def test_content_type_follows_the_extension(place: Place, name: str, kind: str) -> None:
    place.put(name)
    assert place.admin("GET", f"{place.resource}/files/{name}").headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [("bytes=1-3", 206, b"123", "bytes 1-3/10"), ("bytes=7-", 206, b"789", "bytes 7-9/10"),
     ("bytes=-2", 206, b"89", "bytes 8-9/10"), ("bytes=20-30", 416, b"", "bytes */10")],
)  # fmt: skip
def test_ranges(place: Place, asked: str, status: int, body: bytes, content_range: str) -> None:
    place.put("a", b"0123456789")
    answer = place.admin("GET", f"{place.resource}/files/a", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["Content-Range"] == content_range


def test_several_ranges_are_501(place: Place) -> None:
    place.put("a", b"0123456789")
    answer = place.admin("GET", f"{place.resource}/files/a", headers={"Range": "bytes=0-1,3-4"})
    assert answer.status_code == 501


def test_open_range_of_a_listing_is_500(place: Place) -> None:
    answer = place.admin("GET", f"{place.resource}/files", headers={"Range": "bytes=0-"})
    assert answer.status_code == 500


def test_unmodified_file_is_304(place: Place) -> None:
    place.put("a")
    modified = place.admin("GET", f"{place.resource}/files/a").headers["Last-Modified"]
    answer = place.admin("GET", f"{place.resource}/files/a", headers={"If-Modified-Since": modified})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(("query", "status"), [("", 404), ("?accept-not-found=true", 204)])
def test_absent_entry_is_404_without_a_message(place: Place, query: str, status: int) -> None:
    answer = place.admin("GET", f"{place.resource}/files/nosuch{query}")
    assert (answer.status_code, answer.content) == (status, b"")


def test_file_of_an_absent_resource_is_404_with_a_message(place: Place) -> None:
    answer = place.admin("GET", f"{place.scan}/resources/NOSUCH/files/a")
    assert (answer.status_code, message(answer)) == (404, "Unable to find file.")


def test_gz_is_served_for_a_name_without_it(place: Place) -> None:
    place.put("a.nii", b"plain")
    path = place.path_of("a.nii")
    path.with_name("a.nii.gz").write_bytes(b"packed")
    path.unlink()
    assert place.admin("GET", f"{place.resource}/files/a.nii").content == b"packed"


def test_path_into_a_zip_means_its_member(place: Place) -> None:
    place.put("a.zip", zipped({"in/side.txt": b"deep"}))
    assert place.admin("GET", f"{place.resource}/files/a.zip/in/side.txt").content == b"deep"
    assert place.admin("GET", f"{place.resource}/files/a.zip!in/side.txt").content == b"deep"
    assert place.admin("GET", f"{place.resource}/files/a.zip/nosuch").status_code == 404


def test_resource_as_zip(place: Place) -> None:
    place.put_zip({"sub/a": b"1" * 1000, "b": b"2"})
    answer = place.admin("GET", f"{place.resource}/files?format=zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert "Content-Length" not in answer.headers
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [
            "ACC1/scans/1/resources/NIFTI/files/sub/a",
            "ACC1/scans/1/resources/NIFTI/files/b",
        ]
        assert archive.read(archive.namelist()[0]) == b"1" * 1000
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
        assert not archive.infolist()[0].flag_bits & 0x8, "its size stands before its bytes"


def test_a_zip_is_whole_wherever_the_blocks_of_its_writer_end(place: Place) -> None:
    place.put_zip({"a": b"a", "b": b"b"})
    with zipfile.ZipFile(io.BytesIO(place.admin("GET", f"{place.resource}/files?format=zip").content)) as archive:
        header_bytes = archive.infolist()[1].header_offset - 1  # the second header is as long as the first
    contents = {"a": bytes((1 << 18) - header_bytes), "b": b"what follows"}
    assert place.put_zip(contents, overwrite="true").status_code == 200
    answer = place.admin("GET", f"{place.resource}/files?format=zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()} == contents


def test_names_in_a_zip_are_replaced_wherever_ids_occur_and_the_second_of_one_name_ends_it(place: Place) -> None:
    place.admin("PUT", place.scan, params={"xsiType": "xnat:mrScanData", "type": "T1-w (5 mm)"})
    place.put_zip(dict.fromkeys(["1/1/a", "11/a", "1/x", "1-T1_w__5_mm_/x", "z"], b"x"))
    answer = place.admin("GET", f"{place.resource}/files?format=zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = [name.partition("/files/")[2] for name in archive.namelist()]
        assert names == ["1-T1_w__5_mm_/1/a", "11/a", "1-T1_w__5_mm_/x"]
        assert archive.namelist()[0].startswith("ACC1/scans/1-T1_w__5_mm_/resources/NIFTI/files/")


def test_folder_of_a_resource_as_zip(place: Place) -> None:
    for name in ("sub/a", "sub/deep/b", "other/c"):
        place.put(name, name.encode())
    answer = place.admin("GET", f"{place.resource}/files/sub/?format=zip")
    assert answer.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"sub/a": b"sub/a", "sub/deep/b": b"sub/deep/b"}
    assert place.admin("GET", f"{place.resource}/files/nosuch/?format=zip").status_code == 404


@pytest.mark.parametrize("format_", ["tar", "tar.gz"])
def test_resource_as_tar(place: Place, format_: str) -> None:
    place.put("b", b"2")
    answer = place.admin("GET", f"{place.resource}/files?format={format_}")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert archive.getnames() == ["ACC1/scans/1/resources/NIFTI/files/b"]


def test_empty_resource_as_zip_is_404(place: Place) -> None:
    assert place.admin("GET", f"{place.resource}/files?format=zip").status_code == 404
