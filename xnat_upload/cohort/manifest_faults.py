"""What is wrong with the cells of a manifest, files not looked at: empty ones, and what XNAT cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from xnat_upload.cohort.rows import PLACE, PROJECT, REQUIRED, Rows, codes_of
from xnat_upload.errors import ManifestFault, XnatUploadError, quoted
from xnat_upload.places.names import (
    check_file_name,
    check_hub_project_id,
    check_identifier,
    check_resource_label,
    check_scan_id,
)
from xnat_upload.places.scan_types import check_scan_type

if TYPE_CHECKING:
    import pandas as pd

_SCAN = PLACE[:-1]
_CHECKS: dict[str, Callable[[str], str]] = {
    "hub_project_id": check_hub_project_id,
    "project_id": partial(check_identifier, what="project ID"),
    "accession_id": partial(check_identifier, what="accession ID"),
    "scan_id": check_scan_id,
    "resource_id": check_resource_label,
    "scan_type": check_scan_type,
    "name": check_file_name,
}


def faults_of_cells(rows: Rows) -> Iterator[ManifestFault]:
    """Find empty cells, those that hold what cannot be, and scans of two types; of one row in this order."""
    for row, message in (*_empty(rows.cells), *_two_types(rows.cells), *_impossible(rows.cells)):
        yield ManifestFault(rows.number(row), message)


def scan_types_of(cells: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """Give the type of each scan for which a row says one: the first that does."""
    typed = _typed(cells).drop_duplicates(list(_SCAN))
    return {tuple(scan): kind for *scan, kind in typed.itertuples(index=False, name=None)}


def _empty(cells: pd.DataFrame) -> Iterator[tuple[int, str]]:
    named = cells[list(PROJECT)] != ""
    empty = cells[list(REQUIRED)] == ""
    empty.insert(0, PROJECT[0], ~named.any(axis=1))
    for row, found in empty[empty.any(axis=1)].iterrows():
        columns = [column for column in empty.columns if found[column]]
        yield int(str(row)), f"{' and '.join(columns)} {'is' if len(columns) == 1 else 'are'} empty."
    for row in cells.index[named.all(axis=1) & cells[list(PROJECT)].notna().all(axis=1)]:
        yield int(row), f"{' and '.join(PROJECT)} both name the project. Leave one of them empty."


def _impossible(cells: pd.DataFrame) -> Iterator[tuple[int, str]]:
    for column, check in _CHECKS.items():
        wrong: dict[int, str] = {}
        for code, text in enumerate(cells[column].cat.categories):
            try:
                if text:
                    check(text)
            except XnatUploadError as error:
                wrong[code] = str(error)
        codes = cells[column].cat.codes
        for row, code in codes[codes.isin(list(wrong))].items():
            yield int(str(row)), wrong[code]


def _two_types(cells: pd.DataFrame) -> Iterator[tuple[int, str]]:
    typed = _typed(cells)
    codes = codes_of(typed, (*_SCAN, "scan_type"))
    first = codes.groupby(list(_SCAN))["scan_type"].transform("first")
    kinds = typed["scan_type"].cat.categories
    for row, other in first[codes["scan_type"] != first].items():
        scan_id, kind = typed.at[row, "scan_id"], typed.at[row, "scan_type"]
        yield (
            int(str(row)),
            f"scan {quoted(scan_id)} is {quoted(kind)} here and {quoted(kinds[other])} in an earlier row.",
        )


def _typed(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows that say a type, with what names their scan."""
    says = cells["scan_type"].notna() & (cells["scan_type"] != "")
    typed: pd.DataFrame = cells.loc[says, [*_SCAN, "scan_type"]]
    return typed
