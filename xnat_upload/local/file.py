"""One file of the local disk: opened anew without following links, read in blocks, and its fingerprint.

A file is held by its path *without* links below its root, and by the identity of what was found there. Each opening
walks that path from the root's directory handle and follows no link at all, so a link that is slipped in between fails,
and a file that was exchanged is noticed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol

from xnat_upload.errors import ChangedFileError, quoted
from xnat_upload.local.root import Root

# Measured: larger blocks make neither hashing nor sending faster.
BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells two contents apart: size, MD5 (which XNAT lists) and CRC-32 (which a zip wants)."""

    size_bytes: int
    md5: str
    crc32: int


class Identity(NamedTuple):
    """What tells a file from another one, and from itself after a change; times in nanoseconds.

    `modified_ns` is of its content, which anybody may set; `changed_ns` is of the file, which only the system sets.
    """

    device: int
    inode: int
    modified_ns: int
    changed_ns: int

    def packed(self) -> bytes:
        """Give it in a quarter of the memory; seconds by themselves, since a time stamp may be any number of them."""
        times = divmod(self.modified_ns, _SECOND_NS) + divmod(self.changed_ns, _SECOND_NS)
        return _PACKED_IDENTITY.pack(self.device, self.inode, *times)

    @classmethod
    def unpacked(cls, packed: bytes) -> Identity:
        """Give back what was packed."""
        device, inode, modified, modified_ns, changed, changed_ns = _PACKED_IDENTITY.unpack(packed)
        return cls(device, inode, modified * _SECOND_NS + modified_ns, changed * _SECOND_NS + changed_ns)


_SECOND_NS = 10**9
_PACKED_IDENTITY = struct.Struct("=QQqIqI")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One regular file inside a root, as it was when it was found.

    There may be hundreds of thousands of them, so each holds no path but the texts that differ: of most, one text is
    all three.

    Parameters
    ----------
    name : str
        Its name in the resource.
    root : Root
        The directory that it may not leave.
    reached : str
        Where the caller said that it is below `root`.
    relative : str
        The same place, free of links.
    size_bytes : int
        Its size.
    packed_identity : bytes
        What must still hold when it is opened.
    """

    name: str
    root: Root
    reached: str
    relative: str
    size_bytes: int
    packed_identity: bytes = field(repr=False)

    @property
    def path(self) -> Path:
        """Where the caller said it is; for messages and reports."""
        return self.root.given / self.reached

    @property
    def identity(self) -> Identity:
        """What must still hold when it is opened."""
        return Identity.unpacked(self.packed_identity)

    def open(self) -> BinaryIO:
        """Open the file anew, without following any link, and make sure that it is still the one that was found.

        Raises
        ------
        ChangedFileError
            It is gone, or it is another file, or it was written to since.
        """
        try:
            descriptor = open_below(self.root.base, self.root.below / self.relative)
        except OSError as error:
            raise ChangedFileError(
                f"{quoted(self.path)} was a regular file when the upload was planned and cannot be opened now: "
                f"{error.strerror}. Plan the upload again.",
                path=self.path,
                name=self.name,
            ) from error
        file = os.fdopen(descriptor, "rb", buffering=0)
        change = self._change(os.fstat(descriptor))
        if change:
            file.close()
            raise ChangedFileError(
                f"{quoted(self.path)} has changed since the upload was planned: {change}. Plan the upload again.",
                path=self.path,
                name=self.name,
            )
        return file

    def check(self) -> None:
        """Make sure that it is still the file that was found.

        Raises
        ------
        ChangedFileError
            It is gone, or it is another file, or it was written to since.
        """
        self.open().close()

    def blocks(self) -> Iterator[bytes]:
        """Read the file once, opened anew; the last block comes only after the file has been seen not to have changed.

        Raises
        ------
        ChangedFileError
            It is not the file that was found, or it was written to while it was read.
        """
        with self.open() as file:
            held = b""
            read_bytes = 0
            while block := self._read(file):
                read_bytes += len(block)
                if read_bytes > self.size_bytes:
                    break
                if held:
                    yield held
                held = block
            change = self._change(os.fstat(file.fileno()))
            if not change and read_bytes != self.size_bytes:
                change = f"its size is {self.size_bytes} bytes, and {read_bytes} or more could be read"
            if change:
                raise ChangedFileError(
                    f"{quoted(self.path)} changed while it was read: {change}. Plan the upload again.",
                    path=self.path,
                    name=self.name,
                )
            if held:
                yield held

    def _change(self, found: os.stat_result) -> str:
        """Say which of size, time and identity is another one than when the file was found; nothing if none is."""
        now, before = identity_of(found), self.identity
        changes = []
        if found.st_size != self.size_bytes:
            changes.append(f"its size was {self.size_bytes} bytes and is {found.st_size}")
        if now.modified_ns != before.modified_ns:
            changes.append(
                f"its time of change was {_readable(before.modified_ns)} and is {_readable(now.modified_ns)}"
            )
        # On some mounts (FUSE, SMB, NFS) the numbers of an unchanged file do not last. But whatever takes its place has
        # been written, renamed or touched at another time, which nobody can set.
        if now[:2] != before[:2] and now.changed_ns != before.changed_ns:
            changes.append(f"another file has taken its place (number {before.inode} before, {now.inode} now)")
        return ", ".join(changes)

    def _read(self, file: BinaryIO) -> bytes:
        try:
            return file.read(BLOCK_BYTES)
        except OSError as error:  # not to be taken for a fault of the network, which has OSErrors too
            raise ChangedFileError(
                f"{quoted(self.path)} cannot be read any more: {error.strerror}.", path=self.path, name=self.name
            ) from error


class Hasher:
    """MD5 and CRC-32 of the same bytes in one reading."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32 = 0
        self.size_bytes = 0

    def update(self, block: bytes) -> None:
        """Take in the next bytes."""
        self._md5.update(block)
        self._crc32 = zlib.crc32(block, self._crc32)
        self.size_bytes += len(block)

    def fingerprint(self) -> Fingerprint:
        """Give the fingerprint of all bytes taken in so far."""
        return Fingerprint(self.size_bytes, self._md5.hexdigest(), self._crc32)


class Readable(Protocol):
    """What can be read from its start, as often as need be."""

    def blocks(self) -> Iterator[bytes]:
        """Read it once."""


def fingerprint(file: Readable) -> Fingerprint:
    """Read a file once, in blocks, and give its fingerprint.

    Raises
    ------
    ChangedFileError
        It is not the file that was found.
    """
    hasher = Hasher()
    for block in file.blocks():
        hasher.update(block)
    return hasher.fingerprint()


def open_below(root: Path, relative: PurePosixPath) -> int:
    """Open a regular file by walking from the root's handle, one component at a time, following no link.

    Raises
    ------
    OSError
        It is not there, not readable, or no regular file.
    """
    *folders, last = relative.parts
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(folder, flags, dir_fd=directory)
            os.close(directory)
            directory = below
        # Looked at before it is opened, because opening a device can have effects, and a pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(last, dir_fd=directory, follow_symlinks=False).st_mode):
            raise OSError(0, "it is no regular file")
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    finally:
        os.close(directory)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no regular file")
    return descriptor


def identity_of(found: os.stat_result) -> Identity:
    """Give what tells a file from another one, and from itself after a change."""
    return Identity(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _readable(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S}.{rest:09} UTC"
    except (ValueError, OverflowError, OSError):  # a time stamp may be any number
        return f"{nanoseconds} ns"
