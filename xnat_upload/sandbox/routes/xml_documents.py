"""Items as XML, in the order of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from xml.sax.saxutils import quoteattr

from xnat_upload.sandbox.routes.datatypes import Element, data_type
from xnat_upload.sandbox.routes.fieldpaths import steps
from xnat_upload.sandbox.routes.items import Item
from xnat_upload.sandbox.routes.schema import root_element

NAMESPACES = {
    "arc": "http://nrg.wustl.edu/arc",
    "cat": "http://nrg.wustl.edu/catalog",
    "prov": "http://www.nbirn.net/prov",
    "scr": "http://nrg.wustl.edu/scr",
    "val": "http://nrg.wustl.edu/val",
    "wrk": "http://nrg.wustl.edu/workflow",
    "xdat": "http://nrg.wustl.edu/security",
    "xnat": "http://nrg.wustl.edu/xnat",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


def xml_document(item: Item, *, hides: bool) -> str:
    """Write an item as a document; `hides` leaves out the comments with database keys."""
    prefix = item.xsi_type.partition(":")[0]
    # The address of a namespace that a site has of its own is not known here; that it is declared makes it XML.
    spaces = {prefix: f"http://nrg.wustl.edu/{prefix}"} | NAMESPACES
    declared = "".join(f' xmlns:{name}="{address}"' for name, address in spaces.items())
    location = ' xsi:schemaLocation="http://nrg.wustl.edu/xnat /schemas/xnat/xnat.xsd"'
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    return f"{head}{_item(root_element(item.xsi_type), item, hides=hides, about=f'{declared}{location}')}"


def _item(name: str, item: Item, *, hides: bool, about: str = "") -> str:
    described = data_type(item.xsi_type)
    written: set[str] = set()
    attributes = _attributes(described, item.fields, "", written)
    inner = "" if hides or not item.row_key else f'<!--hidden_fields[{item.row_key}="{item.row_id}"]-->'
    if described.text and described.text in item.fields:
        written.add(described.text)
        inner += escape(item.fields[described.text])
    inner += _elements(described, item, "", written, hides=hides)
    inner += _unknown({path: value for path, value in item.fields.items() if path not in written})
    return f"<{name}{attributes}{about}>{inner}</{name}>\n" if inner else f"<{name}{attributes}{about}/>\n"


def _attributes(element: Element, fields: Mapping[str, str], prefix: str, written: set[str]) -> str:
    found = {name: fields[f"{prefix}{name}"] for name, _ in element.attributes if f"{prefix}{name}" in fields}
    written.update(f"{prefix}{name}" for name in found)
    return "".join(f" {name}={quoteattr(value)}" for name, value in found.items())


def _elements(element: Element, item: Item, prefix: str, written: set[str], *, hides: bool) -> str:
    """Write what stands in an element; values were escaped when they came in, are kept so, and are escaped again."""
    lines = []
    for one in element.elements:
        path = f"{prefix}{one.name}"
        if one.item:
            for child in item.children.get(path, ()):
                typed = "" if child.xsi_type == one.item else f' xsi:type="{child.xsi_type}"'
                lines.append(_item(f"xnat:{one.name}", child, hides=hides, about=typed))
            continue
        attributes = _attributes(one, item.fields, f"{path}/", written)
        text = escape(item.fields.get(path, ""))
        written.add(path)
        inner = _elements(one, item, f"{path}/", written, hides=hides)
        if attributes or text or inner:
            lines.append(f"<xnat:{one.name}{attributes}>{text}{inner}</xnat:{one.name}>\n")
    return "".join(lines)


def _unknown(fields: Mapping[str, str]) -> str:
    """Write fields that the schema here does not name, though a site's own may, as nested elements."""
    lines = []
    for path, value in fields.items():
        names = [f"xnat:{step.name}" for step in steps(path) or ()]
        opening = "".join(f"<{name}>" for name in names)
        closing = "".join(f"</{name}>" for name in reversed(names))
        lines.append(f"{opening}{escape(value)}{closing}\n")
    return "".join(lines)
