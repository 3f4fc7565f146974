"""The rows of a manifest, whatever it comes as: a DataFrame, a CSV or Parquet file, or mappings.

Rows are read one after another, and each cell becomes text here: a spreadsheet's 4.0 is the scan "4" again.
"""

from __future__ import annotations

import csv
import math
import numbers
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from xnat_upload.cohort.columns import RESULT_COLUMNS, PackedText
from xnat_upload.display.spreadsheet import as_it_was
from xnat_upload.errors import InvalidManifestError, ManifestFault, MissingDependencyError, MissingFileError, quoted

if TYPE_CHECKING:
    import pandas as pd

ManifestSource: TypeAlias = "pd.DataFrame | str | os.PathLike[str] | Iterable[Mapping[str, Any]]"

REQUIRED = ("hub_project_id", "accession_id", "scan_id", "resource_id", "file")
OPTIONAL = ("scan_type",)

_FROM_HEADING = "Rows are counted as a spreadsheet shows them: the heading is row 1."
# Of .xlsx and .ods, and of .xls.
_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_FROM_ZERO = "Rows are counted from 0."


@dataclass(frozen=True)
class Rows:
    """The rows of a manifest, to be read once.

    Parameters
    ----------
    cells : iterator
        For each row its cells of `REQUIRED` and `OPTIONAL`, or a sentence that says why it has none.
    first_number : int
        Number of the first row, as the caller sees it.
    counted : str
        How rows are counted, for messages.
    frame : callable
        Gives all columns as a DataFrame, once the rows have been read; it is given those of `REQUIRED`, so that they
        need not be kept twice.
    """

    cells: Iterator[tuple[str, ...] | str]
    first_number: int
    counted: str
    frame: Callable[[Mapping[str, Iterable[str]]], pd.DataFrame]


