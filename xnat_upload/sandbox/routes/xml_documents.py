"""Items as XML, in the order of the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

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


# What XML cannot hold at all; a query can bring it in, and one such field would make the whole item unreadable.
UNWRITABLE = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
HEAD = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def xml_document(item: Item, *, hides: bool) -> bytes:
    """Write an item as a document; `hides` leaves out the comments with database keys."""
    prefix, _, name = root_element(item.xsi_type).partition(":")
    # The address of a namespace that a site has of its own is not known here; that it is declared makes it XML.
    spaces = {prefix: f"http://nrg.wustl.edu/{prefix}"} | NAMESPACES
    root = etree.Element(f"{{{spaces[prefix]}}}{name}", nsmap=spaces)
    _fill(root, item, hides=hides)
    root.set(f"{{{NAMESPACES['xsi']}}}schemaLocation", "http://nrg.wustl.edu/xnat /schemas/xnat/xnat.xsd")
    return HEAD + etree.tostring(root, encoding="UTF-8", pretty_print=True)


def _fill(node: etree._Element, item: Item, *, hides: bool) -> None:
    """Put an item into its element; values were escaped when they came in, are kept so, and are escaped again."""
    described = data_type(item.xsi_type)
    written: set[str] = set()
    _set_attributes(node, described, item.fields, "", written)
    if item.row_key and not hides:
        node.append(etree.Comment(f'hidden_fields[{item.row_key}="{item.row_id}"]'))
    if described.text and described.text in item.fields:
        written.add(described.text)
        text = _writable(item.fields[described.text])
        if len(node):
            node[-1].tail = text
        else:
            node.text = text
    _add_elements(node, described, item, "", written, hides=hides)
    for path, value in item.fields.items():
        if path not in written:
            _add_unknown(node, path, value)


def _set_attributes(
    node: etree._Element, element: Element, fields: Mapping[str, str], prefix: str, written: set[str]
) -> None:
    for name, _ in element.attributes:
        if (path := f"{prefix}{name}") in fields:
            node.set(name, _writable(fields[path]))
            written.add(path)


def _add_elements(
    node: etree._Element, element: Element, item: Item, prefix: str, written: set[str], *, hides: bool
) -> None:
    for one in element.elements:
        path = f"{prefix}{one.name}"
        if one.item:
            for child in item.children.get(path, ()):
                below = etree.SubElement(node, f"{{{NAMESPACES['xnat']}}}{one.name}")
                _fill(below, child, hides=hides)
                if child.xsi_type != one.item:
                    below.set(f"{{{NAMESPACES['xsi']}}}type", child.xsi_type)
            continue
        below = etree.SubElement(node, f"{{{NAMESPACES['xnat']}}}{one.name}")
        _set_attributes(below, one, item.fields, f"{path}/", written)
        below.text = _writable(item.fields.get(path, "")) or None
        written.add(path)
        _add_elements(below, one, item, f"{path}/", written, hides=hides)
        if not (below.attrib or below.text or len(below)):
            node.remove(below)


def _add_unknown(node: etree._Element, path: str, value: str) -> None:
    """Write a field that the schema here does not name, though a site's own may, as nested elements."""
    for step in steps(path) or ():
        node = etree.SubElement(node, f"{{{NAMESPACES['xnat']}}}{step.name}")
    node.text = _writable(value)


def _writable(value: str) -> str:
    return UNWRITABLE.sub("", value)
