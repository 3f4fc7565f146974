"""The disk of a request that meets faults: its bytes suffer, and its steps are where the line breaks."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePath

import anyio.from_thread

from xnat_upload.sandbox.faults import (
    CatalogBusy,
    CatalogConflict,
    DiskFull,
    DropAt,
    Fault,
    FlipByte,
    KillAt,
    StoreFewer,
)
from xnat_upload.sandbox.server.exchange import Abort
from xnat_upload.sandbox.store.catalog import CatalogBusyError
from xnat_upload.sandbox.store.disk import Disk, HoldPoints, KilledError, Point


class FaultyDisk(Disk):
    """A disk on which the bytes and steps of one request fare as its faults say."""

    def __init__(self, holds: HoldPoints, faults: Iterable[Fault], abort: Abort, *, catalog_busy: str) -> None:
        super().__init__(holds)
        self._abort = abort
        self._busy = catalog_busy if any(isinstance(fault, CatalogBusy) for fault in faults) else ""
        self._flip = any(isinstance(fault, FlipByte) for fault in faults)
        self._missing = sum(fault.bytes_missing for fault in faults if isinstance(fault, StoreFewer))
        self._room = min((fault.after_bytes for fault in faults if isinstance(fault, DiskFull)), default=None)
        self._conflict = any(isinstance(fault, CatalogConflict) for fault in faults)
        self._drops = [fault for fault in faults if isinstance(fault, DropAt)]
        self._moves = not (self._flip or self._missing or self._room is not None)

    @property
    def may_move(self) -> bool:
        """A part that has arrived is copied instead, where its bytes must be touched."""
        return self._moves

    def altered(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Flip, withhold or refuse bytes."""
        if self._missing:
            blocks, self._missing = _all_but_last(blocks, self._missing), 0
        for block in blocks:
            if self._flip and block:
                block, self._flip = bytes([block[0] ^ 0xFF]) + block[1:], False
            if self._room is not None:
                fitting, self._room = block[: self._room], self._room - len(block)
                yield fitting
                if self._room < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
            else:
                yield block

    def reached(self, point: Point, path: PurePath) -> None:
        """Break the line first, then be held: what a test does meanwhile comes after the break, as in life."""
        for drop in self._drops:
            if drop.point == point and drop.within in path.as_posix():
                self._drops = [one for one in self._drops if one is not drop]
                anyio.from_thread.run_sync(partial(self._abort, reset=drop.reset))
                if isinstance(drop, KillAt):
                    raise KilledError
        super().reached(point, path)
        if point == "before-catalog-lock" and self._busy:
            raise CatalogBusyError(f"{self._busy} {path}")
        if point == "before-catalog-write" and self._conflict:
            self._conflict = False
            with _SOMEBODY_ELSE, Path(path).open("ab") as catalog:
                catalog.write(b"\n")


_SOMEBODY_ELSE = threading.Lock()


def _all_but_last(blocks: Iterable[bytes], missing: int) -> Iterator[bytes]:
    tail = b""
    for block in blocks:
        tail += block
        if len(tail) > missing:
            yield tail[:-missing]
            tail = tail[-missing:]
