"""The schemas this archive serves: two small documents, and one type per modality in the one called ``xnat``.

Clients such as xnatpy build their classes from them.  Not settled: whether XNAT's
own schema names a display identifier for scans.  Here there is none, so xnatpy puts
the type of a new scan in the path and its ID in the query.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from xnat_upload.sandbox.routes.schema import SCAN_TYPES, SESSION_TYPES, root_element

NAMES = ("xdat", "xnat")
BASES = {"xnat:imageScanData": SCAN_TYPES, "xnat:imageSessionData": SESSION_TYPES}


@cache
def schema_document(name: str) -> str:
    """Give the text of a schema; `name` is one of `NAMES`."""
    text = files(__package__).joinpath("schemas").joinpath(f"{name}.xsd").read_text(encoding="utf-8")
    if name != "xnat":
        return text
    types = "".join(_derived(xsi_type, base) for base, xsi_types in BASES.items() for xsi_type in sorted(xsi_types))
    return text.replace("</xs:schema>", f"{types}</xs:schema>")


def _derived(xsi_type: str, base: str) -> str:
    name = xsi_type.removeprefix("xnat:")
    element = root_element(xsi_type).removeprefix("xnat:")
    return (
        f'  <xs:element name="{element}" type="{xsi_type}"/>\n'
        f'  <xs:complexType name="{name}">\n    <xs:complexContent><xs:extension base="{base}"/></xs:complexContent>\n'
        "  </xs:complexType>\n"
    )
