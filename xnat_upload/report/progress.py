"""Tell whoever is looking how far an upload is."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an upload is.

    Parameters
    ----------
    files_done : int
        Files that the archive has answered for.
    files_total : int
        Files that have to travel.
    bytes_sent : int
        Bytes that have left, at most `bytes_total`.
    bytes_total : int
        Bytes that have to travel.
    """

    files_done: int
    files_total: int
    bytes_sent: int
    bytes_total: int


Listener = Callable[[Progress], None]
Shown: TypeAlias = "bool | Listener | None"
"""A bar, none, a callable that is told, or (None) a bar where a person is looking."""


class Meter:
    """Adds up what several threads have moved, and tells the listener, one call at a time."""

    def __init__(self, *, files_total: int, bytes_total: int, listener: Listener | None) -> None:
        self._lock = threading.Lock()
        self._listener = listener
        self._files_total = files_total
        self._bytes_total = bytes_total
        self._files_done = 0
        self._bytes_sent = 0

    def moved(self, size_bytes: int) -> None:
        """So many bytes have left; bytes that are sent again do not count beyond the total."""
        with self._lock:
            self._bytes_sent = min(self._bytes_total, self._bytes_sent + size_bytes)
            self._tell()

    def done(self, files: int) -> None:
        """So many files more are settled."""
        with self._lock:
            self._files_done = min(self._files_total, self._files_done + files)
            self._tell()

    def _tell(self) -> None:
        if self._listener is None:
            return
        try:
            self._listener(
                Progress(
                    files_done=self._files_done,
                    files_total=self._files_total,
                    bytes_sent=self._bytes_sent,
                    bytes_total=self._bytes_total,
                )
            )
        except Exception:
            # Who looks on must not be able to break an upload; it is told no more, and the log says why.
            logger.exception("The progress callback failed and is not called again; the upload goes on.")
            self._listener = None


@contextmanager
def shown(progress: bool | Listener | None, *, bytes_total: int) -> Iterator[Listener | None]:
    """Give the listener for what a caller wants: a bar, its own callable, or nothing.

    Parameters
    ----------
    progress : bool, callable or None
        None shows a bar only where a person is looking: a terminal or a notebook.
    bytes_total : int
        Length of the bar.
    """
    if callable(progress):
        yield progress
    elif sys.stderr is not None and (progress or (progress is None and bytes_total and _person_is_looking())):
        from tqdm.auto import tqdm

        terminal = _Terminal(sys.stderr)
        with tqdm(
            total=bytes_total, unit="B", unit_scale=True, unit_divisor=1024, desc="Uploading", file=terminal
        ) as bar:

            def advance(now: Progress) -> None:
                bar.set_postfix_str(f"{now.files_done} of {now.files_total} files", refresh=False)
                bar.update(now.bytes_sent - bar.n)

            yield advance
    else:
        yield None


class _Terminal:
    """Standard error, as far as it takes anything: one that is full, closed or gone must not break an upload."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # UnicodeError is a ValueError
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _person_is_looking() -> bool:
    # Asked of modules that are there already: who has not imported IPython is in no notebook. That ipykernel is
    # imported says nothing, since a program that runs notebooks imports it too.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel") or (sys.stderr is not None and sys.stderr.isatty())
