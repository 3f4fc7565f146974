"""Items as JSON: fields by path with native numbers, and the items in them as children."""

from __future__ import annotations

import json

from xnat_upload.sandbox.routes.fieldpaths import kind_of
from xnat_upload.sandbox.routes.items import Item

Json = dict[str, object]
INTEGERS = ("integer", "int", "long")
FLOATS = ("float", "double")


def json_document(item: Item) -> str:
    """Write an item as XNAT's item document."""
    return json.dumps({"items": [_item(item)]}, ensure_ascii=False)


def _item(item: Item) -> Json:
    fields: Json = {path: _native(item.xsi_type, path, value) for path, value in item.fields.items()}
    if item.row_key:
        fields[item.row_key.lower()] = item.row_id
    children = [{"field": path, "items": [_item(one) for one in items]} for path, items in item.children.items()]
    return {"children": children, "data_fields": fields, "meta": {"xsi:type": item.xsi_type, "isHistory": False}}


def _native(xsi_type: str, path: str, value: str) -> str | int | float:
    kind = kind_of(xsi_type, path)
    try:
        if kind in INTEGERS:
            return int(value)
        if kind in FLOATS:
            number = float(value)
            # org.json writes a double without its empty fraction.
            return int(number) if number.is_integer() else number
    except ValueError:
        return value
    return value
