"""How fast the line to an archive has been, and what follows for the next request. Nothing is sent here.

A request that takes long is expensive to lose: a broken line, a stop in a notebook or a proxy's timeout costs all of
it. One that is short costs the archive a reading and a writing of the resource's whole catalog for a few files
(docs/xnat/writing-files.md, "What a request costs"). So requests are sized by the time that they will take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

MIB = 1024 * 1024
# What a file costs besides its bytes, as if it were so much longer: a header, an entry, and on slow storage 20 ms.
_FILE_COST_BYTES = 4 * 1024
# The first request, when nothing is known: 17 s at 1 Mbit/s, or 10 s on storage that needs 20 ms for a file.
_FIRST_COST_BYTES = 2 * MIB
# What is shorter is all latency and tells nothing of a rate.
_TELLING_BYTES = MIB
_LONG_BYTES = 16 * MIB
# Below it, that an archive writes a form to its disk before it stores the files takes no time that is worth saving.
_SLOW_BYTES_PER_SECOND = 15e6
# What took less time is latency for the most part, and tells nothing of a rate.
_TELLING_SECONDS = 0.2
# Who answers faster is so near that nothing is gained by sending less.
_NEAR_SECONDS = 0.005
# One that is far, and of which nothing else is known, is taken for a hospital's: 100 Mbit/s.
_UNKNOWN_BYTES_PER_SECOND = 12.5e6
# How fast an archive makes plain bytes of deflated ones: as Java does.
_INFLATED_BYTES_PER_SECOND = 300e6
# What deflating leaves of bytes that are compressed already; it is not worth an archive's time.
_NO_SMALLER = 0.95
# By how much deflating must be faster before it is begun; it goes on until it is not faster at all.
_WORTH_BEGINNING = 1.1


class Line:
    """What requests have shown; shared by threads and by uploaders, and right enough if two change it at once."""

    def __init__(self) -> None:
        self._took_unknown_length: bool | None = None
        self._cost_bytes_per_second: float | None = None
        self._bytes_per_second: float | None = None
        self._answer_seconds = math.inf

    @property
    def takes_unknown_length(self) -> bool:
        """Whether a request of unknown length may be sent: until one has failed before any has arrived."""
        return self._took_unknown_length is not False

    def learn_unknown_length(self, *, taken: bool, is_certain: bool = False) -> None:
        """Take in what became of such a request; what stands in between may refuse them all.

        It is certain that it does where it says so (RFC 9110, 411), though it took others before it was set up anew.
        """
        self._took_unknown_length = taken if is_certain else self._took_unknown_length or taken

    @property
    def is_slow(self) -> bool:
        """Whether it is known to be so slow that nothing else of an upload counts."""
        return self._cost_bytes_per_second is not None and self._cost_bytes_per_second < _SLOW_BYTES_PER_SECOND

    @property
    def is_too_fast_to_deflate(self) -> bool:
        """Whether an archive would take longer to inflate any bytes than the line takes for them."""
        return self._rate >= _INFLATED_BYTES_PER_SECOND

    @property
    def _rate(self) -> float:
        if self._bytes_per_second is not None:
            return self._bytes_per_second
        return math.inf if self._answer_seconds < _NEAR_SECONDS else _UNKNOWN_BYTES_PER_SECOND

    def learn(self, *, files: int, file_bytes: int, seconds: float) -> None:
        """Take in how long one request took that the archive has answered with a success."""
        cost_bytes = _cost(files, file_bytes)
        if cost_bytes >= _TELLING_BYTES:
            self._cost_bytes_per_second = _mixed(self._cost_bytes_per_second, cost_bytes / max(seconds, 1e-6))

    def learn_rate(self, line_bytes: int, *, seconds: float) -> None:
        """Take in how long the line, and the archive behind it, took for bytes that were there to be sent."""
        if (line_bytes >= _TELLING_BYTES and seconds >= _TELLING_SECONDS) or line_bytes >= _LONG_BYTES:
            self._bytes_per_second = _mixed(self._bytes_per_second, line_bytes / max(seconds, 1e-6))

    def learn_answer(self, *, seconds: float) -> None:
        """Take in how long it took to be answered, of which the quickest tells how far away the archive is at most."""
        self._answer_seconds = min(self._answer_seconds, seconds)

    def is_slower_than_deflating(
        self, file_bytes: int, *, deflated_bytes: int, seconds: float, begun: bool = False
    ) -> bool:
        """Say whether plain bytes take longer to send than to deflate, to send deflated, and to inflate.

        The three happen at the same time, so the slowest of them counts.

        Parameters
        ----------
        file_bytes, deflated_bytes, seconds
            What deflating made of a sample, and how long it took.
        begun : bool
            It is done already. What is near the limit goes on as it is.

        Examples
        --------
        >>> line = Line()
        >>> line.learn_rate(10 * MIB, seconds=1)
        >>> line.is_slower_than_deflating(MIB, deflated_bytes=MIB // 2, seconds=0.01)
        True
        >>> line.is_slower_than_deflating(MIB, deflated_bytes=MIB, seconds=0.01)
        False
        """
        if deflated_bytes > _NO_SMALLER * file_bytes:
            return False
        rate = self._rate
        deflated_seconds = max(seconds, deflated_bytes / rate, file_bytes / _INFLATED_BYTES_PER_SECOND)
        return file_bytes / rate > deflated_seconds * (1 if begun else _WORTH_BEGINNING)

    def fitting(self, sizes_bytes: Iterable[int], *, seconds: float) -> int:
        """Say how many of the next files make a request of so many seconds; at least one.

        Where nothing is known, the first request is a small one, unless that would leave hardly less for a second.

        Examples
        --------
        >>> line = Line()
        >>> line.fitting([MIB] * 64, seconds=20), line.fitting([MIB] * 3, seconds=20)
        (1, 3)
        >>> line.learn(files=1, file_bytes=MIB, seconds=1)
        >>> line.fitting([MIB] * 64, seconds=20)
        20
        """
        sizes = list(sizes_bytes)
        rate = self._cost_bytes_per_second
        if rate is None and may_go_at_once(sizes):
            return len(sizes)
        most = _FIRST_COST_BYTES if rate is None else rate * seconds
        number, cost_bytes = 0, 0
        for size_bytes in sizes:
            cost_bytes += _cost(1, size_bytes)
            if number and cost_bytes > most:
                break
            number += 1
        return number


_LINES: dict[str, Line] = {}


def line_to(server: str) -> Line:
    """Give what this process knows of the line to a server: a new uploader need not begin with a small request.

    Examples
    --------
    >>> line_to("https://xnat.hospital.example") is line_to("https://xnat.hospital.example")
    True
    """
    return _LINES.setdefault(server, Line())


def may_go_at_once(sizes_bytes: Iterable[int]) -> bool:
    """Say whether files are so few and small that they are not divided though nothing is known of the line."""
    sizes = list(sizes_bytes)
    return _cost(len(sizes), sum(sizes)) <= 2 * _FIRST_COST_BYTES


def _cost(files: int, file_bytes: int) -> int:
    return file_bytes + files * _FILE_COST_BYTES


def _mixed(before: float | None, now: float) -> float:
    return now if before is None else (before + now) / 2
