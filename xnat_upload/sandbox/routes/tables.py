"""Listings: rows as JSON, CSV, XML or HTML, streamed, every value a string."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from xnat_upload.sandbox.routes.answers import Answer, stream
from xnat_upload.sandbox.routes.request import Request

Cell = str | int | None
HTML_ROOT = '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">'


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under column names, with what stands beside them.

    Title, root element and total follow the rows in JSON; `column_properties` precede them.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str | None = None
    with_total: bool = True
    column_properties: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    root_element_name: str | None = None

    def selected(self, request: Request) -> Table:
        """Give the table sorted as ``sortBy`` and ``sortOrder`` wish."""
        names = [name for name in request.query.get("sortBy").split(",") if name in self.columns]
        if not names:
            return self
        indices = [self.columns.index(name) for name in names]
        backwards = request.query.get("sortOrder").upper() == "DESC"
        rows = sorted(self.rows, key=lambda row: [_text(row[index]) for index in indices], reverse=backwards)
        return replace(self, rows=rows)


def table_answer(table: Table, request: Request) -> Answer:
    """Give a table in the format asked for; whatever is neither JSON, CSV nor XML becomes HTML."""
    table = table.selected(request)
    match request.format:
        case "application/json":
            return stream("application/json", _as_json(table))
        case "text/csv":
            return stream("text/csv", _as_csv(table))
        case "text/xml" | "application/xml":
            return stream("text/xml", _as_xml(table))
    return stream("text/html", _as_html(table))


def _text(value: Cell) -> str:
    return "" if value is None else str(value)


def _as_json(table: Table) -> Iterator[bytes]:
    head = '{"ResultSet":{'
    if table.column_properties:
        columns = [{"key": key, **more} for key, more in table.column_properties.items()]
        head += f'"Columns":{json.dumps(columns, separators=(",", ":"))},'
    yield f'{head}"Result":['.encode()
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for number, row in enumerate(table.rows):
        yield (b"," if number else b"") + encode(dict(zip(table.columns, map(_text, row), strict=True))).encode(
            "utf-8", "surrogatepass"
        )
    about = []
    if table.title is not None:
        about.append(f'"title": {json.dumps(table.title)}')
    if table.root_element_name is not None:
        about.append(f'"rootElementName": {json.dumps(table.root_element_name)}')
    if table.with_total:
        about.append(f'"totalRecords": "{len(table.rows)}"')
    yield f"]{', ' if about else ''}{','.join(about)}}}}}".encode()


def _as_csv(table: Table) -> Iterator[bytes]:
    rows: Iterable[Sequence[Cell]] = ([" ".join(_text(cell).split("\n")) for cell in row] for row in table.rows)
    for row in (table.columns, *rows):
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        yield line.getvalue().encode("utf-8", "surrogatepass")


def _as_xml(table: Table) -> Iterator[bytes]:
    title = f' title="{escape(table.title)}"' if table.title else ""
    columns = "".join(f"<column>{escape(name)}</column>" for name in table.columns)
    yield (f'<ResultSet totalRecords="{len(table.rows)}"><results{title}><columns>{columns}</columns>\n<rows>').encode()
    for row in table.rows:
        # Only the angle brackets are escaped; an ampersand stays as it is.
        cells = (_text(cell).replace(">", "&gt;").replace("<", "&lt;") for cell in row)
        yield f"<row>{''.join(f'<cell>{cell}</cell>' for cell in cells)}</row>\n".encode()
    yield b"</rows></results></ResultSet>"


def _as_html(table: Table) -> Iterator[bytes]:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    yield f"{HTML_ROOT}<body><table><tr>{head}</tr>\n".encode()
    for row in table.rows:
        yield f"<tr>{''.join(f'<td>{escape(_text(cell))}</td>' for cell in row)}</tr>\n".encode()
    yield b"</table></body></html>"
