"""How plans, reports and uploaders look in a notebook.

One piece of HTML with inline styles: no script, nothing from elsewhere. Colours are the page's own, and a few that can
be read on white and on black. Names, paths and a server's words come from others, so all text is escaped, and isolated
from the writing direction of what stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import islice
from typing import TypeVar

from xnat_upload.identifiers import Destination
from xnat_upload.outcome import FileOutcome, Status
from xnat_upload.plan import Action, Plan, Step
from xnat_upload.report import Report
from xnat_upload.settings import TransferSettings
from xnat_upload.tables import readable_bytes, shown_first

_GREEN, _AMBER, _RED, _GREY = "#2b8a57", "#a86f00", "#d64545", "#808080"
_COLOURS: dict[str, str] = {
    Status.STORED: _GREEN,
    Status.SKIPPED: _GREY,
    Status.UNPROVEN: _AMBER,
    Status.FAILED: _RED,
    Status.NOT_SENT: _RED,
    Action.SEND: _GREEN,
    Action.REPLACE: _AMBER,
    Action.SKIP: _GREY,
    Action.REFUSE: _RED,
}
_LINE = "1px solid rgba(128,128,128,.35)"
_TABLE_ROWS = 12
# A notebook keeps what it shows in its file; beyond this, a DataFrame is the better view.
_MOST_ROWS = 500

_SESSION = re.compile(r"https?://.+?/data/projects/[^/]+/subjects/[^/]+/experiments/[^/]+(?=/scans/)")

_Row = TypeVar("_Row")


def report_html(report: Report) -> str:
    """Show a report: what became of each file, links, totals."""
    wrong = report.wrong_rows
    place = report.files[0].destination if report.files else None
    one_place = place is not None and all(file.destination == place for file in report.files)
    kind = type(report).__name__
    state = (_RED, f"{len(wrong)} not in the archive") if wrong else (_GREEN, "all in the archive")
    rate = f" · {readable_bytes(report.bytes_per_second)}/s" if report.bytes_sent else ""
    page = next(filter(None, map(_session_page, report.files)), "") if one_place else ""
    header = ("status", "file", *(() if one_place else ("where",)), "size", "reason")
    return _box(
        _heading(kind, *state),
        _line(escape(report.summary) + rate),
        _line(_place(place, page=page)) if place and one_place else "",
        _tables(
            report.files,
            wrong,
            header,
            lambda file: _outcome_cells(file, with_place=not one_place),
            beyond="report.to_dataframe() has them all",
        ),
        _line("The archive also lists what was not sent here: " + _names(report.extra)) if report.extra else "",
    )


def plan_html(plan: Plan) -> str:
    """Show a plan: what would be done with each file, and why."""
    wrong = [row for row, step in enumerate(plan.steps) if step.action is Action.REFUSE]
    session = f"{plan.server}{plan.resource.scan.accession}" if plan.server else ""
    new_scan = (
        _line(f"Scan {_text(plan.resource.scan.scan_id)} does not exist yet; it would be a {_text(plan.scan_type)}.")
        if plan.scan_type
        else ""
    )
    state = (_RED, f"{len(wrong)} refused, so nothing would be sent") if wrong else (_GREEN, "nothing is in the way")
    return _box(
        _heading("Plan", *state),
        _line(escape(plan.summary)),
        _line(_place(plan.resource.destination, page=f"{session}?format=html" if session else "")),
        new_scan,
        _tables(
            plan.steps,
            wrong,
            ("action", "file", "size", "reason"),
            lambda step: _step_cells(step, plan=plan),
            beyond="plan.steps has them all",
        ),
    )


def uploader_html(*, server: str, user: str, images_dir: object, settings: TransferSettings) -> str:
    """Show where an uploader uploads to, and as whom."""
    return _box(
        _heading("Uploader", _GREEN if user else _GREY, f"logged in as {user}" if user else "not logged in yet"),
        _line(_link(server, server)),
        _line(f"Nets lie in {_text(images_dir)}.") if images_dir else "",
        _line(
            f"{settings.workers} resources at a time; at most {settings.batch_files} files or "
            f"{readable_bytes(settings.batch_bytes)} in a request."
        ),
    )


def _outcome_cells(file: FileOutcome, *, with_place: bool) -> Iterable[str]:
    yield _badge(file.status)
    yield _link(file.url if file.ok else "", file.name)
    if with_place:
        yield _place(file.destination, page=_session_page(file))
    yield readable_bytes(file.size_bytes)
    yield _text(file.reason)


def _step_cells(step: Step, *, plan: Plan) -> Iterable[str]:
    name = step.file.name
    stored = bool(plan.server) and name in plan.listed
    yield _badge(step.action)
    yield _link(f"{plan.server}{plan.resource.file_path(name)}" if stored else "", name)
    yield readable_bytes(step.file.size_bytes)
    yield _text(step.reason)


def _tables(
    rows: Sequence[_Row],
    wrong: Sequence[int],
    header: Sequence[str],
    cells: Callable[[_Row], Iterable[str]],
    *,
    beyond: str,
) -> str:
    """Show what went wrong and the first of the others; the rest folds."""
    if not rows:
        return ""
    first = shown_first(wrong, len(rows), longest=_TABLE_ROWS)
    chosen = set(first)
    others = (row for row in range(len(rows)) if row not in chosen)
    rest = list(islice(others, max(0, _MOST_ROWS - len(first))))
    left_out = len(rows) - len(first) - len(rest)
    shown = _table(header, [cells(rows[row]) for row in first])
    if not rest:
        return shown
    more = f"; {left_out} are not shown, {beyond}" if left_out else ""
    return (
        f'{shown}<details style="margin:.3em 0"><summary style="cursor:pointer">{len(rest) + left_out} more files'
        f"{more}</summary>{_table(header, [cells(rows[row]) for row in rest])}</details>"
    )


def _table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    # Notebooks style tables themselves: each cell says what it must not leave to them.
    cell = f"text-align:left;vertical-align:top;padding:.2em 1.2em .2em 0;border:0;border-bottom:{_LINE};"
    number = cell.replace("text-align:left", "text-align:right") + "white-space:nowrap;"
    styles = [
        number if name == "size" else f"{cell}white-space:nowrap;" if name in ("status", "action", "where") else cell
        for name in header
    ]
    head = "".join(
        f'<th scope="col" style="{style}font-weight:600">{name}</th>'
        for name, style in zip(header, styles, strict=True)
    )
    body = "".join(
        '<tr style="background:transparent">'
        + "".join(
            f'<td style="{style}{"overflow-wrap:anywhere;min-width:8em;" if style == cell else ""}">{content}</td>'
            for content, style in zip(row, styles, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:.4em 0;font-size:inherit;'
        f'color:inherit;background:transparent"><thead><tr style="background:transparent">{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _box(*parts: str) -> str:
    return (
        f'<div style="color:inherit;background:transparent;border-left:3px solid rgba(128,128,128,.35);'
        f'padding:.1em 0 .1em .8em;line-height:1.45">{"".join(parts)}</div>'
    )


def _heading(what: str, colour: str, state: str) -> str:
    return _line(
        f'<strong>{escape(what)}</strong> · <span style="color:{colour};font-weight:600">{_text(state)}</span>'
    )


def _line(content: str) -> str:
    return f'<div style="margin:.15em 0">{content}</div>'


def _badge(status: Status | Action) -> str:
    mark = {_RED: "✗", _GREEN: "✓", _AMBER: "!", _GREY: "–"}[_COLOURS[status]]
    return f'<span style="color:{_COLOURS[status]};font-weight:600">{mark} {escape(status.value)}</span>'


def _place(destination: Destination, *, page: str) -> str:
    session = _link(page, destination.accession_id)
    return f"{session} / scan {_text(destination.scan_id)} / {_text(destination.resource_id)}"


def _session_page(file: FileOutcome) -> str:
    """The session's page on the server: every version serves it as the HTML form of the session itself."""
    session = _SESSION.match(file.url)
    return f"{session.group()}?format=html" if session else ""


def _link(url: str, label: object) -> str:
    if not url.startswith(("https://", "http://")):
        return _text(label)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{_text(label)}</a>'


def _names(names: Sequence[str]) -> str:
    return ", ".join(_text(name) for name in names[:_TABLE_ROWS]) + (" …" if len(names) > _TABLE_ROWS else "")


def _text(value: object) -> str:
    return f"<bdi>{escape(str(value))}</bdi>"
