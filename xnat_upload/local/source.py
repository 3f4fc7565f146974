"""Bytes that are given in a program rather than in a file of the disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from xnat_upload.errors import ChangedFileError, MissingFileError, quoted
from xnat_upload.local.file import BLOCK_BYTES, LocalFile


@dataclass(frozen=True, eq=False)
class MemoryFile:
    """Bytes from memory, as one file.

    Parameters
    ----------
    name : str
        Its name in the resource.
    content : bytes
        All of it.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def path(self) -> None:
        """It lies nowhere on the disk."""

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return len(self.content)

    def check(self) -> None:
        """Bytes do not change."""

    def blocks(self) -> Iterator[bytes]:
        """Read it once."""
        view = memoryview(self.content)
        for start in range(0, len(view), BLOCK_BYTES):
            yield bytes(view[start : start + BLOCK_BYTES])


@dataclass(frozen=True, eq=False)
class OpenedFile:
    """A binary file object of the caller, all of it: one that was read before would be empty from where it stands.

    Parameters
    ----------
    name : str
        Its name in the resource.
    stream : binary file object
        The caller's own; it is never closed here.
    size_bytes : int
        From its start to its end.
    """

    name: str
    stream: BinaryIO = field(repr=False)
    size_bytes: int

    @property
    def path(self) -> None:
        """Where it lies is its own business."""

    def check(self) -> None:
        """Make sure that it can still be read, and is as long as it was.

        Raises
        ------
        ChangedFileError
            It is not so.
        """
        try:
            found_bytes = self.stream.seek(0, io.SEEK_END)
        except Exception as error:  # gzip's raises an EOFError, and another whatever its author chose
            raise self._unreadable(error) from error
        if found_bytes != self.size_bytes:
            raise self._changed(found_bytes)

    def blocks(self) -> Iterator[bytes]:
        """Read it once.

        Raises
        ------
        ChangedFileError
            It has been closed, or it is shorter or longer than it was.
        """
        read_bytes = 0
        try:
            while True:
                self.stream.seek(read_bytes)
                block = self.stream.read(BLOCK_BYTES)
                read_bytes += len(block)
                if not block or read_bytes > self.size_bytes:
                    break
                yield block
        except Exception as error:  # gzip's raises an EOFError, and another whatever its author chose
            raise self._unreadable(error) from error
        if read_bytes != self.size_bytes:
            raise self._changed(read_bytes)

    def _unreadable(self, error: Exception) -> ChangedFileError:
        return ChangedFileError(
            f"The file object for {quoted(self.name)} cannot be read any more: {error}. Keep it open until the upload "
            "has ended.",
            name=self.name,
        )

    def _changed(self, found_bytes: int) -> ChangedFileError:
        return ChangedFileError(
            f"The file object for {quoted(self.name)} had {self.size_bytes} bytes when the upload was planned, and has "
            f"{found_bytes if found_bytes < self.size_bytes else 'more'} now. Plan the upload again.",
            name=self.name,
        )


AnyFile: TypeAlias = LocalFile | MemoryFile | OpenedFile


def from_memory(name: str, given: object) -> MemoryFile | OpenedFile:
    """Take bytes or a binary file object for a file.

    Raises
    ------
    MissingFileError
        It is neither, or cannot be read a second time.
    """
    if isinstance(given, (bytes, bytearray, memoryview)):
        return MemoryFile(name, bytes(given))
    if isinstance(given, io.TextIOBase):
        raise MissingFileError(f"What is given for {quoted(name)} is open as text. Open it as 'rb'.")
    if not hasattr(given, "read"):
        raise MissingFileError(
            f"What is given for {quoted(name)} is of type {type(given).__name__}. Give a path, bytes, or a binary file "
            "object."
        )
    stream: BinaryIO = given  # type: ignore[assignment]
    try:
        size_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)
    except Exception as error:
        raise MissingFileError(
            f"The file object for {quoted(name)} cannot be read from its start again, which a broken line may make "
            "necessary. Give its bytes (file.read()), or write it to a file first."
        ) from error
    return OpenedFile(name, stream, size_bytes)
