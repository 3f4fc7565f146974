"""XML bodies: items with their fields, as the schema nests them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.datatypes import Element, data_type
from xnat_upload.sandbox.routes.fieldpaths import TYPE_FIELD, concrete
from xnat_upload.sandbox.routes.fields import checked
from xnat_upload.sandbox.routes.forms import xml_part
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import ALL_TYPES, root_element

MAX_XML_BYTES = 16 << 20
TYPE_OF_ROOT = {root_element(xsi_type): xsi_type for xsi_type in sorted(ALL_TYPES)}
TYPE_OF_NAME = {name.partition(":")[2]: xsi_type for name, xsi_type in TYPE_OF_ROOT.items()}
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
PREFIXES = {"http://nrg.wustl.edu/xnat": "xnat"}
# Items that are made by addresses of their own: in a document they are read over, as XNAT does with those it has.
ELSEWHERE = frozenset({
    "experiments/experiment", "assessors/assessor", "reconstructions/reconstructedImage",
    "resources/resource", "file", "sharing/share", "in/file", "out/file",
})  # fmt: skip


@dataclass(frozen=True)
class XmlItem:
    """What an item's XML says: its type, its fields by path, the scans in it, and where it holds further items."""

    xsi_type: str
    fields: Mapping[str, str]
    scans: tuple[XmlItem, ...] = ()
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Found:
    """What was read so far."""

    fields: dict[str, str]
    scans: list[XmlItem]
    holds: set[str]


def xml_item(request: Request) -> XmlItem | None:
    """Read an item from the body, if there is one.

    XNAT looks only at a body of known size whose type is exactly an XML type, that is
    announced by ``inbody`` or ``req_format``, or at a form's part whose name ends with
    ``.xml``: chunked XML is silently ignored (docs/xnat/requests.md,
    "Request bodies").
    """
    content_type = request.headers.get("content-type", "")
    if request.body.size <= 0:
        return None
    if request.body.size > MAX_XML_BYTES:
        raise Refusal(422, f"The document has {request.body.size} bytes; {MAX_XML_BYTES} are allowed.")
    document: bytes | None
    announced = request.query.is_true("inbody") or request.query.get("req_format") == "xml"
    if content_type.startswith("multipart/form-data") and request.query.get("req_format") != "form":
        document = xml_part(request)
    elif content_type in ("text/xml", "application/xml") or announced:
        document = b"".join(request.body.blocks())
    else:
        return None
    return None if document is None else _parsed(document)


def _parsed(document: bytes) -> XmlItem:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Refusal(422, str(error)) from error
    declared = root.get(XSI_TYPE)
    return _item(root, _qualified(root, str(declared)) if declared else _type_of(root))


def _type_of(root: etree._Element) -> str:
    """Find the type of a root element; under an unknown namespace or none XNAT tries the prefixes it knows."""
    name = etree.QName(root)
    prefix = PREFIXES.get(name.namespace or "")
    xsi_type = TYPE_OF_ROOT.get(f"{prefix}:{name.localname}") if prefix else TYPE_OF_NAME.get(name.localname)
    xsi_type = xsi_type or next((one for one in ALL_TYPES if one == f"xnat:{name.localname}"), None)
    if xsi_type is None:
        raise Refusal(422, f"Element not found: '{prefix or ''}:{name.localname}'")
    return xsi_type


def _qualified(node: etree._Element, declared: str) -> str:
    """Give a type with the prefix it has here, whatever the document calls that namespace."""
    prefix, colon, name = declared.rpartition(":")
    return f"{PREFIXES.get(node.nsmap.get(prefix or None, ''), prefix if colon else 'xnat')}:{name}"


def _item(node: etree._Element, xsi_type: str) -> XmlItem:
    fields: dict[str, str] = {}
    scans: list[XmlItem] = []
    holds: set[str] = set()
    described = data_type(xsi_type)
    text = (node.text or "").strip()
    if described.text and text:
        fields[described.text] = text
    _inside(node, described, "", _Found(fields, scans, holds))
    return XmlItem(xsi_type, checked(xsi_type, fields), tuple(scans), frozenset(holds))


def _inside(node: etree._Element, place: Element, prefix: str, found: _Found) -> None:
    for name, value in ((str(key), str(value)) for key, value in node.attrib.items()):
        if not name.startswith("{"):
            found.fields[f"{prefix}{place.attribute(name) or name}"] = value
    counts: dict[str, int] = {}
    for child in (one for one in node if isinstance(one.tag, str)):  # and no comments
        name = etree.QName(child).localname
        element = place.element(name) or Element(name=name)
        path = f"{prefix}{element.name}"
        if not element.item:
            if (child.text or "").strip():
                found.fields[path] = child.text or ""
            _inside(child, element, f"{path}/", found)
        elif path in ELSEWHERE:
            found.holds.add(path)
        else:
            declared = child.get(XSI_TYPE)
            item = _item(child, _qualified(child, str(declared)) if declared else concrete(element.item))
            counts[path] = counts.get(path, -1) + 1
            if path == "scans/scan":
                found.scans.append(item)
            else:
                found.fields.update(_under(path, element, item, counts[path]))


def _under(path: str, element: Element, found: XmlItem, number: int) -> dict[str, str]:
    """Give the fields of an item in an item, told apart by its key or else by its number."""
    key = data_type(found.xsi_type).key
    picked = f"[{key}={found.fields[key]}]" if key in found.fields else f"[{number}]"
    step = f"{path}{picked if element.repeats else ''}"
    fields = {f"{step}/{name}": value for name, value in found.fields.items()}
    if found.xsi_type != concrete(element.item):
        fields[f"{step}/{TYPE_FIELD}"] = found.xsi_type
    return fields
