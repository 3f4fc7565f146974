"""Holding a writer at a named point, so that a race happens the same way every time."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from xnat_upload.sandbox.store.disk import Point


class Hold:
    """One writer that will be, or is, held; as a context manager it lets go at the end."""

    def __init__(self, point: Point, *, within: str) -> None:
        self.point = point
        self._within = within
        self._reached = threading.Event()
        self._released = threading.Event()

    def matches(self, point: Point, path: Path) -> bool:
        """Tell whether a writer at this place is the one to hold."""
        return point == self.point and self._within in path.as_posix() and not self._reached.is_set()

    def keep(self) -> None:
        """Keep the calling writer until somebody lets go."""
        self._released.wait()

    def claim(self) -> None:
        """Note that the writer has come."""
        self._reached.set()

    def wait_until_reached(self, *, timeout_seconds: float = 10.0) -> None:
        """Wait until a writer is held here."""
        if not self._reached.wait(timeout_seconds):
            raise TimeoutError(f"No writer reached {self.point!r} within {timeout_seconds} s.")

    def release(self) -> None:
        """Let the writer go on; one that comes later is not held any more."""
        self._reached.set()
        self._released.set()

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Holds:
    """All holds of one sandbox."""

    def __init__(self) -> None:
        self._holds: list[Hold] = []
        self._lock = threading.Lock()

    def add(self, point: Point, *, within: str) -> Hold:
        """Hold the next writer that reaches `point` with a path that contains `within`."""
        hold = Hold(point, within=within)
        with self._lock:
            self._holds.append(hold)
        return hold

    def reached(self, point: Point, path: Path) -> None:
        """Called by every writer at every point."""
        with self._lock:
            hold = next((one for one in self._holds if one.matches(point, path)), None)
            if hold is None:
                return
            hold.claim()
        hold.keep()

    def release_all(self) -> None:
        """Let everybody go."""
        with self._lock:
            for hold in self._holds:
                hold.release()
