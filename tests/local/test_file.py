"""Between finding and opening, and while a file is read."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.local.staged import SECRET, content, is_readable, stage
from xnat_upload import ChangedFileError, UnsafePathError
from xnat_upload.local.file import BLOCK_BYTES, LocalFile, fingerprint


def swap_for_link_out(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()
    (root / "series" / "b.dcm").symlink_to("../../outside/secret.dcm")


def swap_for_link_inside(root: Path) -> None:
    (root / "series" / "b.dcm").rename(root / "series" / "old.dcm")
    (root / "series" / "b.dcm").symlink_to("old.dcm")


def swap_folder_for_link_out(root: Path) -> None:
    (root / "series").rename(root / "old")
    (root.parent / "outside" / "b.dcm").write_bytes(SECRET)
    (root / "series").symlink_to("../outside")


def swap_folder_for_link_to_itself(root: Path) -> None:
    (root / "series").rename(root / "old")
    (root / "series").symlink_to("old")


def swap_root_for_link(root: Path) -> None:
    root.rename(root.parent / "old")
    root.symlink_to("old")


def replace(root: Path) -> None:
    (root / "series" / "new.dcm").write_bytes(b"BB")
    kept = (root / "series" / "b.dcm").stat()
    os.utime(root / "series" / "new.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (root / "series" / "new.dcm").replace(root / "series" / "b.dcm")


def grow(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"bbb")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))


def shrink(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"b")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))


def rewrite(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"BB")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))


def remove(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()


def make_a_directory_of_it(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()
    (root / "series" / "b.dcm").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        *(swap_for_link_out, swap_for_link_inside, swap_folder_for_link_out, swap_folder_for_link_to_itself),
        *(swap_root_for_link, replace, grow, shrink, rewrite, remove, make_a_directory_of_it),
    ],
)
def test_what_changed_after_it_was_found_is_never_sent(root: Path, change: Callable[[Path], None]) -> None:
    (file,) = stage("series/b.dcm", root=root)
    change(root)
    for read in (content, fingerprint, LocalFile.open):
        with pytest.raises(ChangedFileError) as caught:
            read(file)
        assert is_readable(caught.value)
        assert "Plan the upload again." in str(caught.value)


def age(root: Path) -> None:
    os.utime(root / "series" / "b.dcm", ns=(0, 10**18 + 1))


def age_beyond_dates(root: Path) -> None:
    os.utime(root / "series" / "b.dcm", ns=(0, 2**33 * 10**9))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replace, r": another file has taken its place \(number \d+ before, \d+ now\)\. Plan"),
        (grow, r": its size was 2 bytes and is 3\. Plan"),
        (age, r": its time of change was 20\d\d-\S+ \S+ UTC and is 2001-09-09 01:46:40\.000000001 UTC\. Plan"),
        (age_beyond_dates, r": its time of change was .* and is "),
    ],
)
def test_the_message_says_which_of_size_time_and_identity_differs(
    root: Path, change: Callable[[Path], None], said: str
) -> None:
    (file,) = stage("series/b.dcm", root=root)
    change(root)
    with pytest.raises(ChangedFileError, match=said):
        file.open()


def test_an_unchanged_file_is_not_called_changed_where_inode_numbers_do_not_last(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = stage("series/b.dcm", root=root)
    look, numbers = os.fstat, itertools.count(10**6)

    def fleeting(descriptor: int) -> os.stat_result:
        found = look(descriptor)
        fields = list(found)
        fields[stat.ST_INO] = fields[stat.ST_DEV] = next(numbers)
        named = {name: getattr(found, name) for name in ("st_mtime_ns", "st_ctime_ns", "st_atime_ns")}
        return os.stat_result(fields, named)

    monkeypatch.setattr(os, "fstat", fleeting)
    assert content(file) == b"bb"
    assert content(*stage("series/b.dcm", root=root)) == b"bb"
    for change in (replace, rewrite):
        (file,) = stage("series/b.dcm", root=root)
        change(root)
        with pytest.raises(ChangedFileError):
            content(file)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("series/b.dcm", "leaves it by a symbolic link"),
        ("series", "changed just now: Too many levels of symbolic links"),
    ],
)
def test_a_link_that_is_slipped_in_between_looking_and_opening_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    look = os.stat

    def look_and_swap(path: str, **options: Any) -> os.stat_result:
        found = look(path, **options)
        if path == "b.dcm":
            monkeypatch.setattr(os, "stat", look)
            swap_for_link_out(root)
        return found

    monkeypatch.setattr(os, "stat", look_and_swap)
    with pytest.raises(UnsafePathError, match=said):
        stage(given, root=root)


@pytest.mark.parametrize("size_bytes", [BLOCK_BYTES, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite"])
def test_what_changes_while_it_is_read_never_comes_out_whole(
    root: Path, size_bytes: int, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "large.dcm"
    path.write_bytes(b"x" * size_bytes)
    (file,) = stage("large.dcm", root=root)
    read = LocalFile._read
    received: list[bytes] = []

    def read_and_change(self: LocalFile, opened: BinaryIO) -> bytes:
        block = read(self, opened)
        if not received:
            received.append(b"")
            with path.open("r+b") as writer:
                if change == "grow":
                    writer.seek(0, os.SEEK_END)
                    writer.write(b"more")
                elif change == "shrink":
                    writer.truncate(size_bytes // 2)
                else:
                    writer.write(b"X")
            os.utime(path, ns=(0, file.identity.modified_ns + (change == "rewrite")))
        return block

    monkeypatch.setattr(LocalFile, "_read", read_and_change)
    with pytest.raises(ChangedFileError, match="changed while it was read"):
        received.extend(file.blocks())
    assert len(b"".join(received)) < size_bytes


def test_a_file_that_cannot_be_read_to_its_end_is_not_taken_for_a_broken_line(root: Path) -> None:
    (file,) = stage("a.dcm", root=root)

    class Rotten:
        def read(self, _: int) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(ChangedFileError, match="cannot be read any more: Input/output error"):
        file._read(Rotten())  # type: ignore[arg-type]


# Fingerprints.


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_a_fingerprint_is_that_of_the_bytes_and_each_reading_opens_anew(root: Path, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    (root / "x.dcm").write_bytes(data)
    (file,) = stage("x.dcm", root=root)
    for _ in range(2):
        found = fingerprint(file)
        assert (found.size_bytes, found.md5, found.crc32) == (
            size_bytes,
            hashlib.md5(data).hexdigest(),
            zlib.crc32(data),
        )
        assert content(file) == data
    assert max((len(block) for block in file.blocks()), default=0) <= BLOCK_BYTES


def test_a_reading_that_is_given_up_leaves_nothing_open(root: Path) -> None:
    (root / "x.dcm").write_bytes(b"x" * 5 * BLOCK_BYTES)
    (file,) = stage("x.dcm", root=root)
    blocks = iter(file.blocks())
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
