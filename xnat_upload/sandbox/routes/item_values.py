"""``?handler=values&columns=…`` on an item: some of its fields as a table (ItemValuesRepresentation)."""

from __future__ import annotations

from html import escape

from xnat_upload.sandbox.routes.answers import Answer, Refusal, text
from xnat_upload.sandbox.routes.datatypes import is_a
from xnat_upload.sandbox.routes.fieldpaths import is_field, proper
from xnat_upload.sandbox.routes.listing import KEPT_FIELDS, Source
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.sources import Listable, source_of
from xnat_upload.sandbox.routes.tables import Table, table_answer

MAX_COLUMNS_BYTES = 1 << 16


def values_answer(record: Listable, request: Request) -> Answer:
    """Give the fields that ``columns`` in the query, or the body, names; of one alone ``asValue`` gives the text."""
    handler = request.query.get("handler")
    if handler != "values":
        raise Refusal(400, f"Invalid handler definition: {escape(handler)}")
    names = request.query.get("columns") if "columns" in request.query else _body(request)
    if not names:
        raise Refusal(400, "Please include a list of columns to return.")
    columns = names.split(",")
    source = source_of(record)
    row = [_value(source, column) for column in columns]
    if request.query.is_true("asValue"):
        if len(columns) > 1:
            raise Refusal(400, "asValue can only be used on single-column queries")
        return text(row[0])
    return table_answer(Table(columns=columns, rows=[row], with_total=False), request)


def _body(request: Request) -> str:
    if not 0 < request.body.size <= MAX_COLUMNS_BYTES:
        return ""
    return b"".join(request.body.blocks()).decode("utf-8", "replace")


def _value(source: Source, column: str) -> str:
    xsi_type, slash, below = column.partition("/")
    path = below if slash and ":" in xsi_type and is_a(source.xsi_type, xsi_type) else column
    field = proper(source.xsi_type, path)
    if field not in KEPT_FIELDS and not is_field(source.xsi_type, field):
        raise Refusal(400, f"Field not found: '{escape(column)}'")
    return source.fields.get(field, "")
