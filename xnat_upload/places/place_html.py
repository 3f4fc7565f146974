"""How a place looks in a notebook."""

from __future__ import annotations

from xnat_upload.display import html
from xnat_upload.places.destination import Destination


def place_html(destination: Destination, *, page: str) -> str:
    """Show a place, with a link to the session's page if there is one."""
    session = html.link(page, destination.accession_id)
    scan = "" if destination.scan_id is None else f"scan {html.text(destination.scan_id)} / "
    return f"{session} / {scan}{html.text(destination.resource_id)}"
