"""Lists of items: any path as a column or a filter, short names for the usual ones.

XNAT builds SQL from the parameters (QueryOrganizerResource); the rules here are its rules.  A path
is a data type and a field of it.  The type a list is about, its root, is the deepest that any
parameter names, so ``columns=xnat:mrSessionData/age`` lists MR sessions only.  See
docs/xnat/projects-and-sessions.md, "Lists of sessions" and "How filters compare".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from xnat_upload.sandbox.routes.criteria import criterion
from xnat_upload.sandbox.routes.datatypes import data_type, is_a, is_known
from xnat_upload.sandbox.routes.fieldpaths import kind_of, proper
from xnat_upload.sandbox.routes.request import Query, Request

# What the database keeps about every row, and the schema does not name.
INSERTED, INSERTED_BY = "meta/insert_date", "meta/insert_user/login"
MODIFIED, ELEMENT = "meta/last_modified", "extension_item/element_name"
# The items in an item that its lists join to it, by the beginning of the path that leads to them.
JOINED = {"scans/scan/": "xnat:imageScanData", "assessors/assessor/": "xnat:imageAssessorData"}
KEPT_FIELDS = frozenset({INSERTED, INSERTED_BY, MODIFIED, ELEMENT})


class UnknownTypeError(ValueError):
    """The type that was asked for is none, or none of this list."""


@dataclass(frozen=True)
class Source:
    """An item as a list reads it: all its fields, by path."""

    xsi_type: str
    fields: Mapping[str, str]


Row = Sequence[Source]
"""An item, and after it those that its paths can lead to: its subject, one of its scans."""


@dataclass(frozen=True)
class FieldPath:
    """A field of a data type; `text` is how lists name a column that has no short name.

    `root` is the type that the path begins with; of ``xnat:mrSessionData/scans/scan/ID`` it is the session's, where
    the field is one of its scans.
    """

    text: str
    xsi_type: str
    field: str
    root: str

    def value(self, row: Row) -> str:
        """Read it from the first item of a row that is of its type."""
        source = next((one for one in row if _is_a(one.xsi_type, self.xsi_type)), None)
        return source.fields.get(self.field, "") if source else ""


@lru_cache(maxsize=1024)
def field_path(text: str) -> FieldPath | None:
    """Read a path; ``None`` where it begins with no data type, which XNAT logs and passes over."""
    xsi_type, _, path = text.partition("/")
    if not is_known(xsi_type):
        return None
    root = data_type(xsi_type).name
    inner, rest = next(
        ((JOINED[start], path[len(start) :]) for start in JOINED if path.lower().startswith(start)), (root, path)
    )
    return FieldPath(text.lower(), inner, proper(inner, rest), root)


@dataclass(frozen=True, kw_only=True)
class ListKind:
    """One kind of list.

    Parameters
    ----------
    root : str
        The data type it is about unless parameters say something deeper.
    shortcuts : Mapping of str to str
        Short names of paths (``XMLPathShortcuts.java``).
    default : sequence of str
        The columns where none are named.
    key : str
        The field that tells items apart in the database, a column of every list.
    widest : str
        The type whose subtypes may be asked for; `root` if empty.
    """

    root: str
    shortcuts: Mapping[str, str]
    default: Sequence[str]
    key: str = "ID"
    widest: str = ""

    def path(self, name: str) -> FieldPath | None:
        """Give the path that a parameter or a column means."""
        return field_path(name if "/" in name else self.shortcuts.get(name, ""))

    def header(self, path: FieldPath) -> str:
        """Give what a column is called: its short name if it has one."""
        short = ((name, self.path(name)) for name in self.shortcuts)
        same = (name for name, one in short if one and (one.xsi_type, one.field) == (path.xsi_type, path.field))
        return next(same, path.text)

    def actual_root(self, query: Query) -> str:
        """Find the root of one request."""
        wanted = query.get("xsiType")
        if wanted and "," not in wanted:
            if not is_known(wanted) or not is_a(wanted, self.widest or self.root):
                raise UnknownTypeError(f"Element not found: '{wanted}'")
            return data_type(wanted).name
        root = self.root
        named = [key for key, _ in query.pairs if key not in ("columns", "xsiType")] + _columns(query)
        for path in filter(None, map(self.path, named)):
            if path.root != root and _is_a(path.root, root):
                root = path.root
        return root


def _columns(query: Query) -> list[str]:
    columns = query.get("columns")
    return [] if columns in ("", "DEFAULT") else columns.split(",")


@dataclass(frozen=True)
class Listing:
    """Which rows and columns one request wants."""

    kind: ListKind
    root: str
    columns: Sequence[FieldPath]
    tests: Sequence[tuple[FieldPath, Callable[[str], bool]]]

    @property
    def headers(self) -> list[str]:
        """The names of the columns."""
        return [self.kind.header(path) for path in self.columns]

    def uses(self, xsi_type: str) -> bool:
        """Tell whether any path leads to items of a type."""
        paths = [*self.columns, *(path for path, _ in self.tests)]
        return any(_is_a(path.xsi_type, xsi_type) for path in paths)

    def uses_field(self, field: str) -> bool:
        """Tell whether any path leads to a field."""
        return any(path.field == field for path in (*self.columns, *(path for path, _ in self.tests)))

    def is_of_root(self, row: Row) -> bool:
        """Tell whether a row is of the root's type."""
        return _is_a(row[0].xsi_type, self.root)

    def accepts(self, row: Row) -> bool:
        """Tell whether a row is of the root's type and meets every filter."""
        return self.is_of_root(row) and all(test(path.value(row)) for path, test in self.tests)

    def cells(self, row: Row) -> list[str]:
        """Give the values of a row."""
        return [path.value(row) for path in self.columns]


def listing(
    request: Request, kind: ListKind, *, default: Sequence[str] | None = None, also: Iterable[str] = ()
) -> Listing:
    """Read a request's parameters; `also` are columns that are always there, after the others."""
    query = request.query
    passed_over = {"xsiType"} if request.face.filters_by_label else {"xsiType", "label"}
    root = kind.actual_root(query)
    named = _columns(query) or (kind.default if default is None else default)
    # The key of the root comes first, whether it is asked for or not.
    found = filter(None, map(kind.path, (f"{root}/{kind.key}", *named, *also)))
    paths = {(path.xsi_type, path.field): path for path in found}
    tests = [
        (path, criterion(kind_of_values(path), value))
        for key, value in query.pairs
        if key not in passed_over and (path := kind.path(key))
    ]
    return Listing(kind, root, list(paths.values()), tests)


def kind_of_values(path: FieldPath) -> str:
    """Give what a field holds, such as ``date`` or ``float``."""
    return "dateTime" if path.field in (INSERTED, MODIFIED) else kind_of(path.xsi_type, path.field)


@cache
def _is_a(xsi_type: str, ancestor: str) -> bool:
    return is_a(xsi_type, ancestor)
