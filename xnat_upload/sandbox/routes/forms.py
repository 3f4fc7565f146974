"""Forms that carry a document: the one part of a form whose file name ends with ``.xml``."""

from __future__ import annotations

from xnat_upload.sandbox.routes.bodies import discard, parts
from xnat_upload.sandbox.routes.request import Request


def xml_part(request: Request) -> bytes | None:
    """Give the last part of a form that is an XML file; XNAT passes over all others."""
    files = parts(request)
    try:
        documents = [b"".join(file.blocks) for file in files if file.name.endswith(".xml")]
    finally:
        discard(files)
    return documents[-1] if documents else None
