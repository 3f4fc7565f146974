"""How a report looks in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.places.place_html import place_html
from xnat_upload.report.outcome import FileOutcome, Status

_TONES = {
    Status.STORED: html.GOOD,
    Status.SKIPPED: html.NEUTRAL,
    Status.UNPROVEN: html.DOUBTFUL,
    Status.FAILED: html.BAD,
    Status.NOT_SENT: html.BAD,
}
_SESSION = re.compile(r"https?://.+?/data/projects/[^/]+/subjects/[^/]+/experiments/[^/]+(?=/scans/)")


def report_html(
    files: Sequence[FileOutcome],
    wrong: Sequence[int],
    *,
    kind: str,
    summary: str,
    bytes_per_second: float,
    extra: Sequence[str],
) -> str:
    """Show a report: what became of each file, links, totals."""
    place = files[0].destination if files else None
    one_place = place is not None and all(file.destination == place for file in files)
    state = (html.BAD, f"{len(wrong)} not in the archive") if wrong else (html.GOOD, "all in the archive")
    rate = f" · {readable_bytes(bytes_per_second)}/s" if bytes_per_second else ""
    page = next(filter(None, map(_session_page, files)), "") if one_place else ""
    header = ("status", "file", *(() if one_place else ("where",)), "size", "reason")
    return html.box(
        html.heading(kind, *state),
        html.line(escape(summary) + rate),
        html.line(place_html(place, page=page)) if place and one_place else "",
        html.tables(
            files,
            wrong,
            header,
            lambda file: _outcome_cells(file, with_place=not one_place),
            beyond="report.to_dataframe() has them all",
        ),
        html.line("The archive also lists what was not sent here: " + html.names(extra)) if extra else "",
    )


def _outcome_cells(file: FileOutcome, *, with_place: bool) -> Iterable[str]:
    yield html.badge(file.status.value, _TONES[file.status])
    yield html.link(file.url if file.ok else "", file.name)
    if with_place:
        yield place_html(file.destination, page=_session_page(file))
    yield readable_bytes(file.size_bytes)
    yield html.text(file.reason)


def _session_page(file: FileOutcome) -> str:
    """The session's page on the server: every version serves it as the HTML form of the session itself."""
    session = _SESSION.match(file.url)
    return f"{session.group()}?format=html" if session else ""
