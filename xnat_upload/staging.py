"""What lies on the local disk: safe resolution inside a root, fingerprints, and opening anew.

A path is resolved once, links followed, and must end inside the root. What is kept is the path *without* links, and the
identity of the file found there. Each later opening walks that path from the root's directory handle and follows no
link at all, so a link that is slipped in between fails, and a file that was exchanged is noticed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from xnat_upload.errors import ChangedFileError, InvalidIdentifierError, MissingFileError, UnsafePathError
from xnat_upload.identifiers import check_file_name

# A block is handed to the socket whole, and must be gone before the connect timeout of 10 s: 256 KiB are even at
# 26 KiB/s. Measured: larger blocks make neither hashing nor sending faster.
BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Fingerprint:
    """What tells two contents apart: size, MD5 (which XNAT lists) and CRC-32 (which a zip wants)."""

    size_bytes: int
    md5: str
    crc32: int


@dataclass(frozen=True)
class LocalFile:
    """One regular file inside a root, as it was when it was found.

    Parameters
    ----------
    name : str
        Its name in the resource.
    path : pathlib.Path
        Where the caller said it is; for messages and reports.
    root : pathlib.Path
        The directory that it may not leave, free of links.
    relative : pathlib.PurePosixPath
        Where it is below `root`, free of links.
    size_bytes : int
        Its size.
    identity : tuple of int
        Device, inode and time of last change in nanoseconds: what must still hold when it is opened.
    """

    name: str
    path: Path
    root: Path
    relative: PurePosixPath
    size_bytes: int
    identity: tuple[int, int, int]

    def open(self) -> BinaryIO:
        """Open the file anew, without following any link, and make sure that it is still the one that was found.

        Raises
        ------
        ChangedFileError
            It is gone, or it is another file, or it was written to since.
        """
        try:
            descriptor = _open_below(self.root, self.relative)
        except OSError as error:
            raise ChangedFileError(
                f"{self.path} was a regular file when the upload was planned and cannot be opened now: "
                f"{error.strerror}. Plan the upload again."
            ) from error
        file = os.fdopen(descriptor, "rb", buffering=0)
        found = os.fstat(descriptor)
        if (_identity(found), found.st_size) != (self.identity, self.size_bytes):
            file.close()
            raise ChangedFileError(
                f"{self.path} has changed since the upload was planned: expected {self.size_bytes} bytes, found "
                f"{found.st_size}, or a newer version. Plan the upload again."
            )
        return file

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
            if read_bytes != self.size_bytes or _identity(os.fstat(file.fileno())) != self.identity:
                raise ChangedFileError(
                    f"{self.path} changed while it was read: expected {self.size_bytes} bytes, found "
                    f"{'more' if read_bytes > self.size_bytes else read_bytes}, or newer ones. Plan the upload again."
                )
            if held:
                yield held

    def _read(self, file: BinaryIO) -> bytes:
        try:
            return file.read(BLOCK_BYTES)
        except OSError as error:  # not to be taken for a fault of the network, which has OSErrors too
            raise ChangedFileError(f"{self.path} cannot be read any more: {error.strerror}.") from error


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


def fingerprint(file: LocalFile) -> Fingerprint:
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


def net_root(images_dir: str | os.PathLike[str], net_id: str) -> Path:
    """Give the staging directory of a net: ``<images_dir>/<net_id>/upload``.

    Raises
    ------
    UnsafePathError
        A net ID that is not one plain directory name.

    Examples
    --------
    >>> net_root("/data/images", "net-1").as_posix()
    '/data/images/net-1/upload'
    >>> net_root("/data/images", "../net-1")
    Traceback (most recent call last):
    ...
    xnat_upload.errors.UnsafePathError: The net ID '../net-1' is not one plain directory name.
    """
    plain = isinstance(net_id, str) and net_id not in ("", ".", "..") and net_id.isprintable()
    if not plain or not {"/", "\\"}.isdisjoint(net_id):
        raise UnsafePathError(f"The net ID {net_id!r} is not one plain directory name.")
    return Path(images_dir) / net_id / "upload"


def stage(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    root: str | os.PathLike[str],
    keep_paths: bool = False,
) -> tuple[LocalFile, ...]:
    """Find every file that is named, a directory standing for all files below it, and check all there is to check.

    Parameters
    ----------
    files : path or iterable of paths
        Relative to `root`, or absolute and inside it.
    root : path
        The directory that nothing may leave, not even by a symbolic link.
    keep_paths : bool
        Names in the resource are the paths relative to `root` rather than base names.

    Returns
    -------
    tuple of LocalFile
        In the order named; the files of a directory sorted by path.

    Raises
    ------
    MissingFileError
        A file that does not exist or cannot be read, a directory without files, or no file named at all.
    UnsafePathError
        A path or link that leaves the root, a loop of links, a device, socket or pipe.
    InvalidIdentifierError
        A name that XNAT cannot hold, or two files with one name.
    """
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    try:
        top = Path(root).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingFileError(f"The directory {str(root)!r} that files are relative to does not exist.") from error
    if not top.is_dir():
        raise MissingFileError(f"{str(root)!r} must be a directory that files are relative to; it is none.")
    staged = tuple(
        _local_file(path, root=top, given_root=Path(root), keep_paths=keep_paths)
        for given in files
        for path in _expand(_inside(given, root=top, given_root=Path(root)), root=top)
    )
    if not staged:
        raise MissingFileError("No file was named, so there is nothing to upload.")
    refuse_equal_names(staged)
    return staged


def _inside(given: str | os.PathLike[str], *, root: Path, given_root: Path) -> Path:
    """Make a caller's path relative to the root, by its text alone; what its links do is `_resolve`'s business."""
    text = os.fspath(given)
    if not isinstance(text, str) or "\0" in text or text in ("", "."):
        raise UnsafePathError(f"{text!r} does not name a file or directory inside {given_root}.")
    path = Path(text)
    if ".." in path.parts:
        raise UnsafePathError(f"{text!r} has a '..' component; name files by their path inside {given_root}.")
    if path.is_absolute():
        for top in (given_root.absolute(), root):
            if path.is_relative_to(top) and path != top:
                return path.relative_to(top)
        raise UnsafePathError(f"{text!r} is outside {given_root}, where the files of this upload must lie.")
    return path


def _resolve(path: Path, *, root: Path) -> Path:
    """Follow the links of ``root / path`` and make sure that the end lies inside the root."""
    try:
        target = (root / path).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) or not isinstance(error, (FileNotFoundError, PermissionError)):
            raise UnsafePathError(f"{path} cannot be followed inside {root}: {error}.") from error
        raise MissingFileError(f"{path} does not exist in {root}, or may not be read.") from error
    if not target.is_relative_to(root):
        raise UnsafePathError(f"{path} leaves {root} by a symbolic link. Copy the file into the directory.")
    return target


def _expand(path: Path, *, root: Path, inside: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the path of a file, or of all files below a directory."""
    target = _resolve(path, root=root)
    if not target.is_dir():
        yield path
        return
    if target in inside:
        raise UnsafePathError(f"{path} is a symbolic link to a directory that contains it. Remove the link.")
    try:
        entries = sorted(entry.name for entry in os.scandir(target))
    except OSError as error:
        raise MissingFileError(f"The directory {path} cannot be read: {error.strerror}.") from error
    if not entries and not inside:
        raise MissingFileError(f"The directory {path} in {root} holds no file.")
    for entry in entries:
        yield from _expand(path / entry, root=root, inside=(*inside, target))


