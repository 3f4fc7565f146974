"""Which rows and columns of a listing are wanted.

See docs/xnat/projects-and-sessions.md, "How filters compare" and "Lists of sessions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from xnat_upload.sandbox.routes.request import Query

Row = Mapping[str, str]


def criterion(wanted: str) -> Callable[[str], bool]:
    """Turn a parameter's value into a test.

    Exact and case-sensitive; a comma separates alternatives; ``*`` or ``%`` makes a
    case-insensitive search for a part, in which ``_`` and ``%`` keep their meaning of SQL.
    """
    tests = [_single(part) for part in wanted.split(",")]
    return lambda value: any(test(value) for test in tests)


def _single(wanted: str) -> Callable[[str], bool]:
    if "*" not in wanted and "%" not in wanted:
        return lambda value: value == wanted
    parts = (
        ".*" if character in "*%" else "." if character == "_" else re.escape(character) for character in wanted.lower()
    )
    pattern = re.compile("".join(parts), re.DOTALL)
    return lambda value: pattern.search(value.lower()) is not None


def filtered(rows: Iterable[Row], query: Query, names: Mapping[str, str]) -> list[Row]:
    """Keep the rows that meet every parameter called as one of `names`, which maps it onto a column."""
    tests = [(names[key], criterion(value)) for key, value in query.pairs if key in names]
    return [row for row in rows if all(test(row.get(column, "")) for column, test in tests)]


def chosen_columns(query: Query, known: Iterable[str], default: Sequence[str]) -> list[str]:
    """Give the columns asked for; unknown names are dropped without a word."""
    if not query.get("columns"):
        return list(default)
    known = set(known)
    return [name for name in query.get("columns").split(",") if name in known]


def page(rows: Sequence[Row], query: Query) -> tuple[Sequence[Row], bool]:
    """Apply ``limit`` and ``offset``; a paged listing has no ``totalRecords``."""
    if "limit" not in query and "offset" not in query:
        return rows, False
    offset = int(query.get("offset") or 0)
    limit = query.get("limit")
    return rows[offset : offset + int(limit) if limit and limit != "*" else None], True
