"""What the value of a filter means, and which part of a list a page is.

See docs/xnat/projects-and-sessions.md, "How filters compare".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from xnat_upload.sandbox.routes.fieldpaths import READERS
from xnat_upload.sandbox.routes.request import Query

T = TypeVar("T")
Test = Callable[[str], bool]
NUMBERS = frozenset({"integer", "long", "int", "float", "double"})
MOMENTS = frozenset({"date", "dateTime"})


def criterion(kind: str, wanted: str) -> Test:
    """Turn a parameter's value into a test of what a field of that kind holds; a comma separates alternatives.

    Text is compared exactly, ``*`` or ``%`` makes a search for a part without regard to
    case, in which ``_`` and ``%`` keep their meaning of SQL.  A hyphen between two
    numbers or dates makes a range; so a date is written ``01/31/2020`` here, for the
    hyphens of an ISO date are taken for that and break the query.
    """
    one = _moment if kind in MOMENTS else _number if kind in NUMBERS else _text
    tests = [one(part) for part in wanted.split(",")]
    return lambda value: any(test(value) for test in tests)


def _text(wanted: str) -> Test:
    if "*" not in wanted and "%" not in wanted:
        return lambda value: value == wanted
    parts = (
        ".*" if character in "*%" else "." if character == "_" else re.escape(character) for character in wanted.lower()
    )
    pattern = re.compile("".join(parts), re.DOTALL)
    return lambda value: pattern.search(value.lower()) is not None


def _number(wanted: str) -> Test:
    first, hyphen, last = wanted.partition("-")
    if not hyphen:
        return lambda value: value != "" and float(value) == float(wanted)
    low, high = float(first), float(last)
    return lambda value: value != "" and low <= float(value) <= high


def _moment(wanted: str) -> Test:
    first, hyphen, last = wanted.partition("-")
    low = _read(first)
    high = _read(last) if hyphen else low
    return lambda value: value != "" and low <= datetime.fromisoformat(value) <= high


def _read(text: str) -> datetime:
    return datetime.fromisoformat(READERS["date"](text.strip()))


def page(rows: Sequence[T], query: Query) -> tuple[Sequence[T], bool]:
    """Apply ``limit`` and ``offset``; a paged listing has no ``totalRecords``."""
    if "limit" not in query and "offset" not in query:
        return rows, False
    offset = int(query.get("offset") or 0)
    limit = query.get("limit")
    return rows[offset : offset + int(limit) if limit and limit != "*" else None], True
