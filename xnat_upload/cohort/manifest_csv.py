"""A manifest in CSV, read as text, separated by commas, semicolons or tabs: whichever its heading is.

Rows are told apart by Python's own `csv`, since each must have as many cells as the heading: pandas' reader fills up
short rows, and where all are too long it takes their first cells for an index, so that every file would go to what its
neighbouring cell names.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xnat_upload.cohort.rows import PROJECT, REQUIRED, RESULT_COLUMNS, Rows, check_columns, make_rows, text_column
from xnat_upload.display.spreadsheet import as_it_was
from xnat_upload.errors import InvalidManifestError, quoted

if TYPE_CHECKING:
    import pandas as pd

_FROM_HEADING = "Rows are counted as a spreadsheet shows them: the heading is row 1."
# Of .xlsx and .ods, and of .xls.
_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# As a spreadsheet's "Unicode Text" begins; without such a mark a file is UTF-8.
_UTF_16_STARTS = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)  # some spreadsheets say so in a line of its own
_LONGEST_HEADING = 2**20
_PIECE_ROWS = 20_000


def read_csv(path: Path) -> Rows:
    """Read a CSV.

    Raises
    ------
    InvalidManifestError
        It is none, or columns are missing.
    """
    with path.open("rb") as raw:
        start = raw.read(4096)
    if start.startswith(_WORKBOOK_STARTS):
        raise InvalidManifestError(
            f"The manifest {quoted(path)} is a workbook. Save it as 'CSV UTF-8', or give what "
            "pandas.read_excel(…, dtype=str) reads from it."
        )
    encoding = "utf-16" if start.startswith(_UTF_16_STARTS) else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in start:
        raise InvalidManifestError(
            f"The manifest {quoted(path)} holds bytes of value 0, as no text in UTF-8 does. Save it as 'CSV UTF-8'."
        )
    line_number = 1
    try:
        with path.open(encoding=encoding, newline="") as file:
            heading = file.readline(_LONGEST_HEADING)
            separator = _SEPARATOR.fullmatch(heading)
            if separator is None:
                file.seek(0)
            reader = csv.reader(file, delimiter=separator[1] if separator else _delimiter_of(heading), strict=True)
            try:
                return _read(reader)
            finally:
                line_number = reader.line_num
    except csv.Error as error:
        raise InvalidManifestError(f"The manifest {quoted(path)} is no CSV at line {line_number}: {error}.") from error
    except UnicodeError as error:
        raise InvalidManifestError(
            f"The manifest {quoted(path)} is not {encoding[:6].upper()} ({error}). Save it as 'CSV UTF-8'."
        ) from error


def _read(reader: Iterator[list[str]]) -> Rows:
    columns = [cell.strip() for cell in next(reader, [])]
    is_report = set(RESULT_COLUMNS) <= set(columns)
    if is_report:
        columns = [as_it_was(column) for column in columns]
    unnamed = [position for position, column in enumerate(columns) if not column]
    for position in unnamed:
        columns[position] = f"Unnamed: {position}"  # as pandas calls it
    check_columns(columns)
    faults: list[tuple[int, str]] = []
    rows = _rows(reader, columns=len(columns), as_written=not is_report, faults=faults)
    frame = _frame_of(rows, columns)
    empty = [columns[position] for position in unnamed if not any(frame[columns[position]].dropna().unique())]
    return make_rows(frame.drop(columns=empty), first_number=2, counted=_FROM_HEADING, packed=True, faults=faults)


def _rows(
    reader: Iterator[list[str]], *, columns: int, as_written: bool, faults: list[tuple[int, str]]
) -> Iterator[list[str] | list[None]]:
    """Give every row, as many cells as there are columns; missing ones where it has not as many itself."""
    number = empty = 0
    for row in reader:
        if not any(row):
            empty += 1  # at the end they are nothing, before other rows they are a fault
            continue
        for _ in range(empty):
            faults.append((number, "is empty."))
            number += 1
            yield [None] * columns
        empty = 0
        # A spreadsheet writes empty cells for columns that once held something.
        if len(row) > columns and not any(row[columns:]):
            row = row[:columns]
        if len(row) == columns:
            yield row if as_written else [as_it_was(cell) for cell in row]
        else:
            faults.append((number, f"has {len(row)} cells, and the heading has {columns}."))
            yield [None] * columns
        number += 1


def _frame_of(rows: Iterator[list[str] | list[None]], columns: list[str]) -> pd.DataFrame:
    """Keep rows in pieces of columns: as Python's objects, they would take ten times as much memory."""
    import pandas

    pieces: dict[str, list[pd.Series[Any]]] = {column: [] for column in columns}
    while (piece := list(itertools.islice(rows, _PIECE_ROWS))) or not all(pieces.values()):
        frame = pandas.DataFrame(piece, columns=columns, dtype=object)
        for column in columns:
            cells = frame[column]
            pieces[column].append(cells.astype("category") if _repeats(cells) else text_column(cells.tolist()))
    joined: pd.DataFrame = pandas.DataFrame({column: _joined(parts) for column, parts in pieces.items()})
    return joined


def _repeats(cells: pd.Series[Any]) -> bool:
    return cells.name != "file" and 2 * cells.nunique() <= len(cells)


def _joined(pieces: list[pd.Series[Any]]) -> pd.Series[Any]:
    import pandas

    repeating = [isinstance(piece.dtype, pandas.CategoricalDtype) for piece in pieces]
    joined: pd.Series[Any]
    if all(repeating):
        joined = pandas.Series(pandas.api.types.union_categoricals(pieces))
    else:
        texts = [text_column(one.tolist()) if again else one for one, again in zip(pieces, repeating, strict=True)]
        joined = pandas.concat(texts, ignore_index=True)
    return joined


def _delimiter_of(heading: str) -> str:
    def required(delimiter: str) -> int:
        return len({cell.strip().strip('"').strip() for cell in heading.split(delimiter)} & {*PROJECT, *REQUIRED})

    return max(",;\t", key=required)
