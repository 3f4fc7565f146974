"""What stands in a document: items with their fields, and the items in those, as the schema nests them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xnat_upload.sandbox.routes.datatypes import data_type
from xnat_upload.sandbox.routes.fieldpaths import TYPE_FIELD, Step, concrete, steps


@dataclass(frozen=True, kw_only=True)
class Item:
    """An item of a document.

    Parameters
    ----------
    fields : Mapping of str to str
        What stands in its own row, by path.
    children : Mapping of str to sequence of Item
        The items in it, by the path of their element, such as ``scans/scan``.
    row_key, row_id : str, int
        Its key in the database, which documents show.
    """

    xsi_type: str
    fields: Mapping[str, str]
    children: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    row_key: str = ""
    row_id: int = 0


def nested(
    xsi_type: str,
    fields: Mapping[str, str],
    children: Mapping[str, Sequence[Item]] | None = None,
    *,
    row_key: str = "",
    row_id: int = 0,
) -> Item:
    """Sort stored fields, which are known by their whole path, into the items they belong to."""
    own: dict[str, str] = {}
    inner: dict[str, dict[str, dict[str, str]]] = {}
    for path, value in fields.items():
        if value == "":
            continue
        cut = _cut(xsi_type, path)
        if cut is None:
            own[path] = value
        else:
            element, step, rest = cut
            of_item = inner.setdefault(element, {}).setdefault(str(step), {k: v for k, v in step.picks.items() if k})
            of_item[rest] = value
    found: dict[str, Sequence[Item]] = {
        element: [nested(_type_in(xsi_type, element, one), one) for one in several.values()]
        for element, several in inner.items()
    }
    for element, items in (children or {}).items():
        if items:
            found[element] = [*found.get(element, ()), *items]
    own.pop(TYPE_FIELD, None)
    return Item(xsi_type=xsi_type, fields=own, children=found, row_key=row_key, row_id=row_id)


def _cut(xsi_type: str, path: str) -> tuple[str, Step, str] | None:
    """Cut a path at the first element that holds an item: the element's path, its step, and the rest."""
    parts = steps(path) or []
    place = data_type(xsi_type)
    for number, part in enumerate(parts):
        element = place.element(part.name)
        if element is None:
            return None
        if element.item:
            names = "/".join(one.name for one in parts[: number + 1])
            return names, part, "/".join(map(str, parts[number + 1 :]))
        place = element
    return None


def _type_in(xsi_type: str, element_path: str, fields: Mapping[str, str]) -> str:
    if TYPE_FIELD in fields:
        return fields[TYPE_FIELD]
    place = data_type(xsi_type)
    for name in element_path.split("/"):
        place = place.element(name) or place
    return concrete(place.item)
