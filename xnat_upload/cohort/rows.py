"""The rows of a manifest in pandas, and what a cell of them says as text: a spreadsheet's 4.0 is the scan "4" again.

IDs repeat, so their columns are categories; a million rows of them take a few megabytes. pandas is imported where it is
used, because it takes longer than all the rest and a program that uploads no cohort need not wait for it.
"""

from __future__ import annotations

import math
import numbers
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xnat_upload.errors import InvalidIdentifierError, InvalidManifestError, ManifestFault, quoted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PROJECT = ("hub_project_id", "project_id")
SESSION = (*PROJECT, "accession_id")
PLACE = (*SESSION, "scan_id", "resource_id")
REQUIRED = ("accession_id", "scan_id", "resource_id", "file")
OPTIONAL = ("scan_type", "name")
RESULT_COLUMNS = ("name", "url", "size_bytes", "md5", "status", "reason", "attempts", "seconds", "bytes_on_the_line")
"""What the report of a cohort adds to the columns of its manifest."""

_HEADINGS_SHOWN = 20
_FLOAT_EXACT_BELOW = 2.0**53
# As a spreadsheet writes a number into a text file; XNAT allows no dot in a scan's ID, so it can mean nothing else.
_WHOLE_NUMBER = re.compile(r"([0-9]+)\.0+")


@dataclass(frozen=True)
class Rows:
    """The rows of a manifest.

    Parameters
    ----------
    frame : DataFrame
        All rows with all their columns, as they were given.
    cells : DataFrame
        The columns of `PLACE` and `OPTIONAL`, and ``file``, as text; empty where nothing stands, and missing where a
        fault says already why the cell cannot be read. All but ``file`` are categories.
    first_number : int
        Number of the first row, as the caller sees it.
    counted : str
        How rows are counted, for messages.
    packed : bool
        All columns of `frame` are text, and what repeats is kept as categories.
    faults : list of ManifestFault
        What is wrong with single cells or with the shape of rows.
    positions : array of int, optional
        For each row the position of the one it was made of; None where each is its own.
    """

    frame: pd.DataFrame
    cells: pd.DataFrame
    first_number: int
    counted: str
    packed: bool = False
    faults: list[ManifestFault] = field(default_factory=list)
    positions: np.ndarray[Any, Any] | None = None

    def number(self, row: int) -> int:
        """Give the number of a row as the caller sees it; rows of one directory share that of the row that named it."""
        return self.first_number + (row if self.positions is None else int(self.positions[row]))


def make_rows(
    frame: pd.DataFrame,
    *,
    first_number: int,
    counted: str,
    packed: bool = False,
    faults: Iterable[tuple[int, str]] = (),
) -> Rows:
    """Read the cells of a frame; `faults` are those known already, by position of their row, which has no cells."""
    import pandas

    found = list(faults)
    unread = [row for row, _ in found]
    cells: dict[str, Any] = {}
    for name in (*PLACE, *OPTIONAL):
        column = frame[name] if name in frame.columns else pandas.Series([""] * len(frame), dtype="category")
        texts, codes = _texts_of(column, name=name, faults=found)
        codes[unread] = -1
        cells[name] = pandas.Categorical.from_codes(codes, categories=pandas.Index(texts, dtype=object))
    files = frame["file"].reset_index(drop=True)  # the caller's index stays with the frame
    if files.dtype != object and pandas.api.types.is_string_dtype(files.dtype):
        missing = files.isna()  # not filled in if nothing is missing: that would keep all of them twice
        missing[unread] = False
        cells["file"] = files.mask(missing, "") if missing.any() else files
    else:
        texts, codes = _texts_of(files, name="file", faults=found)
        codes[unread] = -1
        cells["file"] = text_column([None if code < 0 else texts[code] for code in codes.tolist()])
    return Rows(
        frame=frame,
        cells=pandas.DataFrame(cells),
        first_number=first_number,
        counted=counted,
        packed=packed,
        faults=[ManifestFault(first_number + row, message) for row, message in found],
    )


def text_column(texts: list[str | None]) -> pd.Series[Any]:
    """Make a column of texts that seldom repeat; from pandas 3 on, Arrow packs them where it is installed."""
    import pandas

    try:
        return pandas.Series(texts)
    except UnicodeEncodeError:
        return pandas.Series(texts, dtype=object)  # a path on this machine need not be Unicode


