"""Holding a request at a named point, so that a race happens the same way every time."""

from __future__ import annotations

import threading
from pathlib import PurePath
from types import TracebackType

from xnat_upload.sandbox.store.disk import Point


class Hold:
    """One request that will be, or is, held; as a context manager it lets go at the end."""

    def __init__(self, point: Point, *, within: str, nth: int) -> None:
        self.point = point
        self._within = within
        self._to_come = nth
        self._reached = threading.Event()
        self._released = threading.Event()

    def catches(self, point: Point, path: PurePath) -> bool:
        """Tell whether the request at this place is the one to hold, and count it."""
        if point != self.point or self._within not in path.as_posix() or self._reached.is_set():
            return False
        self._to_come -= 1
        if self._to_come:
            return False
        self._reached.set()
        return True

    def keep(self) -> None:
        """Keep the calling request until somebody lets go."""
        self._released.wait()

    def wait_until_reached(self, *, timeout_seconds: float = 10.0) -> None:
        """Wait until a request is held here.

        Parameters
        ----------
        timeout_seconds : float
            How long to wait.

        Raises
        ------
        TimeoutError
            None has come there in that time.
        """
        if not self._reached.wait(timeout_seconds):
            raise TimeoutError(f"No request reached {self.point!r} within {timeout_seconds} s.")

    def release(self) -> None:
        """Let the request go on; one that comes later is not held any more."""
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

    def add(self, point: Point, *, within: str, nth: int) -> Hold:
        """Hold the `nth` request from now on that reaches `point` with a path that contains `within`."""
        hold = Hold(point, within=within, nth=nth)
        with self._lock:
            self._holds.append(hold)
        return hold

    def reached(self, point: Point, path: PurePath) -> None:
        """Called by every request at every point."""
        with self._lock:
            hold = next((one for one in self._holds if one.catches(point, path)), None)
        if hold is not None:
            hold.keep()

    def release_all(self) -> None:
        """Let everybody go."""
        with self._lock:
            for hold in self._holds:
                hold.release()
