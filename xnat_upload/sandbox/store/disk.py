"""How bytes reach the disk, and the named points at which a test may hold a writer.

Files are written straight to their final path: no temporary name, no rename, no
clean-up (docs/xnat/writing-files.md, "Where the bytes go").  So an upload that breaks off leaves a partial file
under the real name, and that is the behaviour, not a bug.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Point = Literal["catalog-read", "bytes-written", "before-catalog-write"]
"""Where a writer can be held: the three steps between which another writer may come."""


@dataclass(frozen=True)
class Written:
    """A file as it arrived on disk; `md5` is of what is there, empty where nobody asked for it."""

    size: int
    md5: str


class HoldPoints(Protocol):
    """Whoever wants to know that a writer has reached a point."""

    def reached(self, point: Point, path: Path) -> None:
        """Return when the writer may go on."""


class Disk:
    """The disk of one request; faults put another in its place."""

    def __init__(self, holds: HoldPoints) -> None:
        self._holds = holds

    def write(self, path: Path, blocks: Iterable[bytes], *, with_md5: bool) -> Written:
        """Write `blocks` to `path`, hashing on the way what goes there."""
        digest = hashlib.md5()
        size = 0
        with path.open("wb", buffering=0) as file:
            for block in self.altered(blocks):
                view = memoryview(block)
                while view:
                    view = view[file.write(view) :]
                size += len(block)
                if with_md5:
                    digest.update(block)
        self.reached("bytes-written", path)
        return Written(size, digest.hexdigest() if with_md5 else "")

    def accept(
        self, path: Path, blocks: Iterable[bytes], arrived: tuple[Path, Written] | None, *, with_md5: bool
    ) -> Written:
        """Write `blocks`, or move a part there that has already arrived as a temporary file."""
        if arrived is None or not self.may_move:
            return self.write(path, blocks, with_md5=with_md5)
        temporary, written = arrived
        temporary.replace(path)
        self.reached("bytes-written", path)
        return written if with_md5 else Written(written.size, "")

    @property
    def may_move(self) -> bool:
        """Whether a file that has arrived elsewhere may be renamed instead of written."""
        return True

    def altered(self, blocks: Iterable[bytes]) -> Iterable[bytes]:
        """Give the bytes that really reach the disk."""
        return blocks

    def reached(self, point: Point, path: Path) -> None:
        """Wait here for as long as a test holds the writer."""
        self._holds.reached(point, path)
