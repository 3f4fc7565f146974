"""What leaves is as long as was said, reads back whole everywhere, and holds what was planned or nothing."""

from __future__ import annotations

import io
import os
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.transfer.zips import (
    CONTENTS,
    LARGE,
    ODD_NAMES,
    everything,
    local_file,
    read_from_the_end,
    read_from_the_start,
    shipment,
    true_fingerprint,
)
from xnat_upload import ChangedFileError, InvalidIdentifierError
from xnat_upload.local.file import BLOCK_BYTES, LocalFile
from xnat_upload.places.names import check_file_name
from xnat_upload.planning.step import Action, Form, Shipment, Step
from xnat_upload.transfer import zip_records
from xnat_upload.transfer.packing import pack


def file_in_form(data: bytes, content_type: str) -> bytes:
    """Read a form by the standard library's parser, and give its only part."""
    form = message_from_bytes(b"MIME-Version: 1.0\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    (part,) = list(form.walk())[1:]
    assert part.get_filename() == "batch.zip"
    assert part.get_content_type() == "application/zip"
    # The parser turns line ends of a binary part; the bytes between the marks are what was sent.
    boundary = content_type.partition("boundary=")[2].encode()
    start = data.index(b"\r\n\r\n") + 4
    end = data.rindex(b"\r\n--" + boundary + b"--\r\n")
    assert data.startswith(b"--" + boundary + b"\r\n")
    return data[start:end]


@pytest.fixture(params=["zip", "zip64"])
def zip_form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both forms of a zip; the second is for what is longer than 4 GiB."""
    if request.param == "zip64":
        monkeypatch.setattr(zip_records, "MOST_BYTES", 1)
    return str(request.param)


def test_a_zip_reads_back_whole_from_its_start_and_from_its_end(tmp_path: Path, zip_form: str) -> None:
    body, content_type = pack(shipment(tmp_path, CONTENTS), large_file_bytes=LARGE)
    data = everything(body)
    assert content_type == "application/zip"
    assert data.count(b"PK\x06\x06\x2c") == (zip_form == "zip64"), "the end record of a zip64"
    assert len(data) == body.size_bytes
    assert read_from_the_start(data) == CONTENTS
    assert read_from_the_end(data) == CONTENTS


@pytest.mark.parametrize("blocks", [1, 2, 16])
@pytest.mark.parametrize("short_bytes", range(100))
def test_a_zip_is_whole_wherever_its_blocks_end(tmp_path: Path, blocks: int, short_bytes: int) -> None:
    contents = {"a": bytes(blocks * BLOCK_BYTES - short_bytes), "b": b"what follows", "c": b""}
    body, _ = pack(shipment(tmp_path, contents), large_file_bytes=16 * BLOCK_BYTES)
    data = everything(body)
    assert len(data) == body.size_bytes
    assert read_from_the_start(data) == contents


@pytest.mark.usefixtures("zip_form")
def test_a_form_holds_the_same_zip(tmp_path: Path) -> None:
    body, content_type = pack(shipment(tmp_path, CONTENTS, Form.ZIP_IN_FORM), large_file_bytes=LARGE)
    data = everything(body)
    assert content_type.startswith("multipart/form-data; boundary=")
    assert len(data) == body.size_bytes
    assert read_from_the_start(file_in_form(data, content_type)) == CONTENTS


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
def test_a_plain_body_is_the_file(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    body, content_type = pack(shipment(tmp_path, {"a.dcm": content}, Form.PLAIN), large_file_bytes=LARGE)
    assert content_type == "application/octet-stream"
    assert body.size_bytes == size_bytes
    assert everything(body) == content
    assert body.sent == {"a.dcm": true_fingerprint(content)}


def test_every_odd_name_travels_literally(tmp_path: Path) -> None:
    contents = {name: name.encode() for name in ODD_NAMES}
    body, _ = pack(shipment(tmp_path, contents), large_file_bytes=LARGE)
    data = everything(body)
    assert len(data) == body.size_bytes
    assert read_from_the_start(data) == contents
    assert read_from_the_end(data) == contents


def is_kept(name: str) -> bool:
    try:
        check_file_name(name)
    except InvalidIdentifierError:
        return False
    return True


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=40).filter(is_kept) | st.sampled_from(ODD_NAMES),
        st.binary(max_size=200) | st.integers(LARGE - 1, LARGE + 1).map(lambda size: b"x" * size),
        max_size=6,
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_names_and_sizes_are_as_long_as_was_said_and_read_back_whole(
    tmp_path: Path, contents: dict[str, bytes], zip64: bool, known: bool
) -> None:
    assume(contents)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if zip64:
            monkeypatch.setattr(zip_records, "MOST_BYTES", 1)
        for form in (Form.ZIP, Form.ZIP_IN_FORM):
            sent = shipment(tmp_path, contents, form, known=contents if known else ())
            body, content_type = pack(sent, large_file_bytes=LARGE)
            data = everything(body)
            assert len(data) == body.size_bytes
            zipped = data if form is Form.ZIP else file_in_form(data, content_type)
            assert read_from_the_start(zipped) == contents
            assert read_from_the_end(zipped) == contents
            assert body.sent == {name: true_fingerprint(content) for name, content in contents.items()}


@pytest.mark.parametrize("form", [Form.ZIP, Form.ZIP_IN_FORM, Form.PLAIN])
def test_each_attempt_reads_the_files_anew_and_sends_them_whole(tmp_path: Path, form: Form) -> None:
    contents = CONTENTS if form is not Form.PLAIN else {"large.nii": CONTENTS["large.nii"]}
    body, _ = pack(shipment(tmp_path, contents, form), large_file_bytes=LARGE)
    first_attempt = iter(body)
    next(first_attempt)  # and the line breaks
    first, second = everything(body), everything(body)
    assert first == second
    assert len(first) == body.size_bytes
    assert body.sent == {name: true_fingerprint(content) for name, content in contents.items()}


def test_what_has_not_left_has_no_fingerprint(tmp_path: Path) -> None:
    contents = {"a": os.urandom(2 * BLOCK_BYTES), "b": b"b"}
    body, _ = pack(shipment(tmp_path, contents), large_file_bytes=LARGE)
    assert body.sent == {}
    blocks = iter(body)
    while "a" not in body.sent:
        next(blocks)
    assert body.sent == {"a": true_fingerprint(contents["a"])}
    assert everything(body)
    assert set(body.sent) == {"a", "b"}


def test_a_batch_of_more_members_than_a_plain_zip_can_count_is_a_zip64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = local_file(tmp_path, "a", b"")
    steps = tuple(Step(replace(file, name=str(number)), Action.SEND, "", None) for number in range(0x10000))
    body, _ = pack(Shipment(steps, Form.ZIP, ""), large_file_bytes=LARGE)
    monkeypatch.setattr(LocalFile, "blocks", lambda _: iter(()))
    data = everything(body)
    assert len(data) == body.size_bytes
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 0x10000


def grow(path: Path, content: bytes) -> None:
    path.write_bytes(content + b"more")


def cut(path: Path, content: bytes) -> None:
    path.write_bytes(content[:-1])


def rewrite(path: Path, content: bytes) -> None:
    path.write_bytes(content[::-1])
    os.utime(path, ns=(0, 0))


def remove(path: Path, content: bytes) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [grow, cut, rewrite, remove])
@pytest.mark.parametrize("form", [Form.ZIP, Form.ZIP_IN_FORM, Form.PLAIN])
@pytest.mark.parametrize("size_bytes", [10, LARGE + 10, 2 * BLOCK_BYTES])
def test_a_member_that_changed_stops_the_body_before_its_end(
    tmp_path: Path, change: Callable[[Path, bytes], None], form: Form, size_bytes: int
) -> None:
    content = b"1" + b"0" * (size_bytes - 1)
    contents = {"b.dcm": content} if form is Form.PLAIN else {"a.dcm": b"a", "b.dcm": content, "c.dcm": b"c"}
    sent = shipment(tmp_path, contents, form)
    body, _ = pack(sent, large_file_bytes=LARGE)
    (path,) = (step.file.path or tmp_path for step in sent.steps if step.file.name == "b.dcm")
    change(path, content)
    received: list[bytes] = []
    with pytest.raises(ChangedFileError):
        received.extend(body)
    assert len(b"".join(received)) < (body.size_bytes or 0)
    assert "b.dcm" not in body.sent
    assert "c.dcm" not in body.sent
    assert b"PK\x01\x02" not in b"".join(received), "the directory must not follow"


@pytest.mark.parametrize("form", [Form.ZIP, Form.PLAIN])
@pytest.mark.parametrize("size_bytes", [10, LARGE + 10, 2 * BLOCK_BYTES])
def test_bytes_other_than_those_that_were_planned_stop_the_body_though_nothing_else_shows_it(
    tmp_path: Path, form: Form, size_bytes: int
) -> None:
    sent = shipment(tmp_path, {"a.dcm": b"1" + b"0" * (size_bytes - 1)}, form, known=["a.dcm"])
    file = sent.steps[0].file
    assert isinstance(file, LocalFile)
    with file.path.open("r+b") as writer:
        writer.write(b"2")
    os.utime(file.path, ns=(0, file.identity.modified_ns))
    body, _ = pack(sent, large_file_bytes=LARGE)
    received: list[bytes] = []
    with pytest.raises(ChangedFileError, match=r"expected MD5 .*, found "):
        received.extend(body)
    assert len(b"".join(received)) < (body.size_bytes or 0)
    assert body.sent == {}


def test_a_large_member_that_changed_is_noticed_before_anything_is_sent(tmp_path: Path) -> None:
    sent = shipment(tmp_path, {"large.nii": b"x" * (LARGE + 1)})
    (sent.steps[0].file.path or tmp_path).write_bytes(b"other")
    with pytest.raises(ChangedFileError):
        pack(sent, large_file_bytes=LARGE)


def test_a_small_file_is_read_once_for_all_and_a_large_one_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_anew = LocalFile.open

    def count(self: LocalFile) -> BinaryIO:
        opened.append(self.name)
        return open_anew(self)

    monkeypatch.setattr(LocalFile, "open", count)
    body, _ = pack(shipment(tmp_path, {"small": b"x" * LARGE, "large": b"x" * (LARGE + 1)}), large_file_bytes=LARGE)
    everything(body)
    assert sorted(opened) == ["large", "large", "small"]


def peak_bytes(folder: Path, *, members: int, size_bytes: int, form: Form, large_file_bytes: int) -> int:
    content = os.urandom(size_bytes)
    sent = shipment(folder, {f"{number}.dcm": content for number in range(members)}, form)
    body, _ = pack(sent, large_file_bytes=large_file_bytes)
    tracemalloc.start()
    try:
        for _ in body:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", [Form.ZIP, Form.ZIP_IN_FORM])
def test_memory_does_not_grow_with_the_number_of_members(tmp_path: Path, form: Form) -> None:
    size = 256 * 1024
    few = peak_bytes(tmp_path, members=20, size_bytes=size, form=form, large_file_bytes=size)
    many = peak_bytes(tmp_path, members=200, size_bytes=size, form=form, large_file_bytes=size)
    # stream-zip makes a class for each member, of 2.3 KiB on Python 3.13, which stays until the next collection.
    headers_bytes = 180 * 4096
    assert many < few + headers_bytes
    assert many < 3 * size + headers_bytes


@pytest.mark.parametrize("form", [Form.ZIP, Form.ZIP_IN_FORM, Form.PLAIN])
def test_memory_does_not_grow_with_the_size_of_a_large_file(tmp_path: Path, form: Form) -> None:
    peak = peak_bytes(tmp_path, members=1, size_bytes=32 * 1024 * 1024, form=form, large_file_bytes=4 * 1024 * 1024)
    assert peak < 8 * BLOCK_BYTES


def test_small_members_take_less_than_three_times_the_size_of_the_largest(tmp_path: Path) -> None:
    size = 4 * 1024 * 1024
    assert peak_bytes(tmp_path, members=6, size_bytes=size, form=Form.ZIP, large_file_bytes=size) < 3 * size


def test_no_descriptor_is_left_open_when_a_body_is_given_up(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("counts what Linux shows in /proc")
    contents = {f"{number}.bin": b"x" * 3 * BLOCK_BYTES for number in range(5)}
    before = len(os.listdir("/proc/self/fd"))
    for form in (Form.ZIP, Form.ZIP_IN_FORM):
        body, _ = pack(shipment(tmp_path, contents, form), large_file_bytes=LARGE)
        for taken in range(1, 12):
            blocks = iter(body)
            for _ in range(taken):
                next(blocks)
            assert len(os.listdir("/proc/self/fd")) <= before + 1
            del blocks
        everything(body)
    assert len(os.listdir("/proc/self/fd")) == before
