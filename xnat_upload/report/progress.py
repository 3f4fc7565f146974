"""Tell whoever is looking how far an upload is."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
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
        Files that the archive has acknowledged.
    files_total : int
        Files that have to travel.
    bytes_sent : int
        Bytes of those files, and of the request that is under way. When a request is lost, its bytes are taken back, so
        the number may shrink; it reaches `bytes_total` only if all files arrive.
    bytes_total : int
        Bytes that have to travel.
    files_failed : int
        Files of which it is certain by now that they are not stored.
    """

    files_done: int
    files_total: int
    bytes_sent: int
    bytes_total: int
    files_failed: int = 0


Listener = Callable[[Progress], None]
Shown: TypeAlias = "bool | Listener | None"
"""A bar, none, a callable that is told, or (None) a bar where a person is looking."""


class Meter:
    """Adds up what several threads report, and tells the listener, one call at a time."""

    def __init__(self, *, files_total: int, bytes_total: int, listener: Listener | None) -> None:
        self._lock = threading.Lock()
        self._listener = listener
        self._files_total = files_total
        self._bytes_total = bytes_total
        self._files_done = 0
        self._files_failed = 0
        self._bytes_sent = 0

    def add(self, *, size_bytes: int = 0, files: int = 0, failed: int = 0) -> None:
        """Add to the numbers; what turns out not to be so is taken back by negative ones."""
        if not (size_bytes or files or failed):
            return
        with self._lock:
            self._bytes_sent += size_bytes
            self._files_done += files
            self._files_failed += failed
            self._tell()

    def _tell(self) -> None:
        if self._listener is None:
            return
        try:
            self._listener(
                Progress(
                    files_done=max(0, min(self._files_total, self._files_done)),
                    files_total=self._files_total,
                    # What a zip adds to its files leaves too, until the request is over.
                    bytes_sent=max(0, min(self._bytes_total, self._bytes_sent)),
                    bytes_total=self._bytes_total,
                    files_failed=self._files_failed,
                )
            )
        except Exception:
            # Who looks on must not be able to break an upload; it is told no more, and the log says why.
            logger.exception("The progress callback failed and is not called again; the upload goes on.")
            self._listener = None


class Share:
    """What one resource has added to a meter: counted while it travels, and put right once it is known."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._bytes_sent = 0
        self._files_done = 0

    def moved(self, size_bytes: int) -> None:
        """So many bytes have left, or if negative, were lost."""
        self._bytes_sent += size_bytes
        self._meter.add(size_bytes=size_bytes)

    def done(self, files: int) -> None:
        """So many files more were acknowledged."""
        self._files_done += files
        self._meter.add(files=files)

    def settle(self, *, size_bytes: int, files: int, failed: int) -> None:
        """Say what became of all of it."""
        self._meter.add(size_bytes=size_bytes - self._bytes_sent, files=files - self._files_done, failed=failed)


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
        from tqdm.contrib.logging import logging_redirect_tqdm

        tqdm = _bar_class()
        terminal = _Terminal(sys.stderr)
        loggers = _loggers_of_the_console()
        with (
            logging_redirect_tqdm(list(loggers), tqdm_class=tqdm),
            tqdm(
                total=bytes_total, unit="B", unit_scale=True, unit_divisor=1024, desc="Uploading", file=terminal
            ) as bar,
        ):
            for logger, level in loggers.items():
                above_bar = logger.handlers[-1]  # which tqdm has put there
                above_bar.setLevel(level)
                if isinstance(above_bar, logging.StreamHandler):
                    above_bar.stream = _Terminal(above_bar.stream)

            def advance(now: Progress) -> None:
                failed = f", {now.files_failed} failed" if now.files_failed else ""
                bar.set_postfix_str(f"{now.files_done} of {now.files_total} files{failed}", refresh=False)
                bar.update(now.bytes_sent - bar.n)
                if failed:
                    bar.refresh()

            yield advance
    else:
        yield None


def _bar_class() -> Any:
    """Give tqdm's widget in a notebook that can show one, and its bar of text everywhere else, without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm warns that ipywidgets is missing
        from tqdm.auto import tqdm

    return tqdm


def _loggers_of_the_console() -> dict[logging.Logger, int]:
    """Give those whose lines would tear the bar and are written above it instead, and from which level on."""
    root, ours = logging.getLogger(), logging.getLogger("xnat_upload")
    console = (sys.stdout, sys.stderr)
    levels = {
        logger: [h.level for h in logger.handlers if isinstance(h, logging.StreamHandler) and h.stream in console]
        for logger in (root, ours)
    }
    if not (root.handlers or ours.handlers):
        return {root: logging.WARNING}  # as Python does where nobody has set up a log
    return {logger: min(found) for logger, found in levels.items() if found}


class _Terminal:
    """Standard error, as far as it takes anything: one that is full, closed or gone must not break an upload."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Terminal)  # by which tqdm knows what it must write above its bar

    __hash__ = object.__hash__

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