def rows_of(manifest: ManifestSource) -> Rows:
    """Begin to read a manifest.

    Raises
    ------
    InvalidManifestError
        Columns are missing, or it is nothing that can be read.
    MissingFileError
        There is no such file.
    MissingDependencyError
        A Parquet file, and pyarrow is not installed.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(manifest, pandas.DataFrame):
        return _of_frame(manifest)
    if isinstance(manifest, (str, os.PathLike)):
        path = Path(manifest)
        if not path.is_file():
            raise MissingFileError(f"The manifest {quoted(path)} does not exist, or is no file.")
        return _of_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _of_csv(path)
    if isinstance(manifest, Iterable):
        return _of_mappings(manifest)
    raise InvalidManifestError(
        "A manifest is a DataFrame, the path of a CSV or Parquet file, or an iterable of mappings; this is a "
        f"{type(manifest).__name__}."
    )


def text_of(cell: Any) -> str:
    """Give a cell as text; empty for None, NaN and other missing values.

    Examples
    --------
    >>> text_of(4), text_of(4.0), text_of("007"), text_of(float("nan")), text_of(None)
    ('4', '4', '007', '', '')
    """
    if isinstance(cell, str):
        return cell
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(cell, numbers.Real) and not isinstance(cell, numbers.Integral):
        number = float(cell)
        if math.isnan(number):
            return ""
        return str(int(number)) if number.is_integer() else str(cell)
    return str(cell)


def _of_frame(frame: pd.DataFrame) -> Rows:
    _check_columns(list(map(str, frame.columns)))
    kept = frame.copy()  # what the caller does to it later must not change the report
    columns = [kept[column] if column in kept.columns else [""] * len(kept) for column in (*REQUIRED, *OPTIONAL)]
    cells = (tuple(map(text_of, row)) for row in zip(*columns, strict=True))
    return Rows(cells, 0, _FROM_ZERO, partial(_frame_as_given, kept))


def _of_mappings(mappings: Iterable[Any]) -> Rows:
    kept: list[Mapping[str, Any]] = []

    def cells() -> Iterator[tuple[str, ...] | str]:
        for row in mappings:
            if not isinstance(row, Mapping):
                kept.append({})
                yield f"is a {type(row).__name__}; each row must be a mapping of column to value."
                continue
            kept.append(dict(row))
            yield tuple(text_of(row.get(column)) for column in (*REQUIRED, *OPTIONAL))

    return Rows(cells(), 0, _FROM_ZERO, partial(_frame_of_mappings, kept))


def _of_parquet(path: Path) -> Rows:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError("A Parquet manifest needs pyarrow: pip install 'xnat-upload[parquet]'.") from None
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidManifestError(f"The manifest {quoted(path)} cannot be read as Parquet: {error}") from error
    _check_columns(table.column_names)
    present = [column for column in (*REQUIRED, *OPTIONAL) if column in table.column_names]

    def cells() -> Iterator[tuple[str, ...]]:
        for batch in table.select(present).to_batches(max_chunksize=10_000):
            for row in batch.to_pylist():
                yield tuple(text_of(row.get(column)) for column in (*REQUIRED, *OPTIONAL))

    return Rows(cells(), 0, _FROM_ZERO, partial(_frame_of_table, table))


def _of_csv(path: Path) -> Rows:
    """Read a CSV as text, separated by commas, semicolons or tabs: whichever the heading is."""
    with path.open("rb") as file:
        first_line = file.readline()
    if first_line.startswith(_WORKBOOK_STARTS):
        raise InvalidManifestError(
            f"The manifest {quoted(path)} is a workbook. Save it as 'CSV UTF-8', or give what "
            "pandas.read_excel(…, dtype=str) reads from it."
        )
    heading = first_line.decode("utf-8-sig", "replace").partition("\r")[0]  # some programs end lines with CR alone
    delimiter = max(",;\t", key=lambda one: len(set(_split(heading, one)) & set(REQUIRED)))
    columns = _split(heading, delimiter)
    _check_columns(columns)
    is_report = set(RESULT_COLUMNS) <= set(columns)
    kept = {column: PackedText() for column in columns if column not in REQUIRED}
    keeping = [(index, kept[column]) for index, column in enumerate(columns) if column in kept]
    wanted = [columns.index(column) if column in columns else None for column in (*REQUIRED, *OPTIONAL)]

    def cells() -> Iterator[tuple[str, ...] | str]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            try:
                next(reader)
                empty = 0
                for row in reader:
                    if not any(row):
                        empty += 1  # at the end they are nothing, before other rows they are a fault
                        continue
                    yield from ["is empty."] * empty
                    empty = 0
                    if is_report:
                        row = [as_it_was(cell) for cell in row]
                    whole = len(row) == len(columns)
                    if whole:
                        for index, column in keeping:
                            column.append(row[index])
                        yield tuple("" if index is None else row[index] for index in wanted)
                    else:
                        yield f"has {len(row)} cells, and the heading has {len(columns)}."
            except UnicodeDecodeError as error:
                raise InvalidManifestError(
                    f"The manifest {quoted(path)} is not UTF-8 ({error.reason}). Save it as 'CSV UTF-8'."
                ) from error
            except csv.Error as error:
                raise InvalidManifestError(
                    f"The manifest {quoted(path)} is no CSV at line {reader.line_num}: {error}."
                ) from error

    return Rows(cells(), 2, _FROM_HEADING, partial(_frame_of_texts, columns, kept))


def _frame_as_given(frame: pd.DataFrame, _: object) -> pd.DataFrame:
    copy: pd.DataFrame = frame.copy()
    return copy


def _frame_of_table(table: Any, _: object) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _frame_of_mappings(mappings: list[Mapping[str, Any]], _: object) -> pd.DataFrame:
    import pandas

    frame: pd.DataFrame = pandas.DataFrame(mappings)
    return frame


def _frame_of_texts(
    columns: list[str], kept: Mapping[str, PackedText], required: Mapping[str, Iterable[str]]
) -> pd.DataFrame:
    import pandas

    found = {**kept, **required}
    texts = {name: pandas.Series(list(found[name]), dtype="string") for name in columns}
    frame: pd.DataFrame = pandas.DataFrame(texts)
    return frame


def _split(heading: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([heading.rstrip("\n")], delimiter=delimiter), [])]


def _check_columns(columns: list[str]) -> None:
    faults = [f"There is no column {column!r}." for column in REQUIRED if column not in columns]
    faults += [f"There are two columns {column!r}." for column in sorted(set(columns)) if columns.count(column) > 1]
    if faults:
        found = ", ".join(columns) or "none"
        raise InvalidManifestError(
            f"{' '.join(faults)} Found: {found}. A manifest has {', '.join(REQUIRED)}, and may have {OPTIONAL[0]}.",
            faults=tuple(ManifestFault(None, fault) for fault in faults),
        )
