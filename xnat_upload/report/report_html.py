"""How a report looks in a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.report.outcome import FileOutcome, Status

_TONES: Mapping[Status, html.Tone] = {
    Status.STORED: "good",
    Status.SKIPPED: "neutral",
    Status.UNPROVEN: "doubtful",
    Status.FAILED: "bad",
    Status.NOT_SENT: "bad",
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
    advice: Sequence[str] = (),
) -> str:
    """Show a report: what became of each file, links, totals."""
    places = {file.destination for file in files}
    one_place = len(places) == 1

    def row_of(file: FileOutcome) -> html.Row:
        return html.Row(
            word=file.status.value,
            tone=_TONES[file.status],
            name=file.name,
            url=file.url if file.ok else "",
            size=readable_bytes(file.size_bytes),
            reason=file.reason,
            where=None if one_place else file.destination,
            page="" if one_place else _session_page(file),
        )

    return html.render(
        "report.html",
        kind=kind,
        tone="bad" if wrong else "good",
        state=f"{len(wrong)} not in the archive" if wrong else "all in the archive",
        summary=summary,
        rate=readable_bytes(bytes_per_second) if bytes_per_second else "",
        where=files[0].destination if one_place else None,
        page=next(filter(None, map(_session_page, files)), "") if one_place else "",
        table=html.file_table(
            files, wrong, row_of, with_place=not one_place, beyond="report.to_dataframe() has them all"
        ),
        extra=extra,
        advice=advice,
    )


def _session_page(file: FileOutcome) -> str:
    """The session's page on the server: every version serves it as the HTML form of the session itself."""
    session = _SESSION.match(file.url)
    return f"{session.group()}?format=html" if session else ""