def codes_of(cells: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Give the codes of categories, in which rows are compared and put together as numbers; -1 for what is missing."""
    import pandas

    codes: pd.DataFrame = pandas.DataFrame({name: cells[name].cat.codes for name in columns})
    return codes


def check_columns(columns: Sequence[str]) -> None:
    """Refuse a manifest that has not the columns it needs.

    Raises
    ------
    InvalidManifestError
        Some are missing, or there twice.
    """
    faults = [f"There is no column {column!r}." for column in REQUIRED if column not in columns]
    if not set(PROJECT) & set(columns):
        faults.insert(0, f"There is no column {PROJECT[0]!r}.")
    twice = [column for column, times in Counter(columns).items() if times > 1]
    faults += [f"There are two columns {quoted(column)}." for column in twice[:_HEADINGS_SHOWN]]
    if faults:
        found = ", ".join(map(quoted, columns[:_HEADINGS_SHOWN])) or "none"
        more = f" and {len(columns) - _HEADINGS_SHOWN} more" if len(columns) > _HEADINGS_SHOWN else ""
        raise InvalidManifestError(
            f"{' '.join(faults)} Found: {found}{more}. A manifest has {PROJECT[0]} (or {PROJECT[1]}), "
            f"{', '.join(REQUIRED)}, and may have {' and '.join(OPTIONAL)}.",
            faults=tuple(ManifestFault(None, fault) for fault in faults),
        )


def text_of(cell: Any, *, exact_below: float | None = None) -> str:
    """Give a cell as text; empty for None, NaN and other missing values.

    Parameters
    ----------
    cell : object
        Whatever stands in it.
    exact_below : float, optional
        The first whole number whose neighbour the cell's type cannot tell from it; else that of the cell's own type.

    Raises
    ------
    InvalidIdentifierError
        A number that may have been rounded: it would name another session than was meant.

    Examples
    --------
    >>> text_of(4), text_of(4.0), text_of("007"), text_of(float("nan")), text_of(None)
    ('4', '4', '007', '', '')
    >>> text_of(9007199254740993.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    xnat_upload.errors.InvalidIdentifierError: '9007199254740992.0' may have been rounded, ...
    """
    if isinstance(cell, str):
        return cell
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(cell, numbers.Real) and not isinstance(cell, numbers.Integral):
        number = float(cell)
        if math.isnan(number):
            return ""
        if abs(number) >= (exact_below or _exact_below(getattr(cell, "dtype", None)) or _FLOAT_EXACT_BELOW):
            raise _rounded(str(cell))
        return str(int(number)) if number.is_integer() else str(cell)
    return str(cell)


def _texts_of(
    column: pd.Series[Any], *, name: str, faults: list[tuple[int, str]]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give the different texts of a column, and for each row the position of its own; -1 where a fault says why not."""
    import numpy
    import pandas

    distinct: Any
    exact_below = _exact_below(column.dtype)
    if exact_below is not None:
        codes, distinct = pandas.factorize(column.to_numpy(dtype="float64", na_value=math.nan))
    elif column.dtype == object:
        # Equal objects of different types need not be one text: True is 1, and 4.0 is 4.
        distinct, codes = column.to_numpy(), numpy.arange(len(column))
    else:
        codes, distinct = pandas.factorize(column)
    texts: list[str | None] = ["", *[None] * len(distinct)]
    wrong: dict[int, str] = {}
    for position, cell in enumerate(distinct, start=1):
        try:
            text = text_of(cell, exact_below=exact_below)
            texts[position] = _scan_id_of(text) if name == "scan_id" else text
        except InvalidIdentifierError as error:
            wrong[position] = f"{name}: {error}"
    positions = codes + 1  # the first is for what is missing
    if wrong:
        rows = numpy.flatnonzero(numpy.isin(positions, list(wrong)))
        faults += [(row, wrong[int(positions[row])]) for row in rows.tolist()]
    text_codes, different = pandas.factorize(numpy.array(texts, dtype=object))
    return different, text_codes[positions]


def _scan_id_of(text: str) -> str:
    """Read a scan ID that a spreadsheet has made a number of, and has saved as text since."""
    number = _WHOLE_NUMBER.fullmatch(text)
    if number is None:
        return text
    if float(number[1]) >= _FLOAT_EXACT_BELOW:
        raise _rounded(text)
    return number[1]


def _exact_below(dtype: Any) -> float | None:
    """Say from which whole number on a type of floating point numbers has gaps; None if it is no such type.

    >>> import numpy
    >>> [_exact_below(numpy.dtype(name)) for name in ("float16", "float32", "int64")]
    [2048.0, 16777216.0, None]
    """
    import numpy

    dtype = getattr(dtype, "categories", dtype)  # of a category, by its values
    dtype = getattr(dtype, "dtype", dtype)
    dtype = getattr(dtype, "subtype", getattr(dtype, "numpy_dtype", dtype))  # sparse; nullable, or Arrow's
    if not isinstance(dtype, numpy.dtype) or dtype.kind != "f":
        return None
    return float(min(_FLOAT_EXACT_BELOW, 2.0 ** (numpy.finfo(dtype).nmant + 1)))


def _rounded(shown: str) -> InvalidIdentifierError:
    return InvalidIdentifierError(
        f"{quoted(shown)} may have been rounded, because a floating point number of this size cannot be told from its "
        "neighbours. Read this column as text (in pandas, with dtype=str)."
    )
