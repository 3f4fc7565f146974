"""Ctrl-C while files travel: noted at once, and acted upon where nothing is half done."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# A terminal, a notebook and whatever forwards a signal may send two of them for one.
_ONE_PRESS_SECONDS = 1.0
LOOK_SECONDS = 0.25
"""How often who waits looks whether one was noted."""
INTERRUPTED_NOW = "Interrupted: nothing more is sent; what was sent is verified now."
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted(stop: threading.Event) -> Iterator[threading.Event]:
    """Have the first Ctrl-C set `stop` and raise nothing; what follows within a second is taken for the same one.

    Python would raise KeyboardInterrupt wherever the main thread is, even in the midst of a lock that another thread
    waits for. A later one still does that. Signals that somebody else handles, and other threads, are left alone.

    Examples
    --------
    >>> stop = threading.Event()
    >>> with noted(stop):
    ...     signal.raise_signal(signal.SIGINT)
    >>> stop.is_set()
    True
    """
    noted_at = -math.inf

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted_at
        now = time.monotonic()
        if now - noted_at < _ONE_PRESS_SECONDS:
            return
        noted_at = now
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    ours = [
        each
        for each in _SIGNALS
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(each) is signal.default_int_handler
    ]
    for each in ours:
        signal.signal(each, note)
    try:
        yield stop
    finally:
        for each in ours:
            signal.signal(each, signal.default_int_handler)
