"""XML bodies, read as far as this archive stores what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import ALL_TYPES, root_element

MAX_XML_BYTES = 16 << 20
TYPE_OF_ROOT = {root_element(xsi_type): xsi_type for xsi_type in ALL_TYPES}
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
PREFIXES = {"http://nrg.wustl.edu/xnat": "xnat"}


@dataclass(frozen=True)
class XmlItem:
    """What an item's XML says: its type, and attributes and simple elements alike as fields."""

    xsi_type: str
    fields: Mapping[str, str]


def xml_item(request: Request) -> XmlItem | None:
    """Read an item from the body, if there is one.

    XNAT looks only at a body of known size whose type is exactly an XML type, or that
    is announced by ``inbody`` or ``req_format``: chunked XML is silently ignored (docs/xnat/requests.md, "Request
    bodies").
    """
    content_type = request.headers.get("content-type", "")
    announced = request.query.is_true("inbody") or request.query.get("req_format") == "xml"
    if content_type not in ("text/xml", "application/xml") and not announced:
        return None
    if request.body.size <= 0:
        return None
    if request.body.size > MAX_XML_BYTES:
        raise Refusal(422, f"The document has {request.body.size} bytes; {MAX_XML_BYTES} are allowed.")
    document = b"".join(request.body.blocks())
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Refusal(422, str(error)) from error
    declared = root.get(XSI_TYPE)
    xsi_type = str(declared) if declared else _type_of(root)
    fields = {str(name): str(value) for name, value in root.attrib.items() if not str(name).startswith("{")}
    for child in root:
        if isinstance(child.tag, str) and not len(child) and child.text:
            fields[etree.QName(child).localname] = child.text
    return XmlItem(xsi_type, fields)


def _type_of(root: etree._Element) -> str:
    name = etree.QName(root)
    qualified = f"{PREFIXES.get(name.namespace or '', '')}:{name.localname}"
    xsi_type = TYPE_OF_ROOT.get(qualified, qualified)
    if xsi_type not in ALL_TYPES:
        raise Refusal(422, f"Element not found: '{qualified}'")
    return xsi_type
