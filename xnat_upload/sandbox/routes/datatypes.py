"""The data types, read from the schema that is served: which fields an item has, where each is written, what it holds.

Documents are written and read by these, so the schema and what clients build from it
cannot drift apart from what is stored.  Fields are known by their path from the item:
``note``, ``parameters/tr``, ``fields/field[name=site]/field``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from lxml import etree

from xnat_upload.sandbox.routes.xapi_schemas import schema_document

XSD = "{http://www.w3.org/2001/XMLSchema}"
XDAT = "{http://nrg.wustl.edu/xdat}"
# Abstract types, and what XNAT makes of them where nothing else is said.
CONCRETE = {
    "xnat:abstractDemographicData": "xnat:demographicData",
    "xnat:abstractSubjectMetadata": "xnat:subjectMetadata",
    "xnat:abstractResource": "xnat:resourceCatalog",
}


@dataclass(frozen=True)
class Element:
    """A data type, or an element in one.

    Parameters
    ----------
    name : str
        ``xnat:mrScanData`` for a type, ``parameters`` for an element.
    kind : str
        Of its own text: ``string``, ``date``, ``float`` and so on; empty where it has none.
    text : str
        What its own text is called in a path: ``fields/field[name=site]/field``.
    item : str
        The type of the item it holds, which has fields of its own; empty where it holds none.
    repeats : bool
        Whether there may be several.
    key : str
        The field that tells several apart.
    """

    name: str
    kind: str = ""
    text: str = ""
    item: str = ""
    repeats: bool = False
    key: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    elements: tuple[Element, ...] = ()

    def element(self, name: str) -> Element | None:
        """Find an element in it; XFT ignores case."""
        return next((one for one in self.elements if one.name.lower() == name.lower()), None)

    def attribute(self, name: str) -> str | None:
        """Find the proper spelling of an attribute."""
        return next((own for own, _ in self.attributes if own.lower() == name.lower()), None)


def data_type(xsi_type: str) -> Element:
    """Give a type with all that it inherits; one the site has from elsewhere is known by what its name ends with."""
    types, _ = _schema()
    found = types.get(xsi_type)
    if found is None:
        proper = next((name for name in types if name.lower() == xsi_type.lower()), None)
        found = types[proper] if proper else replace(types[_unknown_base(xsi_type)], name=xsi_type)
    return found


def _unknown_base(xsi_type: str) -> str:
    ends = {"SessionData": "xnat:imageSessionData", "ScanData": "xnat:imageScanData"}
    return next((base for end, base in ends.items() if xsi_type.endswith(end)), "xnat:subjectAssessorData")


def is_known(xsi_type: str) -> bool:
    """Tell whether the schema has a type, in any case of letters."""
    return data_type(xsi_type).name in _schema()[0]


def is_a(xsi_type: str, ancestor: str) -> bool:
    """Tell whether a type is another one or extends it."""
    return ancestor.lower() in (name.lower() for name in ancestry(xsi_type))


def ancestry(xsi_type: str) -> Iterator[str]:
    """Give a type and those it extends, itself first."""
    _, bases = _schema()
    name: str | None = data_type(xsi_type).name
    if name not in bases:
        yield xsi_type
        name = _unknown_base(xsi_type)
    while name:
        yield name
        name = bases.get(name)


@cache
def _schema() -> tuple[dict[str, Element], dict[str, str | None]]:
    root = etree.fromstring(schema_document("xnat").encode())
    nodes = {f"xnat:{node.get('name')}": node for node in root.findall(f"{XSD}complexType")}
    bases: dict[str, str | None] = {}
    for name, node in nodes.items():
        extension = node.find(f"{XSD}complexContent/{XSD}extension")
        bases[name] = None if extension is None else extension.get("base")
    types: dict[str, Element] = {}

    def read(name: str) -> Element:
        if name not in types:
            own = _described(nodes[name], name, name, types)
            base = bases[name]
            if base:
                inherited = read(base)
                own = replace(
                    own,
                    key=own.key or inherited.key,
                    attributes=(*inherited.attributes, *own.attributes),
                    elements=(*inherited.elements, *own.elements),
                )
            types[name] = own
        return types[name]

    for name in nodes:
        read(name)
    return types, bases


def _described(node: etree._Element, name: str, owner: str, types: dict[str, Element]) -> Element:
    """Read a complex type; `owner` is the data type in which it stands."""
    content = node.find(f"{XSD}simpleContent/{XSD}extension")
    kind = "" if content is None else str(content.get("base")).removeprefix("xs:")
    body = content if content is not None else node.find(f"{XSD}complexContent/{XSD}extension")
    body = node if body is None else body
    return Element(
        name=name,
        kind=kind,
        text=name.rpartition(":")[2] if kind else "",
        key=_key(node),
        attributes=tuple(
            (str(one.get("name")), str(one.get("type")).removeprefix("xs:")) for one in body.findall(f"{XSD}attribute")
        ),
        elements=tuple(_element(one, owner, types) for one in body.findall(f"{XSD}sequence/{XSD}element")),
    )


def _element(node: etree._Element, owner: str, types: dict[str, Element]) -> Element:
    name, declared = str(node.get("name")), node.get("type")
    repeats = node.get("maxOccurs") == "unbounded"
    inner = node.find(f"{XSD}complexType")
    if inner is None:
        if declared and not declared.startswith("xs:"):
            return Element(name=name, item=declared, repeats=repeats)
        kind = str(declared).removeprefix("xs:")
        if not repeats:
            return Element(name=name, kind=kind)
        item = f"{owner}_{name}"
        types[item] = Element(name=item, kind=kind, text=name)
        return Element(name=name, item=item, repeats=True)
    if not repeats:
        return replace(_described(inner, name, owner, types), text="")
    # XFT gives what repeats a table of its own, named after the type and the element.
    item = f"{owner}_{name}"
    described = _described(inner, name, item, types)
    types[item] = replace(described, name=item, key=_key(node))
    return Element(name=name, item=item, repeats=True)


def _key(node: etree._Element) -> str:
    about = node.find(f"{XSD}annotation/{XSD}appinfo/{XDAT}element")
    return "" if about is None else about.get("displayIdentifiers", "")
