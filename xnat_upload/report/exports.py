"""Outcomes as JSON, CSV and a pandas DataFrame, with the same columns in each; there is nothing secret in them."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xnat_upload.display.spreadsheet import harmless
from xnat_upload.errors import printable
from xnat_upload.places.destination import Destination
from xnat_upload.report.outcome import FileOutcome, Status

if TYPE_CHECKING:
    import pandas as pd

DTYPES: Mapping[str, str] = {
    "hub_project_id": "string",
    "project_id": "string",
    "accession_id": "string",
    "scan_id": "string",
    "resource_id": "string",
    "name": "string",
    "path": "string",
    "url": "string",
    "size_bytes": "Int64",
    "md5": "string",
    "status": "category",
    "reason": "string",
    "attempts": "Int64",
    "seconds": "float64",
    "bytes_on_the_line": "Int64",
}
"""Columns of all exports, with their types in a DataFrame."""

_PIECE_ROWS = 50_000
# What JSON need not escape, and a terminal must not see.
_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]")


def records(outcomes: Iterable[FileOutcome]) -> Iterator[dict[str, Any]]:
    """Give one flat record for each outcome, with the columns of `DTYPES`."""
    for outcome in outcomes:
        to = outcome.destination
        yield {
            "hub_project_id": to.hub_project_id,
            "project_id": to.project_id,
            "accession_id": to.accession_id,
            "scan_id": to.scan_id,
            "resource_id": to.resource_id,
            "name": outcome.name,
            # A path need not be Unicode; JSON and CSV must be.
            "path": str(outcome.path or "").encode("utf-8", "backslashreplace").decode(),
            "url": outcome.url,
            "size_bytes": outcome.size_bytes,
            "md5": outcome.md5,
            "status": outcome.status.value,
            "reason": outcome.reason,
            "attempts": outcome.attempts,
            "seconds": round(outcome.seconds, 6),
            "bytes_on_the_line": outcome.bytes_on_the_line,
        }


def outcome_of(record: Mapping[str, Any]) -> FileOutcome:
    """Read back what `records` gives of one outcome.

    Raises
    ------
    KeyError, ValueError
        It is no such record.
    """
    where = ("hub_project_id", "project_id", "accession_id", "scan_id", "resource_id")
    values = {name: record[name] for name in DTYPES if name not in where and name != "bytes_on_the_line"}
    values["bytes_on_the_line"] = record.get("bytes_on_the_line", 0)  # reports of version 0.1 have none
    return FileOutcome(
        destination=Destination(**{name: record[name] for name in where}),
        **{**values, "path": Path(values["path"]) if values["path"] else None, "status": Status(values["status"])},
    )


def json_text(document: Mapping[str, Any]) -> str:
    """Write one JSON document."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return _RAW.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Iterable[str] = tuple(DTYPES)) -> str:
    """Write CSV with a header, in which no cell is a formula to a spreadsheet or an escape to a terminal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180; any other leaves a lone CR unquoted
    columns = tuple(columns)
    writer.writerow(map(_cell, columns))
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return harmless(printable(value)) if isinstance(value, str) else value


def data_frame(outcomes: Iterable[FileOutcome]) -> pd.DataFrame:
    """Make a DataFrame with one row for each file and a real type for each column."""
    import pandas as pd  # half a second, which nobody pays who wants no DataFrame

    statuses = pd.CategoricalDtype([status.value for status in Status])
    dtypes = {column: statuses if dtype == "category" else dtype for column, dtype in DTYPES.items()}
    rows = records(outcomes)
    # In pieces, because a row takes many times as much in Python's objects as in a column.
    pieces: list[pd.DataFrame] = []
    while (piece := list(itertools.islice(rows, _PIECE_ROWS))) or not pieces:
        cells = {column: [row[column] for row in piece] for column in dtypes}
        pieces.append(pd.DataFrame({column: pd.Series(cells[column], dtype=dtypes[column]) for column in dtypes}))
    frame: pd.DataFrame = pieces[0] if len(pieces) == 1 else pd.concat(pieces, ignore_index=True)
    return frame
