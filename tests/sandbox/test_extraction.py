"""``extract=true``: what java.util.zip, Ant's tar and XNAT make of an archive.

See docs/xnat/writing-files.md, "Archives".
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from hashlib import md5
from threading import Thread

import pytest
import requests

from tests.sandbox.places import Place, message, zipped

NAMES = [
    "masks/é #%+ b.nii",
    "α/β.dcm",
    "deep/er/still/x",
    "empty",
    ".hidden",
    "__MACOSX/._x",
    ".DS_Store",
    "a;b",
    "c\\d",
]


def extract(place: Place, name: str, body: bytes, **params: str) -> requests.Response:
    headers = {"Content-Type": "application/zip"}
    path = f"{place.resource}/files/{name}"
    return place.admin("PUT", path, data=body, headers=headers, params={"extract": "true", **params})


def stored_with_descriptor() -> bytes:
    header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 8, 0, 0, 0, 0, 0, 0, 1, 0)
    return header + b"a" + b"123" + struct.pack("<IIII", 0x08074B50, zlib.crc32(b"123"), 3, 3)


def deflated_with_descriptor(content: bytes, *, with_signature: bool = True, zip64: bool = False) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(content) + packer.flush()
    header = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 8, 8, 0, 0, 0, 0, 0, 1, 0)
    layout = "<IQQ" if zip64 else "<III"
    descriptor = struct.pack(layout, zlib.crc32(content), len(packed), len(content))
    return header + b"a" + packed + (struct.pack("<I", 0x08074B50) if with_signature else b"") + descriptor


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_names_arrive_literally_with_size_and_digest(place: Place, compression: int) -> None:
    members = {name: (b"" if name == "empty" else name.encode() * 1000) for name in NAMES}
    answer = extract(place, "x.zip", zipped(members, compression))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain")
    assert place.files() == members
    for name, content in members.items():
        row = place.listed(name)
        assert (row["Size"], row["digest"]) == (str(len(content)), md5(content).hexdigest())
    assert "x.zip" not in place.names()


def test_multipart_part_is_extracted_by_its_own_name(place: Place) -> None:
    files = {"file": ("x.zip", zipped({"a": b"1"}))}
    assert place.admin("PUT", f"{place.resource}/files?extract=true", files=files).status_code == 200
    assert place.files() == {"a": b"1"}


def test_folder_in_the_address_is_ignored(place: Place) -> None:
    extract(place, "sub/folder/x.zip", zipped({"a": b"1"}))
    assert place.files() == {"a": b"1"}


@pytest.mark.parametrize("name", ["x.ZIP", "x.bin", "x.7z"])
def test_archive_is_known_by_its_name_alone(place: Place, name: str) -> None:
    body = zipped({"a": b"1"})
    extract(place, name, body)
    assert place.files() == {name: body}


def test_members_that_exist_are_left_alone_and_named(place: Place) -> None:
    place.put("a", b"old")
    answer = extract(place, "x.zip", zipped({"a": b"new", "b": b"2"}))
    assert (answer.status_code, answer.json()) == (200, {"duplicates": ["a"]})
    assert place.files() == {"a": b"old", "b": b"2"}
    assert extract(place, "x.zip", zipped({"a": b"new"}), overwrite="true").headers["Content-Type"] == "text/plain"
    assert place.files()["a"] == b"new"


def test_catalogs_among_the_members_are_written_and_not_catalogued(place: Place) -> None:
    extract(place, "x.zip", zipped({"a": b"1", "sub/x_catalog.xml": b"<x/>", ".~lock-x": b""}))
    assert place.names() == ["a"]


@pytest.mark.parametrize("body", [b"not a zip at all", b"", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_holds_nothing_and_is_no_error(place: Place, body: bytes) -> None:
    answer = extract(place, "x.zip", body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain")
    assert place.names() == []
    assert place.orphans() == {}


def test_truncated_zip_is_500_and_leaves_orphans(place: Place) -> None:
    body = zipped({"a": b"1" * 1000, "b": b"2" * 1000})
    answer = extract(place, "x.zip", body[:1500])
    assert (answer.status_code, message(answer)) == (500, "unexpected EOF")
    assert place.names() == []
    assert place.orphans()["a"] == b"1" * 1000
    assert len(place.orphans()["b"]) < 1000


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [(stored_with_descriptor(), 500, "only DEFLATED entries can have EXT descriptor"),
     (deflated_with_descriptor(b"123"), 200, ""),
     (deflated_with_descriptor(b"123", with_signature=False), 200, ""),
     (deflated_with_descriptor(b"123", zip64=True), 500, "invalid entry size"),
     (zipped({"a": b"123"}).replace(b"123", b"124"), 500, "invalid entry CRC")],
    ids=["stored with descriptor", "streamed", "streamed, no signature", "forced zip64", "wrong sum"],
)  # fmt: skip
def test_flavours_of_zip(place: Place, body: bytes, status: int, words: str) -> None:
    answer = extract(place, "x.zip", body)
    assert answer.status_code == status
    assert words in message(answer)


def test_zip64_with_known_sizes_is_read(place: Place) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.file_size = 3
        with archive.open(info, "w", force_zip64=True) as member:
            member.write(b"123")
    assert extract(place, "x.zip", buffer.getvalue()).status_code == 200
    assert place.files() == {"a": b"123"}


def test_name_that_is_no_utf8_is_400(place: Place) -> None:
    body = zipped({"aaaa": b"1"}).replace(b"aaaa", b"\xff\xfe\xfd\xfc")
    assert extract(place, "x.zip", body).status_code == 400


def test_parent_folder_in_a_name_leaves_the_resource(place: Place) -> None:
    place.put("here", b"1")
    assert extract(place, "x.zip", zipped({"../OTHER/x": b"out"})).status_code == 200
    assert place.names() == ["here"]
    assert place.path_of("here").parent.with_name("OTHER").joinpath("x").read_bytes() == b"out"


def test_no_name_leaves_the_sandbox(place: Place) -> None:
    answer = extract(place, "x.zip", zipped({"../" * 12 + "tmp/x": b"out"}))
    assert (answer.status_code, place.names()) == (500, [])


def tarred(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in (("d/a", b"1" * 2000), ("b" * 150, b"2")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "d/a"
        archive.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "mode"), [("x.tar", "w"), ("x.xar", "w"), ("x.tgz", "w:gz"), ("x.tar.gz", "w:gz")])
def test_tar_is_extracted_and_links_become_empty_files(place: Place, name: str, mode: str) -> None:
    assert extract(place, name, tarred(mode)).status_code == 200
    assert place.files() == {"d/a": b"1" * 2000, "b" * 150: b"2", "link": b""}


def test_truncated_tar_is_500(place: Place) -> None:
    assert extract(place, "x.tar", tarred("w")[:1500]).status_code == 500
    assert place.names() == []


def test_lone_gz_is_destroyed(place: Place) -> None:
    content = bytes(range(256)) * 4
    assert extract(place, "x.nii.gz", gzip.compress(content)).status_code == 200
    assert place.names() == ["x.nii"]
    assert place.files()["x.nii"] == content.decode("utf-8", "replace").encode() != content


def test_stale_entry_is_left_untouched_when_its_missing_file_comes_again(place: Place) -> None:
    place.put("a", b"old")
    place.path_of("a").unlink()
    extract(place, "x.zip", zipped({"a": b"newer"}))
    assert place.files() == {"a": b"newer"}
    assert (place.listed("a")["Size"], place.listed("a")["digest"]) == ("3", md5(b"old").hexdigest())


def test_metadata_goes_to_every_member(place: Place) -> None:
    extract(place, "x.zip", zipped({"a": b"1", "b": b"2"}), format="NIFTI", content="SEG")
    rows = place.admin.rows(f"{place.resource}/files")
    assert {(row["file_format"], row["file_content"]) for row in rows} == {("NIFTI", "SEG")}


def test_thousand_members_cost_one_catalog_write(place: Place) -> None:
    place.put("first")
    catalog = place.path_of("first").with_name("1_catalog.xml")
    with place.sandbox.hold("before-catalog-write", within=place.project) as hold:
        body = zipped({f"{number}.dcm": b"x" for number in range(1000)})
        writer = Thread(target=extract, args=(place, "x.zip", body))
        writer.start()
        hold.wait_until_reached()
        assert b"999.dcm" not in catalog.read_bytes()
        assert len(place.orphans()) == 1000
        hold.release()
        writer.join()
    assert len(place.names()) == 1001
