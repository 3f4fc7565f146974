"""Pieces of HTML for notebooks: boxes, tables that fold, links and badges.

One piece of HTML with inline styles: no script, nothing from elsewhere. Colours are the page's own, and a few that can
be read on white and on black. Names, paths and a server's words come from others, so all text is escaped, and isolated
from the writing direction of what stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import islice
from typing import TypeVar

from xnat_upload.display.tables import shown_first

# The tones of badges and headings.
GOOD, DOUBTFUL, BAD, NEUTRAL = "#2b8a57", "#a86f00", "#d64545", "#808080"
_LINE = "1px solid rgba(128,128,128,.35)"
_TABLE_ROWS = 12
# A notebook keeps what it shows in its file; beyond this, a DataFrame is the better view.
_MOST_ROWS = 500

_Row = TypeVar("_Row")


def tables(
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
    shown = table(header, [cells(rows[row]) for row in first])
    if not rest:
        return shown
    more = f"; {left_out} are not shown, {beyond}" if left_out else ""
    return (
        f'{shown}<details style="margin:.3em 0"><summary style="cursor:pointer">{len(rest) + left_out} more files'
        f"{more}</summary>{table(header, [cells(rows[row]) for row in rest])}</details>"
    )


def table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Show rows of cells, which are HTML, under a heading."""
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


def box(*parts: str) -> str:
    """Put parts under one another, with a line at their left."""
    return (
        f'<div style="color:inherit;background:transparent;border-left:3px solid rgba(128,128,128,.35);'
        f'padding:.1em 0 .1em .8em;line-height:1.45">{"".join(parts)}</div>'
    )


def heading(what: str, tone: str, state: str) -> str:
    """Say what is shown, and in which state it is."""
    return line(f'<strong>{escape(what)}</strong> · <span style="color:{tone};font-weight:600">{text(state)}</span>')


def line(content: str) -> str:
    """Put content on a line of its own."""
    return f'<div style="margin:.15em 0">{content}</div>'


def badge(word: str, tone: str) -> str:
    """Show a word in a tone, with a mark for those who see no colours."""
    mark = {BAD: "✗", GOOD: "✓", DOUBTFUL: "!", NEUTRAL: "–"}[tone]
    return f'<span style="color:{tone};font-weight:600">{mark} {escape(word)}</span>'


def link(url: str, label: object) -> str:
    """Link a text to an address, if it is one of the web."""
    if not url.startswith(("https://", "http://")):
        return text(label)
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{text(label)}</a>'


def names(names: Sequence[str]) -> str:
    """Name a few, and show that there are more."""
    return ", ".join(text(name) for name in names[:_TABLE_ROWS]) + (" …" if len(names) > _TABLE_ROWS else "")


def text(value: object) -> str:
    """Show any text as it is, whatever characters it holds."""
    return f"<bdi>{escape(str(value))}</bdi>"
