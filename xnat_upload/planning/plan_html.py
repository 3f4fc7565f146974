"""How a plan looks in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from xnat_upload.archive.listing import Listing
from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.places.hierarchy import Resource
from xnat_upload.places.place_html import place_html
from xnat_upload.planning.step import Action, Step

_TONES = {
    Action.SEND: html.GOOD,
    Action.REPLACE: html.DOUBTFUL,
    Action.SKIP: html.NEUTRAL,
    Action.REFUSE: html.BAD,
}


def plan_html(
    resource: Resource, steps: Sequence[Step], *, scan_type: str | None, listed: Listing, server: str, summary: str
) -> str:
    """Show what would be done with each file of a plan, and why."""
    wrong = [row for row, step in enumerate(steps) if step.action is Action.REFUSE]
    session, scan = f"{server}{resource.accession}" if server else "", resource.scan
    new_scan = (
        html.line(f"Scan {html.text(scan.scan_id)} does not exist yet; it would be a {html.text(scan_type)}.")
        if scan_type and scan
        else ""
    )
    refused = f"{len(wrong)} refused, so nothing would be sent"
    state = (html.BAD, refused) if wrong else (html.GOOD, "nothing is in the way")
    return html.box(
        html.heading("Plan", *state),
        html.line(escape(summary)),
        html.line(place_html(resource.destination, page=f"{session}?format=html" if session else "")),
        new_scan,
        html.tables(
            steps,
            wrong,
            ("action", "file", "size", "reason"),
            lambda step: _step_cells(step, resource, listed=listed, server=server),
            beyond="plan.steps has them all",
        ),
    )


def _step_cells(step: Step, resource: Resource, *, listed: Listing, server: str) -> Iterable[str]:
    name = step.file.name
    stored = bool(server) and name in listed
    yield html.badge(step.action.value, _TONES[step.action])
    yield html.link(f"{server}{resource.file_path(name)}" if stored else "", name)
    yield readable_bytes(step.file.size_bytes)
    yield html.text(step.reason)
