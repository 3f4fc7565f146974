"""The schemas this archive serves: two small documents, and one type per modality in the one called ``xnat``.

Clients such as xnatpy build their classes from them.
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
    types = "".join(
        _element(xsi_type)
        + (_derived(xsi_type, base) if f'name="{xsi_type.removeprefix("xnat:")}"' not in text else "")
        for base, xsi_types in BASES.items()
        for xsi_type in sorted(xsi_types)
    )
    return text.replace("</xs:schema>", f"{types}</xs:schema>")


def _element(xsi_type: str) -> str:
    return f'  <xs:element name="{root_element(xsi_type).removeprefix("xnat:")}" type="{xsi_type}"/>\n'


def _derived(xsi_type: str, base: str) -> str:
    """Give the type of a modality that adds nothing of its own; a scan's further parameters go by name."""
    extension = f'<xs:extension base="{base}"/>'
    if base == "xnat:imageScanData":
        extension = f"""<xs:extension base="{base}">
      <xs:sequence>
        <xs:element name="parameters" minOccurs="0">
          <xs:complexType>
            <xs:sequence>
              <xs:element name="addParam" type="xnat:addField" minOccurs="0" maxOccurs="unbounded"/>
            </xs:sequence>
          </xs:complexType>
        </xs:element>
      </xs:sequence>
    </xs:extension>"""
    return (
        f'  <xs:complexType name="{xsi_type.removeprefix("xnat:")}">\n'
        f"    <xs:complexContent>{extension}</xs:complexContent>\n"
        "  </xs:complexType>\n"
    )
