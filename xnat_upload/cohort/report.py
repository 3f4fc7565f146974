"""What became of a cohort: one outcome for each row of its manifest, in little memory.

A row takes some forty bytes here, and its `FileOutcome` is made when it is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from xnat_upload.cohort.manifest import Manifest, SessionRows
from xnat_upload.cohort.rows import RESULT_COLUMNS
from xnat_upload.cohort.session import FileResult
from xnat_upload.errors import IncompleteUploadError
from xnat_upload.places.destination import Destination
from xnat_upload.places.hierarchy import served_under
from xnat_upload.report import exports
from xnat_upload.report.outcome import FileOutcome, Status
from xnat_upload.report.report import Report

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Self

INTERRUPTED = "the upload was interrupted"

_STATUSES = tuple(Status)
_NOT_READ = bytes(16)  # in place of an MD5; no content is known that has this one
_ROW = [("status", "u1"), ("reason", "O"), ("md5", "V16"), ("attempts", "u2"), ("seconds", "f4"), ("line_bytes", "u8")]


class CohortOutcomes(Sequence[FileOutcome]):
    """The outcomes of a cohort, in the order of its manifest; until it is known, a row's is "not sent"."""

    def __init__(self, manifest: Manifest) -> None:
        import numpy  # with pandas, which takes longer than all the rest

        self._manifest = manifest
        self._session_urls: dict[tuple[str, ...], str] = {}
        self._rows = numpy.zeros(len(manifest), dtype=_ROW)
        self._rows["status"] = _STATUSES.index(Status.NOT_SENT)
        self._rows["reason"] = INTERRUPTED
        self._reasons = {INTERRUPTED: INTERRUPTED}  # few are different: each is kept once

    def found(self, session: SessionRows, url: str) -> None:
        """Note the address of a session."""
        self._session_urls[session.hub_project_id or "", session.project_id or "", session.accession_id] = url

    def enter(self, row: int, result: FileResult) -> None:
        """Note what became of one row."""
        if result.size_bytes is not None:
            self._manifest.sizes_bytes[row] = result.size_bytes
        self._rows[row] = (
            _STATUSES.index(Status(result.status)),
            self._reasons.setdefault(result.reason, result.reason),
            bytes.fromhex(result.md5) if result.md5 else _NOT_READ,
            min(result.attempts, 0xFFFF),
            result.seconds,
            result.bytes_on_the_line,
        )

    def number(self, status: Status | str) -> int:
        """Count the rows of one status, without making their outcomes."""
        return int((self._rows["status"] == _STATUSES.index(Status(status))).sum())

    def rows(self, *statuses: Status) -> list[int]:
        """Give the rows of some statuses."""
        codes = {_STATUSES.index(status) for status in statuses}
        return [row for row, code in enumerate(self._rows["status"].tolist()) if code in codes]

    def bytes_of(self, *statuses: Status) -> int:
        """Add up the sizes of the rows of some statuses."""
        return self._manifest.bytes_of(self.rows(*statuses))

    def bytes_on_the_line(self) -> int:
        """Add up what stood for all rows in requests, without making their outcomes."""
        return int(self._rows["line_bytes"].sum())

    def bytes_lost(self) -> int:
        """Add up what stood in requests in vain, without making the outcomes."""
        wrong = [_STATUSES.index(status) for status in (Status.FAILED, Status.NOT_SENT)]
        failed, not_sent = (self._rows["status"] == code for code in wrong)
        return int(self._rows["line_bytes"][failed | not_sent].sum())

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> FileOutcome: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[FileOutcome, ...]: ...
    def __getitem__(self, row: int | slice) -> FileOutcome | tuple[FileOutcome, ...]:
        if isinstance(row, slice):
            return tuple(self[one] for one in range(*row.indices(len(self))))
        row = range(len(self))[row]
        manifest = self._manifest
        hub_project_id, project_id, accession_id, scan_id, resource_id = manifest.resource(row)
        path, name = manifest.root / manifest.file(row), manifest.name(row)
        session_url = self._session_urls.get((hub_project_id, project_id, accession_id))
        resource_url = f"{session_url}/scans/{scan_id}/resources/{resource_id}"
        status, reason, md5, attempts, seconds, line_bytes = self._rows[row].item()
        return FileOutcome(
            destination=Destination(
                hub_project_id=hub_project_id or None,
                project_id=project_id or None,
                accession_id=accession_id,
                scan_id=scan_id,
                resource_id=resource_id,
            ),
            name=name,
            path=path,
            url=served_under(resource_url, name) if session_url else "",
            size_bytes=int(manifest.sizes_bytes[row]),
            md5=None if md5 == _NOT_READ else md5.hex(),
            status=_STATUSES[status],
            reason=reason,
            attempts=attempts,
            seconds=seconds,
            bytes_on_the_line=line_bytes,
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CohortReport(Report):
    """What became of every row of a manifest; returned also when not every file is stored.

    All that a `Report` has, with ``files`` in the manifest's order. ``extra`` stays empty: a cohort does not look for
    what others put into its resources.

    Parameters
    ----------
    files : sequence of FileOutcome
        In the manifest's order; each is made when it is asked for, so that a million rows stay small.
    extra : tuple of str
        Always empty.
    seconds : float
        From the first request to the last.
    left_out : tuple of LeftOut
        How many files of the directories that were named were left out, by which rule.
    manifest : Manifest
        The rows.
    """

    files: CohortOutcomes
    manifest: Manifest

    @property
    def ok(self) -> bool:
        """Whether the archive holds every file, be it stored, skipped, or unproven because it keeps no MD5."""
        return self.count(Status.FAILED) == 0 and self.count(Status.NOT_SENT) == 0

    @property
    def bytes_sent(self) -> int:
        """Bytes of the files that were sent and are in the archive now."""
        return self.files.bytes_of(Status.STORED, Status.UNPROVEN)

    @property
    def bytes_on_the_line(self) -> int:
        """Bytes that stood for files in all requests, without headers."""
        return self.files.bytes_on_the_line()

    @property
    def bytes_lost(self) -> int:
        """Bytes that stood in requests for files that are not in the archive as they should be."""
        return self.files.bytes_lost()

    def count(self, status: Status | str) -> int:
        """Count the files that ended in one way.

        Parameters
        ----------
        status : Status or str
            ``stored``, ``skipped``, ``unproven``, ``failed`` or ``not sent``.

        Returns
        -------
        int
            Their number.

        Raises
        ------
        ValueError
            It is no status.
        """
        return self.files.number(status)

    @property
    def wrong_rows(self) -> list[int]:
        """Positions in `files` of those that are not in the archive as they should be."""
        return self.files.rows(Status.FAILED, Status.NOT_SENT)

    def raise_if_incomplete(self) -> Self:
        """Return the report itself if every file is in the archive.

        Returns
        -------
        CohortReport
            This report.

        Raises
        ------
        IncompleteUploadError
            Not every file is; this is its ``report``.
        """
        if self.ok:
            return self
        wrong = self.wrong_rows
        first = self.files[wrong[0]]
        raise IncompleteUploadError(
            f"{len(wrong)} of {len(self.files)} files of the cohort are not stored ({self.summary}). The first is "
            f"{first.name!r} for {first.destination}: {first.reason.rstrip('.')}. With exist_ok='same', the "
            "same manifest skips what is stored, sends what is missing and replaces nothing.",
            report=self,
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Give the manifest with all its columns, and beside each row what became of it.

        A column of the manifest that is called as one of the results gets ``_manifest`` added to its name, unless the
        manifest was itself the report of an earlier run: then its old results give way.

        Returns
        -------
        pandas.DataFrame
            In the manifest's order, with its index.
        """
        results = exports.data_frame(self.files)[list(RESULT_COLUMNS)]
        frame = self.manifest.frame()
        taken = [column for column in RESULT_COLUMNS if column in frame.columns]
        if len(taken) == len(RESULT_COLUMNS):
            frame = frame.drop(columns=taken)
        else:
            frame = frame.rename(columns={column: f"{column}_manifest" for column in taken})
        # By position: rows of one directory share the index of the row that named it.
        merged: pd.DataFrame = frame.reset_index(drop=True).join(results)
        merged.index = frame.index
        return merged

    def to_csv(self) -> str:
        """Give `to_dataframe` as CSV; a cell that a spreadsheet would take for a formula has a ``'`` before it.

        Returns
        -------
        str
            CSV with a header.
        """
        frame = self.to_dataframe()
        rows = frame.astype(object).where(frame.notna(), "").to_dict("records")
        return exports.csv_text(rows, columns=list(frame.columns))
