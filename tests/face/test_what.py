"""What is uploaded: files as they are named, under other names, from memory, by patterns; and what is left out."""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.face.test_where import words
from tests.hospital import Hospital
from xnat_upload import (
    AlreadyExistsError,
    IncompleteUploadError,
    InvalidIdentifierError,
    MissingFileError,
    Report,
    UnsafePathError,
    UploadRequest,
)
from xnat_upload.sandbox.faults import DropDuring


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A directory as tools leave it."""
    tools = (".git/config", ".DS_Store", "._seg.nii")
    for name in ("seg.nii", "masks/left.nii", "masks/right.nii", "masks/notes.txt", *tools):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "out"


def test_a_named_file_needs_no_root(hospital: Hospital, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)
    with hospital.connect() as uploader:
        report = uploader.upload([str(out / "seg.nii"), "masks/left.nii"], **words(hospital))
        assert [file.path for file in report.files] == [out / "seg.nii", Path("masks/left.nii")]
    assert hospital.content("4", "SEG") == {"seg.nii": b"seg.nii", "left.nii": b"masks/left.nii"}


def test_a_file_that_is_named_by_a_link_is_taken_as_it_is(hospital: Hospital, out: Path) -> None:
    (out / "newest.nii").symlink_to("masks/left.nii")
    with hospital.connect() as uploader:
        uploader.upload(out / "newest.nii", **words(hospital))
    assert hospital.content("4", "SEG") == {"newest.nii": b"masks/left.nii"}


def test_a_named_directory_is_its_own_root(hospital: Hospital, out: Path) -> None:
    (out / "masks" / "secret").symlink_to(out / "seg.nii")
    with hospital.connect() as uploader:
        with pytest.raises(UnsafePathError, match="leaves it by a symbolic link"):
            uploader.upload(out / "masks", **words(hospital))
        (out / "masks" / "secret").unlink()
        uploader.upload(out / "masks", keep_paths=True, **words(hospital))
    assert sorted(hospital.content("4", "SEG")) == ["left.nii", "notes.txt", "right.nii"]


def test_a_file_gets_another_name(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        uploader.upload({"label_63.nii": out / "seg.nii", "a/b.nii": "masks/left.nii"}, root=out, **words(hospital))
        url = uploader.upload_file(out / "seg.nii", name="label_64.nii", **words(hospital))
        assert url.endswith("/label_64.nii")
    assert hospital.content("4", "SEG") == {
        "label_63.nii": b"seg.nii",
        "a/b.nii": b"masks/left.nii",
        "label_64.nii": b"seg.nii",
    }


def test_bytes_and_file_objects_are_sent_from_memory(hospital: Hospital, out: Path) -> None:
    large = os.urandom(5 << 20)
    stream = io.BytesIO(b"from its start")
    stream.seek(7)
    with hospital.connect() as uploader, (out / "seg.nii").open("rb") as opened:
        given: dict[str, Any] = {"bytes": b"abc", "array": bytearray(b"de"), "stream": stream, "open": opened}
        files: dict[str, Any] = {**given, "large": large}
        everything: dict[str, Any] = {**files, "empty": b""}
        report = uploader.upload(everything, **words(hospital))
        assert {file.path for file in report.files} == {None}
        assert not opened.closed
        assert uploader.upload(files, exist_ok="same", **words(hospital)).count("skipped") == 5
    assert hospital.content("4", "SEG") == {
        "bytes": b"abc",
        "array": b"de",
        "stream": b"from its start",
        "open": b"seg.nii",
        "large": large,
        "empty": b"",
    }


def test_memory_is_sent_again_after_a_broken_line(ward: Any) -> None:
    content = os.urandom(200_000)
    ward.sandbox.inject(DropDuring(after_bytes=50_000))
    with ward.connect() as uploader:
        assert uploader.upload({"a": io.BytesIO(content)}, **words(ward)).ok
    assert ward.content("4", "SEG") == {"a": content}


class Pipe(io.RawIOBase):
    """What can be read once."""

    def readable(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("files", "error", "sentence"),
    [
        ({"a": Pipe()}, MissingFileError, "cannot be read from its start again"),
        ({"a": io.StringIO("text")}, MissingFileError, "is open as text"),
        ({"a": 5}, MissingFileError, "is of type int. Give a path, bytes, or a binary file object"),
        ({"a": "/nowhere/a.nii"}, MissingFileError, "does not exist"),
        ({"../a": b"x"}, InvalidIdentifierError, "component, which would leave its folder"),
        ({5: b"x"}, InvalidIdentifierError, "5 is no text"),
        (b"bytes", UnsafePathError, "are given by name: files="),
        (io.BytesIO(b"x"), UnsafePathError, "are given by name: files="),
        (5, UnsafePathError, "5 is no path"),
        ([None], UnsafePathError, "None is no path"),
        ({}, MissingFileError, "No file was named"),
        ("", UnsafePathError, "names no file"),
    ],
)
def test_what_cannot_be_sent_says_how_it_can(
    hospital: Hospital, files: Any, error: type[Exception], sentence: str
) -> None:
    with hospital.connect() as uploader, pytest.raises(error, match=sentence):
        uploader.upload(files, **words(hospital))


def test_a_mapping_to_a_directory_is_no_file(hospital: Hospital, out: Path) -> None:
    with (
        hospital.connect() as uploader,
        pytest.raises(MissingFileError, match="is a directory, and 'a' is"),
    ):
        uploader.upload({"a": out / "masks"}, **words(hospital))


def test_a_file_object_that_is_closed_or_grows_before_it_is_sent_is_not_called_stored(hospital: Hospital) -> None:
    for change in (lambda stream: stream.close(), lambda stream: (stream.seek(0, 2), stream.write(b"more"))):
        stream = io.BytesIO(b"as planned")
        with hospital.connect() as uploader:
            plan = uploader.plan({"a": stream, "b": b"other"}, **words(hospital))
            change(stream)
            with pytest.raises(IncompleteUploadError) as caught:
                uploader.run(plan)
        assert [file.ok for file in caught.value.report.files] == [False, True]
        assert "file object for 'a'" in caught.value.report.files[0].reason
        hospital.ask("DELETE", hospital.resource_path("4", "SEG"), params={"removeFiles": "true"})


@pytest.mark.parametrize("fault", [EOFError("ended early"), zlib.error("no block"), OSError("gone")], ids=repr)
def test_whatever_a_file_object_raises_fails_that_file_alone(hospital: Hospital, fault: Exception) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise fault

    with hospital.connect() as uploader, pytest.raises(IncompleteUploadError) as caught:
        uploader.upload({"a": Broken(b"as planned"), "b": b"other"}, **words(hospital))
    assert [file.ok for file in caught.value.report.files] == [False, True]
    assert str(fault) in caught.value.report.files[0].reason


def test_a_packed_file_object_that_is_cut_off_cannot_be_planned(hospital: Hospital) -> None:
    with (
        gzip.open(io.BytesIO(gzip.compress(os.urandom(1000))[:-100])) as cut_off,
        hospital.connect() as uploader,
        pytest.raises(MissingFileError, match="cannot be read from its start again"),
    ):
        uploader.upload({"a": cut_off}, **words(hospital))


def test_a_pattern_is_told_how_and_include_takes_it(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        for root in (out, None):
            with pytest.raises(MissingFileError, match=r"not named by patterns: .* include='\*\.nii'"):
                uploader.upload(str(out / "*.nii") if root is None else "*.nii", root=root, **words(hospital))
        plan = uploader.plan(out, include="*.nii", **words(hospital))
        assert [step.file.name for step in plan.steps] == ["left.nii", "right.nii", "seg.nii"]
        with pytest.raises(MissingFileError, match="holds no file but 7 that are left out"):
            uploader.plan(out, include="*.dcm", **words(hospital))


def test_what_tools_leave_is_left_out_and_told(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        plan = uploader.plan(out, **words(hospital))
        assert {each.rule: each.files for each in plan.left_out} == {".git/": 1, ".DS_Store": 1, "._*": 1}
        assert "3 left out" in plan.summary
        report = uploader.run(plan)
        assert report.left_out == plan.left_out
        assert "3 left out" in report.summary
        assert "'.git/'" in str(report)
        assert {step.file.name for step in uploader.plan(out, ignore=(), **words(hospital)).steps} >= {".DS_Store"}
    assert sorted(hospital.content("4", "SEG")) == ["left.nii", "notes.txt", "right.nii", "seg.nii"]


def test_a_file_that_is_named_is_never_left_out(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        assert uploader.plan(out / ".DS_Store", **words(hospital)).files_to_send


def test_all_that_is_wrong_with_files_is_told_at_once(hospital: Hospital, out: Path) -> None:
    (out / "50%.nii").write_bytes(b"x")
    (out / "a;b.nii").write_bytes(b"x")
    with hospital.connect() as uploader, pytest.raises(UnsafePathError) as caught:
        uploader.upload([".", "absent.nii", "../other.nii"], root=out, ignore=(), **words(hospital))
    for name in ("'50%.nii'", "'a;b.nii'", "'absent.nii'", "'../other.nii'"):
        assert name in str(caught.value)
    assert not hospital.listing("4", "SEG")


def test_many_report_local_faults_beside_what_is_stored(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        requests = [
            UploadRequest(files=out / "absent.nii", **words(hospital, resource_id="A")),
            UploadRequest(files=out / "seg.nii", **words(hospital, resource_id="B")),
            UploadRequest(files={"50%": b"x"}, **words(hospital, resource_id="C")),
        ]
        with pytest.raises(IncompleteUploadError) as caught:
            uploader.upload_many(requests)
        with pytest.raises(IncompleteUploadError):
            uploader.upload_many(requests[:1])
        with pytest.raises(IncompleteUploadError):
            uploader.upload_many([UploadRequest(files=out / "seg.nii", **words(hospital, resource_id="B"))])
        with pytest.raises(InvalidIdentifierError, match="upload_many takes requests"):
            uploader.upload_many([{"files": "seg.nii"}])  # type: ignore[list-item]
        with pytest.raises(InvalidIdentifierError, match="run takes plans"):
            uploader.run([uploader.plan(out / "seg.nii", **words(hospital))])  # type: ignore[arg-type]
    report = caught.value.report
    assert [file.ok for file in report.files] == [False, True, False]
    assert "absent.nii" in report.files[0].reason
    assert "50%" in report.files[2].reason
    assert hospital.content("4", "B") == {"seg.nii": b"seg.nii"}


def test_the_same_is_skipped_and_what_differs_refused(hospital: Hospital, out: Path) -> None:
    hospital.put("4", "SEG", "seg.nii", b"seg.nii")
    hospital.put("4", "SEG", "left.nii", b"MASKS/LEFT.NII")
    with hospital.connect() as uploader:
        files = [out / "seg.nii", out / "masks/left.nii", out / "masks/right.nii"]
        with pytest.raises(AlreadyExistsError) as caught:
            uploader.upload(files, exist_ok="same", **words(hospital))
        assert caught.value.names == ("left.nii",)
        report = uploader.upload([files[0], files[2]], exist_ok="same", **words(hospital))
        assert report.count("skipped") == 1
        with pytest.raises(InvalidIdentifierError, match="exist_ok is 'yes'"):
            uploader.upload(files, exist_ok="yes", **words(hospital))
    assert hospital.content("4", "SEG")["left.nii"] == b"MASKS/LEFT.NII"


def test_a_report_is_read_back_as_it_was_written(hospital: Hospital, out: Path) -> None:
    with hospital.connect() as uploader:
        report = uploader.upload([out, out / ".DS_Store"], **words(hospital))
        plan = uploader.plan({"a": b"x"}, **words(hospital))
    read = Report.from_json(report.to_json())
    assert read.to_dict() == report.to_dict()
    assert (len(read), read.failed, read.left_out) == (5, [], report.left_out)
    assert read.files[0].destination == report.files[0].destination
    with pytest.raises(ValueError, match="This is no report"):
        Report.from_json("{}")
    assert json.loads(plan.to_json())["totals"]["send"] == 1
    assert list(plan.to_dataframe()["name"]) == ["a"]
