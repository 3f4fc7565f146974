"""How a plan looks in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xnat_upload.archive.listing import Listing
from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.places.hierarchy import Resource
from xnat_upload.planning.step import Action, Step

_TONES: Mapping[Action, html.Tone] = {
    Action.SEND: "good",
    Action.REPLACE: "doubtful",
    Action.SKIP: "neutral",
    Action.REFUSE: "bad",
}


def plan_html(
    resource: Resource, steps: Sequence[Step], *, scan_type: str | None, listed: Listing, server: str, summary: str
) -> str:
    """Show what would be done with each file of a plan, and why."""
    wrong = [row for row, step in enumerate(steps) if step.action is Action.REFUSE]

    def row_of(step: Step) -> html.Row:
        name = step.file.name
        return html.Row(
            word=step.action.value,
            tone=_TONES[step.action],
            name=name,
            url=f"{server}{resource.file_path(name)}" if server and name in listed else "",
            size=readable_bytes(step.file.size_bytes),
            reason=step.reason,
        )

    return html.render(
        "plan.html",
        tone="bad" if wrong else "good",
        state=f"{len(wrong)} refused, so nothing would be sent" if wrong else "nothing is in the way",
        summary=summary,
        where=resource.destination,
        page=f"{server}{resource.accession}?format=html" if server else "",
        scan_type=scan_type if resource.scan else None,
        table=html.file_table(steps, wrong, row_of, with_place=False, beyond="plan.steps has them all"),
    )
