"""What the user is told: one outcome for every file, totals, and a table for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xnat_upload.outcome import FileOutcome, Status

_LONGEST_TABLE = 40


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of every file of an upload.

    Parameters
    ----------
    files : tuple of FileOutcome
        In the order in which the files were named.
    extra : tuple of str
        Names that the archive listed afterwards though they were neither sent nor there before.
    seconds : float
        From the first request to the last.

    Examples
    --------
    >>> report = Report(files=(), seconds=0.0)
    >>> report.ok, report.urls
    (True, [])
    """

    files: tuple[FileOutcome, ...]
    extra: tuple[str, ...] = ()
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the archive holds every file: stored, skipped, or unproven because it keeps no MD5."""
        return all(file.ok for file in self.files)

    @property
    def urls(self) -> list[str]:
        """The absolute addresses that serve the files, in their order."""
        return [file.url for file in self.files]

    @property
    def bytes_sent(self) -> int:
        """Bytes of the files that were sent and are in the archive now."""
        return sum(file.size_bytes for file in self.files if file.status in (Status.STORED, Status.UNPROVEN))

    def count(self, status: Status | str) -> int:
        """Count the files that ended in one way."""
        return sum(file.status == status for file in self.files)

    @property
    def summary(self) -> str:
        """One line: how many files ended how, bytes and time."""
        counts = Counter(file.status for file in self.files)
        parts = [f"{counts[status]} {status}" for status in Status if counts[status]] or ["no files"]
        return f"{', '.join(parts)}; {readable_bytes(self.bytes_sent)} sent in {self.seconds:.1f} s"

    def __str__(self) -> str:
        return "\n".join([*_table(self.files), self.summary])


def readable_bytes(size_bytes: float) -> str:
    """Write a number of bytes as a person would.

    Examples
    --------
    >>> readable_bytes(0), readable_bytes(2048), readable_bytes(3_500_000)
    ('0 bytes', '2.0 KiB', '3.3 MiB')
    """
    if size_bytes < 1024:
        return f"{size_bytes:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size_bytes /= 1024
        if size_bytes < 1024:
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1024:.1f} TiB"


def _table(files: Sequence[FileOutcome]) -> list[str]:
    """Align the outcomes; of a long list, those that went wrong and the first of the others."""
    shown = files
    if len(files) > _LONGEST_TABLE:
        wrong = [file for file in files if not file.ok]
        shown = [*wrong, *(file for file in files if file.ok)][: max(_LONGEST_TABLE, len(wrong))]
    rows = [
        (file.status.value, readable_bytes(file.size_bytes), f"{file.destination.resource_id}/{file.name}", file.reason)
        for file in shown
    ]
    if not rows:
        return []
    header = ("status", "size", "file", "reason")
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}" for row in (header, *rows)
    ]
    if len(shown) < len(files):
        lines.append(f"… and {len(files) - len(shown)} more")
    return lines
