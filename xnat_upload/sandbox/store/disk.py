"""How bytes reach the disk, and the named points at which a test may hold a writer.

Files are written straight to their final path: no temporary name, no rename, no
clean-up (docs/xnat/writing-files.md, "Where the bytes go").  So an upload that breaks off leaves a partial file
under the real name, and that is the behaviour, not a bug.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from io import RawIOBase
from pathlib import Path, PurePath
from typing import Literal, Protocol

Point = Literal[
    "body-half-received",
    "body-received",
    "catalog-read",
    "file-opened",
    "bytes-begun",
    "bytes-written",
    "checksum-taken",
    "before-catalog-lock",
    "before-catalog-write",
    "entry-written",
    "answer-ready",
]
"""The steps of a request, between any two of which another request may come or the connection may break.

``body-half-received``
    Half of the body is there; of a chunked one, its first block.
``body-received``
    All of the body is there.
``catalog-read``
    The catalog was read, and nothing else was done yet.
``file-opened``
    The old file is gone, or cut to nothing; no new byte is there.
``bytes-begun``
    Half of the file's first block is on the disk.
``bytes-written``
    The file is whole on the disk.
``checksum-taken``
    The MD5 of what lies on the disk was taken.
``before-catalog-lock``
    All files and checksums are done; nothing of a staged upload can be seen yet.
``before-catalog-write``
    The catalog is about to be written; what was staged has been moved into place, under the lock.
``entry-written``
    The catalog was written; the statistics of the resource are not.
``answer-ready``
    Everything is done; no byte of the answer was sent.
"""

BLOCK_BYTES = 1 << 20


class KilledError(BaseException):
    """The archive's process dies at this point: nothing is tidied up, and nobody is answered."""


class HoldPoints(Protocol):
    """Whoever wants to know that a writer has reached a point."""

    def reached(self, point: Point, path: PurePath) -> None:
        """Return when the writer may go on."""


class Disk:
    """The disk of one request; faults put another in its place."""

    def __init__(self, holds: HoldPoints) -> None:
        self._holds = holds

    def write(self, path: Path, blocks: Iterable[bytes]) -> int:
        """Write `blocks` to `path`, and give the number of bytes."""
        size = 0
        with path.open("wb", buffering=0) as file:
            self.reached("file-opened", path)
            for block in self.altered(blocks):
                view = memoryview(block)
                if block and not size:
                    half = len(view) // 2
                    _write_all(file, view[:half])
                    self.reached("bytes-begun", path)
                    view = view[half:]
                _write_all(file, view)
                size += len(block)
        self.reached("bytes-written", path)
        return size

    def accept(self, path: Path, blocks: Iterable[bytes], arrived: Path | None) -> int:
        """Write `blocks`, or move a part there that has already arrived as a temporary file; give its size."""
        if arrived is None or not self.may_move:
            return self.write(path, blocks)
        self.reached("file-opened", path)
        arrived.replace(path)
        self.reached("bytes-written", path)
        return path.stat().st_size

    def checksum(self, path: Path) -> str:
        """Give the MD5 of what lies there *now*, which another writer may have changed meanwhile."""
        digest = hashlib.md5()
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        self.reached("checksum-taken", path)
        return digest.hexdigest()

    @property
    def may_move(self) -> bool:
        """Whether a file that has arrived elsewhere may be renamed instead of written."""
        return True

    def altered(self, blocks: Iterable[bytes]) -> Iterable[bytes]:
        """Give the bytes that really reach the disk."""
        return blocks

    def reached(self, point: Point, path: PurePath) -> None:
        """Wait here for as long as a test holds the writer."""
        self._holds.reached(point, path)


def _write_all(file: RawIOBase, view: memoryview) -> None:
    while view:
        view = view[file.write(view) or 0 :]
