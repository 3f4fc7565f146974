"""What a notebook shows, from the templates beside this module: escaped, without a script, nothing from elsewhere.

All colours stand in ``templates/style.css``. They are the page's own, but for the badges, which bring their own ground
so that they can be read on any page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from xnat_upload.display.tables import shown_first

if TYPE_CHECKING:
    import jinja2

Tone: TypeAlias = Literal["good", "doubtful", "bad", "neutral"]

_TABLE_ROWS = 12
# A notebook keeps what it shows in its file; beyond this, a DataFrame is the better view.
_MOST_CHARACTERS = 80_000
_CHARACTERS_OF_A_ROW = 150  # around what it says

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Row:
    """One file in a table; `where` is an object with the names of a place, or None where all files have one place."""

    word: str
    tone: Tone
    name: str
    url: str
    size: str
    reason: str
    where: Any = None
    page: str = ""


@dataclass(frozen=True)
class FileTable:
    """Rows with one status, place and reason together: what went wrong and the first of the others, and what folds."""

    first: list[list[Row]]
    rest: list[list[Row]]
    folded: int
    left_out: int
    with_place: bool
    beyond: str


def file_table(
    items: Sequence[_Item], wrong: Sequence[int], row_of: Callable[[_Item], Row], *, with_place: bool, beyond: str
) -> FileTable:
    """Choose what is shown of many files; `beyond` says where the others are."""
    first = shown_first(wrong, len(items), longest=_TABLE_ROWS)
    chosen = set(first)
    rows = (row_of(items[position]) for position in (*first, *(n for n in range(len(items)) if n not in chosen)))
    shown = _bounded(rows)
    return FileTable(
        first=_grouped(shown[: len(first)]),
        rest=_grouped(shown[len(first) :]),
        folded=len(items) - min(len(first), len(shown)),
        left_out=len(items) - len(shown),
        with_place=with_place,
        beyond=beyond,
    )


def render(template: str, **values: Any) -> str:
    """Fill in a template."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # no program without a notebook needs it

    return jinja2.Environment(
        loader=jinja2.PackageLoader("xnat_upload.display"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _bounded(rows: Iterable[Row]) -> list[Row]:
    """Take rows as long as they fit into a notebook; words that are said once for many count once."""
    shown: list[Row] = []
    said: set[tuple[str, ...]] = set()
    characters = 0
    for row in rows:
        characters += _CHARACTERS_OF_A_ROW + len(escape(row.url + row.name))
        if (why := (row.word, row.reason, row.page, str(row.where))) not in said:
            said.add(why)
            characters += 2 * _CHARACTERS_OF_A_ROW + len(escape(row.reason + row.page + str(row.where)))
        if characters > _MOST_CHARACTERS:
            break
        shown.append(row)
    return shown


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.word, row.reason, row.where), []).append(row)
    return list(groups.values())
