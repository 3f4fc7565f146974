"""What the user is told: one outcome for every file, totals, a table, and exports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xnat_upload.display.tables import aligned, readable_bytes, shown_first
from xnat_upload.local.ignoring import LeftOut, in_words
from xnat_upload.report import exports
from xnat_upload.report.outcome import FileOutcome, Status
from xnat_upload.report.report_html import report_html

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """What became of every file of an upload.

    Parameters
    ----------
    files : sequence of FileOutcome
        In the order in which the files were named.
    extra : tuple of str
        Names that the archive listed afterwards though they were neither sent nor there before.
    seconds : float
        From the first request to the last.
    left_out : tuple of LeftOut
        How many files of the directories that were named were left out, by which rule.

    Examples
    --------
    >>> report = Report(files=(), seconds=0.0)
    >>> report.ok, report.urls
    (True, [])
    """

    files: Sequence[FileOutcome]
    extra: tuple[str, ...] = ()
    seconds: float
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def __bool__(self) -> bool:
        return True  # a report of no files is one all the same

    @property
    def ok(self) -> bool:
        """Whether the archive holds every file, be it stored, skipped, or unproven because it keeps no MD5."""
        return all(file.ok for file in self.files)

    @property
    def failed(self) -> list[FileOutcome]:
        """The files that are not in the archive as they should be."""
        return [file for file in self.files if not file.ok]

    @property
    def wrong_rows(self) -> list[int]:
        """Positions in `files` of those that are not in the archive as they should be."""
        return [row for row, file in enumerate(self.files) if not file.ok]

    @property
    def urls(self) -> list[str]:
        """The absolute addresses that serve the files, in their order."""
        return [file.url for file in self.files]

    @property
    def bytes_sent(self) -> int:
        """Bytes of the files that were sent and are in the archive now."""
        return sum(file.size_bytes for file in self.files if file.status in (Status.STORED, Status.UNPROVEN))

    @property
    def bytes_on_the_line(self) -> int:
        """Bytes that stood for files in all requests, without headers.

        Fewer than `bytes_sent` where files travelled deflated, more where they were sent twice.
        """
        return sum(file.bytes_on_the_line for file in self.files)

    @property
    def bytes_lost(self) -> int:
        """Bytes that stood in requests for files that are not in the archive as they should be.

        At most: what had been handed to the line when a request broke off may not have arrived.
        """
        return sum(file.bytes_on_the_line for file in self.files if not file.ok)

    @property
    def bytes_per_second(self) -> float:
        """Bytes sent over the time that the whole upload took; 0 if nothing was sent."""
        return self.bytes_sent / self.seconds if self.seconds > 0 else 0.0

    def count(self, status: Status | str) -> int:
        """Count the files that ended in one way.

        Parameters
        ----------
        status : Status or str
            ``stored``, ``skipped``, ``unproven``, ``failed`` or ``not sent``.

        Returns
        -------
        int
            Their number; 0 for a word that is no status.
        """
        return sum(file.status == status for file in self.files)

    @property
    def summary(self) -> str:
        """One line that says how many files ended how, with bytes and time."""
        parts = [f"{number} {status}" for status in Status if (number := self.count(status))] or ["no files"]
        travelled = self.bytes_on_the_line
        deflated = f" as {readable_bytes(travelled)}" if 0 < travelled < self.bytes_sent else ""
        sent = f"{readable_bytes(self.bytes_sent)} sent{deflated} in {self.seconds:.1f} s"
        lost = f"; up to {readable_bytes(self.bytes_lost)} more sent and not stored" if self.bytes_lost else ""
        return f"{', '.join(parts)}; {sent}{lost}{in_words(self.left_out)}"

    @property
    def advice(self) -> tuple[str, ...]:
        """What could be done better: how to get an MD5, or proof without one, where the archive keeps none."""
        number = self.count(Status.UNPROVEN)
        if not number:
            return ()
        files = "1 file is" if number == 1 else f"{number} files are"
        return (
            f"{files} proven by size alone, because the archive keeps no MD5. What is there is proven if the same is "
            "done again with exist_ok='same', and what is sent next with TransferSettings(read_back=True). From XNAT "
            "1.7 on an administrator can also switch checksums on (the site's setting 'checksums'); for what is stored "
            "already, POST /data/services/refresh/catalog?resource=/archive/…&options=checksum computes them.",
        )

    def to_json(self) -> str:
        """Give one JSON document, for a log or another program: ``summary``, ``totals`` and ``files``.

        Returns
        -------
        str
            JSON; `from_json` reads it back.

        Examples
        --------
        >>> import json
        >>> json.loads(Report(files=(), seconds=0.0).to_json())["totals"]["ok"]
        True
        """
        return exports.json_text(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Give what `to_json` writes, as a dict of plain values.

        Returns
        -------
        dict of str to object
            With ``summary``, ``totals`` and ``files``.
        """
        return {"summary": self.summary, "totals": self._totals(), "files": list(exports.records(self.files))}

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read back what `to_json` wrote.

        Parameters
        ----------
        text : str
            The document.

        Returns
        -------
        Report
            A report, also where a `CohortReport` was written.

        Raises
        ------
        ValueError
            It is no such document.

        Examples
        --------
        >>> Report.from_json(Report(files=(), seconds=1.5).to_json()).seconds
        1.5
        """
        try:
            document = json.loads(text)
            totals = document["totals"]
            return Report(
                files=tuple(exports.outcome_of(record) for record in document["files"]),
                extra=tuple(totals["extra"]),
                seconds=float(totals["seconds"]),
                left_out=tuple(LeftOut(rule, files) for rule, files in totals["left_out"].items()),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"This is no report as to_json() writes it: {error!r}.") from error

    def to_csv(self) -> str:
        """Give CSV with a header and one line for each file.

        A cell that a spreadsheet would take for a formula has a ``'`` before it.

        Returns
        -------
        str
            CSV.

        Examples
        --------
        >>> Report(files=(), seconds=0.0).to_csv()[:28]
        'hub_project_id,project_id,ac'
        """
        return exports.csv_text(exports.records(self.files))

    def to_dataframe(self) -> pd.DataFrame:
        """Give a pandas DataFrame with one row for each file; ``status`` is a category, ``size_bytes`` an integer.

        Returns
        -------
        pandas.DataFrame
            In the order of ``files``.
        """
        return exports.data_frame(self.files)

    def _totals(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "files": len(self.files),
            **{status.value.replace(" ", "_"): self.count(status) for status in Status},
            "bytes_sent": self.bytes_sent,
            "bytes_lost": self.bytes_lost,
            "bytes_on_the_line": self.bytes_on_the_line,
            "seconds": self.seconds,
            "bytes_per_second": round(self.bytes_per_second, 1),
            "extra": list(self.extra),
            "left_out": {each.rule: each.files for each in self.left_out},
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary}>"

    def __str__(self) -> str:
        rules = [f"Left out: {', '.join(map(str, self.left_out))}."] if self.left_out else []
        return "\n".join([*_table(self.files, self.wrong_rows), self.summary, *self.advice, *rules])

    def _repr_html_(self) -> str:
        return report_html(
            self.files,
            self.wrong_rows,
            kind=type(self).__name__,
            summary=self.summary,
            bytes_per_second=self.bytes_per_second,
            extra=self.extra,
            advice=self.advice,
        )


def _table(files: Sequence[FileOutcome], wrong: Sequence[int]) -> list[str]:
    """Align the outcomes; of a long list, those that went wrong and the first of the others."""
    if not files:
        return []
    chosen = [files[row] for row in shown_first(wrong, len(files))]
    lines = aligned(
        ("status", "size", "file", "reason"),
        [
            (file.status.value, readable_bytes(file.size_bytes), name, file.reason)
            for file, name in zip(chosen, _names(chosen), strict=True)
        ],
        right={1},
    )
    if len(chosen) < len(files):
        lines.append(f"… and {len(files) - len(chosen)} more")
    return lines


def _names(files: Sequence[FileOutcome]) -> list[str]:
    """Name each file by as much of its place as tells it from the others."""
    several = len({(file.destination.accession_id, file.destination.scan_id) for file in files}) > 1
    return [
        "/".join(
            [
                *((file.destination.accession_id, file.destination.scan_id) if several else ()),
                file.destination.resource_id,
                file.name,
            ]
        )
        for file in files
    ]
