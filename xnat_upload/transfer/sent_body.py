"""A body on its way: what of it has left, how fast it went, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from xnat_upload.archive.line import Line
from xnat_upload.local.file import Fingerprint

# So much that what the buffers of two machines hold is the smaller part of it.
_WINDOW_BYTES = 16 * 1024 * 1024
_SMALL_FILE_BYTES = 16 * 1024


class Stopped(Exception):
    """The caller wants no more to be sent."""


class Body(Protocol):
    """The bytes of one request, with what is known of the files among them."""

    @property
    def size_bytes(self) -> int | None:
        """How many bytes it has; None if that is not known before it has left."""

    @property
    def sent(self) -> dict[str, Fingerprint]:
        """Fingerprints of the files that have left, by name."""

    @property
    def line_bytes(self) -> dict[str, int]:
        """How many bytes stood for a file, by name, as far as it has left; of small ones only where it is not all."""

    @property
    def read_bytes(self) -> int:
        """How many bytes of files have left, before anything made them fewer."""

    def __iter__(self) -> Iterator[bytes]: ...


class SentBody:
    """A body on its way: reports each block that has left, and breaks off when the upload is stopped.

    Parameters
    ----------
    body : Body
        What is sent; anew where the session had ended.
    line : Line
        Learns how fast it goes, also while a long request is under way.
    moved : callable
        Is told how many bytes of files have left since.
    stop : threading.Event
        Once set, nothing more leaves.
    """

    def __init__(self, body: Body, *, line: Line, moved: Callable[[int], None], stop: threading.Event) -> None:
        self._body = body
        self._line = line
        self._moved = moved
        self._stop = stop
        self._counted_bytes = 0
        self._pace = _Pace(body, line=line)

    def __iter__(self) -> Iterator[bytes]:
        self.counts_as(0)
        self._pace = _Pace(self._body, line=self._line)
        for block in self._body:
            if self._stop.is_set():
                raise Stopped
            self._pace.leaves(len(block))
            yield block
            self._pace.has_left()
            self.counts_as(self._body.read_bytes)

    def counts_as(self, size_bytes: int) -> None:
        """Report how many bytes of files have arrived, in place of those that have left."""
        self._moved(size_bytes - self._counted_bytes)
        self._counted_bytes = size_bytes

    def has_arrived(self) -> None:
        """The archive has answered with a success."""
        self._pace.is_over()


class SizedBody(SentBody):
    """One whose length is told beforehand; any other travels in chunks."""

    def __len__(self) -> int:
        size_bytes = self._body.size_bytes
        if size_bytes is None:
            raise AssertionError("unreachable: a body without a length is no SizedBody")
        return size_bytes


class _Pace:
    """How long the line takes for bytes that are there to be sent."""

    def __init__(self, body: Body, *, line: Line) -> None:
        self._body = body
        self._line = line
        self._since = self._turned = time.monotonic()
        self._waited_seconds = 0.0
        self._bytes = 0

    def leaves(self, size_bytes: int) -> None:
        self._turned = time.monotonic()
        self._bytes += size_bytes

    def has_left(self) -> None:
        now = time.monotonic()
        self._waited_seconds += now - self._turned
        self._turned = now
        if self._bytes >= _WINDOW_BYTES:
            seconds = now - self._since
            # Where it was waited for the bytes, and not for the line, that has stood still in between.
            self._learn(seconds if self._waited_seconds > seconds / 2 else self._waited_seconds)
            self._since, self._waited_seconds, self._bytes = now, 0.0, 0

    def is_over(self) -> None:
        now = time.monotonic()
        seconds = now - self._since
        # The buffers may have swallowed it all, so the wait for the answer is the line's too.
        if self._waited_seconds + now - self._turned > seconds / 2:
            self._learn(seconds)

    def _learn(self, seconds: float) -> None:
        # Of many small files the archive makes the time, and not the line.
        if self._body.read_bytes >= _SMALL_FILE_BYTES * len(self._body.sent):
            self._line.learn_rate(self._bytes, seconds=seconds)
