"""How fast the line to an archive has been, and what follows for the next request. Nothing is sent here.

A request that takes long is expensive to lose: a broken line, a stop in a notebook or a proxy's timeout costs all of
it. One that is short costs the archive a reading and a writing of the resource's whole catalog for a few files
(docs/xnat/writing-files.md, "What a request costs"). So requests are sized by the time that they will take.
"""

from __future__ import annotations

from collections.abc import Iterable

MIB = 1024 * 1024
# What a file costs besides its bytes, as if it were so much longer: a header, an entry, and on slow storage 20 ms.
_FILE_COST_BYTES = 4 * 1024
# The first request, when nothing is known: 17 s at 1 Mbit/s, or 10 s on storage that needs 20 ms for a file.
_FIRST_COST_BYTES = 2 * MIB
# A request takes half a kilobyte for each of its files until it has left; a plain zip has no more members either.
_MOST_FILES = 0xFFFF
# What is shorter is all latency and tells nothing of a rate.
_TELLING_BYTES = MIB
# Below it, that an archive writes a form to its disk before it stores the files takes no time that is worth saving.
_SLOW_BYTES_PER_SECOND = 15e6


class Line:
    """What the requests of one client have shown; shared by its threads, and right enough if two change it at once."""

    def __init__(self) -> None:
        self._cost_bytes_per_second: float | None = None

    @property
    def is_slow(self) -> bool:
        """Whether it is known to be so slow that nothing else of an upload counts."""
        return self._cost_bytes_per_second is not None and self._cost_bytes_per_second < _SLOW_BYTES_PER_SECOND

    def learn(self, *, files: int, file_bytes: int, seconds: float) -> None:
        """Take in how long one request took that the archive has answered with a success."""
        cost_bytes = _cost(files, file_bytes)
        if cost_bytes >= _TELLING_BYTES:
            self._cost_bytes_per_second = _mixed(self._cost_bytes_per_second, cost_bytes / max(seconds, 1e-6))

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
            if number and (cost_bytes > most or number == _MOST_FILES):
                break
            number += 1
        return number


def may_go_at_once(sizes_bytes: Iterable[int]) -> bool:
    """Say whether files are so few and small that they are not divided though nothing is known of the line."""
    sizes = list(sizes_bytes)
    return _cost(len(sizes), sum(sizes)) <= 2 * _FIRST_COST_BYTES


def _cost(files: int, file_bytes: int) -> int:
    return file_bytes + files * _FILE_COST_BYTES


def _mixed(before: float | None, now: float) -> float:
    return now if before is None else (before + now) / 2
