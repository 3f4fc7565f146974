"""A manifest: which file goes into which resource, checked whole before anything is sent.

A million rows stay small: pandas keeps them in columns, the IDs in them as categories, and what was found of each file
on disk is its size.
"""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from xnat_upload.cohort.manifest_directories import with_directories
from xnat_upload.cohort.manifest_faults import faults_of_cells, scan_types_of
from xnat_upload.cohort.manifest_source import ManifestSource, rows_of
from xnat_upload.cohort.rows import PLACE, SESSION, Rows, codes_of
from xnat_upload.errors import InvalidManifestError, ManifestFault, MissingFileError, XnatUploadError, quoted
from xnat_upload.local.root import plain_root
from xnat_upload.local.staging import stage

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
    files: Mapping[str, str]
    """The file for each name in the resource."""


@dataclass(frozen=True)
class SessionRows:
    """The resources of one session: it is asked for once."""

    hub_project_id: str | None
    project_id: str | None
    accession_id: str
    resources: tuple[ResourceRows, ...]


class Manifest:
    """Rows without a fault, by session and resource.

    Parameters
    ----------
    source : DataFrame, path or iterable of mapping
        With the columns ``hub_project_id`` or ``project_id``, ``accession_id, scan_id, resource_id, file``, and perhaps
        ``scan_type`` and ``name``. A row whose file is a directory stands for a row for each file below it.
    root : path
        The directory that files are relative to.
    keep_paths : bool
        Names in the resource are the paths relative to the root rather than base names.

    Raises
    ------
    InvalidManifestError
        With all faults of all rows.
    MissingFileError
        There is no such manifest, or no such root.
    """

    def __init__(self, source: ManifestSource, *, root: str | os.PathLike[str], keep_paths: bool = False) -> None:
        import numpy  # with pandas, which takes longer than all the rest

        self.root = Path(root)
        if not os.path.isdir(self.root):  # noqa: PTH112  Path would raise for what no path can be
            raise MissingFileError(f"{quoted(root)}, which the manifest's files are relative to, is no directory.")
        rows, unreadable = with_directories(rows_of(source), self.root)
        self._keep_paths = keep_paths
        self._names = rows.cells["name"]
        self._frame, self._packed = rows.frame, rows.packed
        self._files = rows.cells["file"].array
        codes = codes_of(rows.cells, PLACE)
        self._resource_of = codes.groupby(list(PLACE), sort=False).ngroup().to_numpy("uint32")
        session_of = codes.groupby(list(SESSION), sort=False).ngroup().to_numpy("uint32")
        # The rows of one session together, and in it those of one resource.
        self._order = numpy.lexsort((self._resource_of, session_of)).astype("uint32")
        _, first_rows = numpy.unique(self._resource_of, return_index=True)
        self._resources: list[tuple[str, ...]] = list(
            rows.cells[list(PLACE)].iloc[first_rows].itertuples(index=False, name=None)
        )
        self._scan_types = scan_types_of(rows.cells)
        self.sizes_bytes = numpy.zeros(len(self), dtype="int64")
        faults = [*rows.faults, *unreadable, *faults_of_cells(rows), *self._find_files(rows)]
        if faults or not len(self):
            raise _refusal(sorted(faults, key=lambda fault: fault.row or 0), rows=len(self), counted=rows.counted)
        self._sessions = {key[:3] for key in self._resources}

    def __len__(self) -> int:
        return len(self._files)

    def file(self, row: int) -> str:
        """The file of a row, as it was written there."""
        return str(self._files[row])

    def name(self, row: int) -> str:
        """The name of a row's file in its resource."""
        said = self._names.iat[row]
        if isinstance(said, str) and said:
            return said
        path = PurePosixPath(self.file(row))
        return path.as_posix() if self._keep_paths else path.name

    def resource(self, row: int) -> tuple[str, ...]:
        """Hub project, project, accession, scan and resource of a row; the project that is not named is empty."""
        return self._resources[int(self._resource_of[row])]

    def names_session(self, session: SessionRows, accession_id: str) -> bool:
        """Say whether any row names a session of the same project in just this word."""
        return (session.hub_project_id or "", session.project_id or "", accession_id) in self._sessions

    def frame(self) -> pd.DataFrame:
        """All rows with all their columns, as they were given.

        Returns
        -------
        pandas.DataFrame
            A copy.
        """
        frame: pd.DataFrame = self._frame.astype("string") if self._packed else self._frame.copy()
        return frame

    def sessions(self) -> Iterator[SessionRows]:
        """Give the work by session, and in each by resource; the rows of a resource in their order."""
        for key, resources in itertools.groupby(self._by_resource(), key=lambda pair: self._resources[pair[0]][:3]):
            hub_project_id, project_id, accession_id = key
            yield SessionRows(
                hub_project_id or None,
                project_id or None,
                accession_id,
                tuple(self._resource_rows(code, rows) for code, rows in resources),
            )

    def _resource_rows(self, code: int, rows: Sequence[int]) -> ResourceRows:
        *_, scan_id, resource_id = self._resources[code]
        scan_type = self._scan_types.get(self._resources[code][:-1])
        return ResourceRows(scan_id, resource_id, scan_type, rows, {self.name(row): self.file(row) for row in rows})

    def _by_resource(self) -> Iterator[tuple[int, Sequence[int]]]:
        for code, rows in itertools.groupby(map(int, self._order), key=self._resource_of.__getitem__):
            yield code, array("I", rows)

    def bytes_of(self, rows: Sequence[int]) -> int:
        """Add up the sizes of the files of some rows."""
        return int(self.sizes_bytes[list(rows)].sum())

    def _find_files(self, rows: Rows) -> Iterator[ManifestFault]:
        named = (rows.cells["file"].fillna("") != "").to_numpy(dtype=bool)
        for _, of_resource in self._by_resource():
            looked_for = [row for row in of_resource if named[row]]
            if looked_for and not self._all_found(looked_for):
                yield from self._faults_of_files(looked_for, rows)

    def _all_found(self, rows: Sequence[int]) -> bool:
        files = {self.name(row): self.file(row) for row in rows}
        if len(files) < len(rows):
            return False
        try:
            staged = stage(files, root=plain_root(self.root)).files
        except XnatUploadError:
            return False
        for row, file in zip(rows, staged, strict=True):
            self.sizes_bytes[row] = file.size_bytes
        return True

    def _faults_of_files(self, of_resource: Iterable[int], rows: Rows) -> Iterator[ManifestFault]:
        """Look at the files one by one, to say which are wrong."""
        first: dict[str, int] = {}
        for row in of_resource:
            fault = self._fault_of_file(row, first, rows)
            if fault:
                yield ManifestFault(rows.number(row), fault)

    def _fault_of_file(self, row: int, first: dict[str, int], rows: Rows) -> str:
        file, name = self.file(row), self.name(row)
        try:
            stage({name: file}, root=plain_root(self.root))
        except XnatUploadError as error:
            return str(error)
        other = first.setdefault(name, row)
        if other == row:
            return ""
        earlier = f"row {rows.number(other)}"
        if self.file(other) == file:
            return f"{quoted(file)} is named in {earlier} already. Remove one of the rows."
        return (
            f"{quoted(file)} and {quoted(self.file(other))} of {earlier} would both be called {quoted(name)} in one "
            "resource. Rename one."
        )


def _refusal(faults: list[ManifestFault], *, rows: int, counted: str) -> InvalidManifestError:
    if not faults:
        faults = [ManifestFault(None, "The manifest has no rows.")]
    shown = [str(fault) for fault in faults[:_FAULTS_SHOWN]]
    if len(faults) > _FAULTS_SHOWN:
        shown.append(f"… and {len(faults) - _FAULTS_SHOWN} more, in .faults")
    number = "One fault" if len(faults) == 1 else f"{len(faults)} faults"
    head = f"{number} in the {rows} rows of the manifest; nothing was sent. {counted}"
    return InvalidManifestError("\n".join([head, *shown]), faults=tuple(faults))