def _local_file(path: Path, *, root: Path, given_root: Path, keep_paths: bool) -> LocalFile:
    relative = PurePosixPath(_resolve(path, root=root).relative_to(root).as_posix())
    try:
        descriptor = _open_below(root, relative)
    except PermissionError as error:
        raise MissingFileError(f"{given_root / path} may not be read by this user.") from error
    except OSError as error:
        raise UnsafePathError(f"{given_root / path} is not a regular file, or changed just now: {error}.") from error
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return LocalFile(
        name=check_file_name(path.as_posix() if keep_paths else path.name),
        path=given_root / path,
        root=root,
        relative=relative,
        size_bytes=found.st_size,
        identity=_identity(found),
    )


def _open_below(root: Path, relative: PurePosixPath) -> int:
    """Open a regular file by walking from the root's handle, one component at a time, following no link."""
    *folders, last = relative.parts
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_mtime_ns


def refuse_equal_names(staged: Iterable[LocalFile]) -> None:
    """Make sure that no two files would get one name.

    Raises
    ------
    InvalidIdentifierError
        Two would; the message names both.
    """
    first: dict[str, LocalFile] = {}
    for file in staged:
        other = first.setdefault(file.name, file)
        if other is not file:
            raise InvalidIdentifierError(
                f"{other.path} and {file.path} would both be called {file.name!r} in the resource. Name each file "
                "once; with keep_paths=True files keep their folders."
            )
