"""A manifest: which file goes into which resource, checked whole before anything is sent.

A million rows stay small: the resources they name are kept once, the files as packed text, and what was found of each
file on disk is its size.
"""

from __future__ import annotations

import itertools
import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xnat_upload.cohort.columns import PackedText
from xnat_upload.cohort.manifest_source import REQUIRED, ManifestSource, Rows, rows_of
from xnat_upload.errors import InvalidManifestError, ManifestFault, MissingFileError, XnatUploadError, quoted
from xnat_upload.local.root import plain_root
from xnat_upload.local.staging import stage
from xnat_upload.places.names import check_hub_project_id, check_identifier, check_resource_label, check_scan_id
from xnat_upload.places.scan_types import check_scan_type

if TYPE_CHECKING:
    import pandas as pd

_FAULTS_SHOWN = 10


@dataclass(frozen=True)
class ResourceRows:
    """The rows of one resource, which are one unit of work."""

    scan_id: str
    resource_id: str
    scan_type: str | None
    rows: Sequence[int]
    files: tuple[str, ...]


@dataclass(frozen=True)
class SessionRows:
    """The resources of one session: it is asked for once."""

    hub_project_id: str
    accession_id: str
    resources: tuple[ResourceRows, ...]


class Manifest:
    """Rows without a fault, by session and resource.

    Parameters
    ----------
    source : DataFrame, path or iterable of mappings
        With the columns ``hub_project_id, accession_id, scan_id, resource_id, file`` and perhaps ``scan_type``.
    root : path
        The directory that files are relative to.

    Raises
    ------
    InvalidManifestError
        With all faults of all rows.
    MissingFileError
        There is no such manifest, or no such root.
    """

    def __init__(self, source: ManifestSource, *, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise MissingFileError(f"{quoted(root)}, which the manifest's files are relative to, is no directory.")
        self._files = PackedText()
        self._resource_of = array("I")
        self._resources: list[tuple[str, str, str, str]] = []
        self._scan_types: dict[tuple[str, str, str], str] = {}
        rows = rows_of(source)
        self._frame = rows.frame
        faults = self._read(rows)
        self._order = self._by_resource()
        self.sizes_bytes = array("q", bytes(8 * len(self)))
        faults += [
            ManifestFault(rows.first_number + row, message) for row, message in self._find_files(rows.first_number)
        ]
        if faults or not len(self):
            raise _refusal(sorted(faults, key=lambda fault: fault.row or 0), rows=len(self), counted=rows.counted)
        self._sessions = sorted({key[:2] for key in self._resources})

    def __len__(self) -> int:
        return len(self._files)

    def file(self, row: int) -> str:
        """The file of a row, as it was written there."""
        return self._files[row]

    def resource(self, row: int) -> tuple[str, str, str, str]:
        """Hub project, accession, scan and resource of a row."""
        return self._resources[self._resource_of[row]]

    def names_session(self, hub_project_id: str, accession_id: str) -> bool:
        """Say whether any row names this session in just these words."""
        key = (hub_project_id, accession_id)
        found = bisect_left(self._sessions, key)
        return found < len(self._sessions) and self._sessions[found] == key

    def frame(self) -> pd.DataFrame:
        """All rows with all their columns, as they were given."""
        places = {column: self._cells(position) for position, column in enumerate(REQUIRED[:4])}
        return self._frame({**places, REQUIRED[4]: self._files})

    def _cells(self, position: int) -> Iterator[str]:
        return (self._resources[code][position] for code in self._resource_of)

    def sessions(self) -> Iterator[SessionRows]:
        """Give the work by session, and in each by resource; the rows of a resource in their order."""
        for key, resources in itertools.groupby(self._by_code(), key=lambda pair: self._resources[pair[0]][:2]):
            yield SessionRows(*key, tuple(self._resource_rows(code, rows) for code, rows in resources))

    def _resource_rows(self, code: int, rows: Sequence[int]) -> ResourceRows:
        hub_project_id, accession_id, scan_id, resource_id = self._resources[code]
        scan_type = self._scan_types.get((hub_project_id, accession_id, scan_id))
        return ResourceRows(scan_id, resource_id, scan_type, rows, tuple(self._files[row] for row in rows))

    def _by_code(self) -> Iterator[tuple[int, Sequence[int]]]:
        for code, rows in itertools.groupby(self._order, key=self._resource_of.__getitem__):
            yield code, array("I", rows)

    def _by_resource(self) -> array[int]:
        """The rows, those of one session together and in it those of one resource."""
        sessions: dict[tuple[str, ...], int] = {}
        session_of = [sessions.setdefault(key[:2], len(sessions)) for key in self._resources]
        rank = array("I", bytes(4 * len(session_of)))
        for position, code in enumerate(sorted(range(len(session_of)), key=session_of.__getitem__)):
            rank[code] = position
        resource_of = self._resource_of
        return array("I", sorted(range(len(resource_of)), key=lambda row: rank[resource_of[row]]))

    def _read(self, rows: Rows) -> list[ManifestFault]:
        """Take in every row; return what is wrong with them, files not looked at yet."""
        faults: list[ManifestFault] = []
        known: dict[tuple[str, ...], int] = {}
        wrong: dict[int, tuple[str, ...]] = {}
        for number, cells in enumerate(rows.cells, start=rows.first_number):
            if isinstance(cells, str):
                faults.append(ManifestFault(number, cells))
                cells = ("",) * (len(REQUIRED) + 1)
                key: tuple[str, str, str, str] = ("", "", "", "")
            else:
                key = (cells[0], cells[1], cells[2], cells[3])
                faults += [ManifestFault(number, fault) for fault in self._faults_of_row(key, cells[4], cells[5])]
            code = known.setdefault(key, len(self._resources))
            if code == len(self._resources):
                self._resources.append(key)
                wrong_cells = _faults_of_place(key)
                if wrong_cells:
                    wrong[code] = wrong_cells
            faults += [ManifestFault(number, fault) for fault in wrong.get(code, ())]
            self._files.append(cells[4])
            self._resource_of.append(code)
        return faults

    def _faults_of_row(self, key: tuple[str, str, str, str], file: str, scan_type: str) -> Iterator[str]:
        empty = [column for column, cell in zip(REQUIRED, (*key, file), strict=True) if not cell]
        if empty:
            yield f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty."
        if not scan_type:
            return
        try:
            check_scan_type(scan_type)
        except XnatUploadError as error:
            yield str(error)
            return
        first = self._scan_types.setdefault(key[:3], scan_type)
        if first != scan_type:
            yield f"scan {quoted(key[2])} is {quoted(scan_type)} here and {quoted(first)} in an earlier row."

    def _find_files(self, first_number: int) -> Iterator[tuple[int, str]]:
        for _, rows in self._by_code():
            named = [row for row in rows if self._files[row]]
            if named and not self._all_found(named):
                yield from self._faults_of_files(named, first_number)

    def _all_found(self, rows: Sequence[int]) -> bool:
        files = [self._files[row] for row in rows]
        # A directory stands for its files elsewhere; here each row is one file, and has one line in the report.
        if any(os.path.isdir(os.path.join(self.root, file)) for file in files):  # noqa: PTH112, PTH118  a million times
            return False
        try:
            staged = stage(files, root=plain_root(self.root)).files
        except XnatUploadError:
            return False
        for row, file in zip(rows, staged, strict=True):
            self.sizes_bytes[row] = file.size_bytes
        return True

    def _faults_of_files(self, rows: Iterable[int], first_number: int) -> Iterator[tuple[int, str]]:
        """Look at the files one by one, to say which are wrong."""
        first: dict[str, int] = {}
        for row in rows:
            file = self._files[row]
            if (self.root / file).is_dir():
                yield row, f"{quoted(file)} is a directory; a row names one file."
                continue
            try:
                (found,) = stage([file], root=plain_root(self.root)).files
            except XnatUploadError as error:
                yield row, str(error)
                continue
            other = first.setdefault(found.name, row)
            if other != row:
                if self._files[other] == file:
                    yield row, f"{quoted(file)} is named in row {first_number + other} already. Remove one of the rows."
                    continue
                clash = f"{quoted(file)} and {quoted(self._files[other])} of row {first_number + other}"
                yield row, f"{clash} would both be called {quoted(found.name)} in one resource. Rename one."


def _faults_of_place(key: tuple[str, str, str, str]) -> tuple[str, ...]:
    """Say what is wrong with the four cells that name a resource; empty ones are each row's own fault."""
    checks: tuple[Callable[[str], str], ...] = (
        check_hub_project_id,
        partial(check_identifier, what="accession ID"),
        check_scan_id,
        check_resource_label,
    )
    faults = []
    for check, cell in zip(checks, key, strict=True):
        try:
            if cell:
                check(cell)
        except XnatUploadError as error:
            faults.append(str(error))
    return tuple(faults)


def _refusal(faults: list[ManifestFault], *, rows: int, counted: str) -> InvalidManifestError:
    if not faults:
        faults = [ManifestFault(None, "The manifest has no rows.")]
    shown = [str(fault) for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        shown.append(f"… and {len(faults) - _FAULTS_SHOWN} more, in .faults")
    number = "One fault" if len(faults) == 1 else f"{len(faults)} faults"
    head = f"{number} in the {rows} rows of the manifest; nothing was sent. {counted}"
    return InvalidManifestError("\n".join([head, *shown]), faults=tuple(faults))
