"""``POST /data/search``: rows that meet the criteria of a search document (XNAT: SearchResource, XdatStoredSearch)."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.datatypes import data_type, is_a, is_known
from xnat_upload.sandbox.routes.fieldpaths import normalised
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.search_fields import PROJECT, SUBJECT, SearchField, UnknownFieldError, search_field
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import can_read_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.records import Project, Session, Subject

Row = Mapping[str, Mapping[str, str]]
Test = Callable[[Row], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
MAX_SEARCH_BYTES = 4 << 20


@dataclass(frozen=True)
class Search:
    """A search document: the type of its rows, its columns, and the test for its rows."""

    root: str
    columns: tuple[SearchField, ...]
    test: Test


def post_search(request: Request) -> Answer:
    """``POST /data/search``: 422 for what is no search document."""
    return search_answer(parsed_search(read_document(request)), request)


def read_document(request: Request) -> bytes:
    """Read a search document from the body."""
    if request.body.size > MAX_SEARCH_BYTES:
        raise Refusal(422, f"The document has {request.body.size} bytes; {MAX_SEARCH_BYTES} are allowed.")
    return b"".join(request.body.blocks())


def parsed_search(document: bytes) -> Search:
    """Understand a search document; a field that its type has not is a 500, as any exception of XNAT's search is."""
    bundle = search_bundle(document)
    root = root_of(bundle)
    try:
        return Search(
            root=data_type(root).name,
            columns=tuple(
                search_field(
                    one.findtext("{*}element_name") or root,
                    one.findtext("{*}field_ID") or "",
                    one.findtext("{*}header") or "",
                )
                for one in bundle.findall("{*}search_field")
            ),
            test=_all([_criteria(one) for one in bundle.findall("{*}search_where")]),
        )
    except UnknownFieldError as error:
        raise Refusal(500, str(error)) from error


def search_bundle(document: bytes) -> etree._Element:
    """Parse a search document, and refuse whatever else it is."""
    try:
        bundle = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Refusal(422, str(error)) from error
    if etree.QName(bundle).localname not in ("bundle", "stored_search", "search") or not is_known(root_of(bundle)):
        raise Refusal(422)
    return bundle


def root_of(bundle: etree._Element) -> str:
    """Give the type of a search's rows, which stands in an element or an attribute."""
    return bundle.findtext("{*}root_element_name") or bundle.get("root_element_name") or ""


def search_answer(search: Search, request: Request) -> Answer:
    """Give the rows that the user may see and that meet the criteria."""
    keys = [one.key(search.root) for one in search.columns]
    properties = {
        key: {
            "type": one.kind,
            "xPATH": f"{one.element}.{one.field_id}",
            "element_name": one.element,
            "header": one.header or " ",
            "id": one.field_id,
        }
        for key, one in zip(keys, search.columns, strict=True)
    }
    has_status = search.root != PROJECT
    rows = [
        [*(row.get(one.element, {}).get(one.path, "") for one in search.columns), *(["active"] if has_status else [])]
        for row in _rows(request, search.root)
        if search.test(row)
    ]
    if has_status:
        keys.append("quarantine_status")
        properties["quarantine_status"] = {}
    table = Table(columns=keys, rows=rows, column_properties=properties, root_element_name=search.root)
    return table_answer(table, request)


def _criteria(node: etree._Element) -> Test:
    """Read a set of criteria: all of them must be met, or one where the set says so."""
    tests = [_criteria(one) for one in node.findall("{*}child_set")]
    for one in node.findall("{*}criteria"):
        element, _, field_id = (one.findtext("{*}schema_field") or "").partition("/")
        comparison = (one.findtext("{*}comparison_type") or "=").strip().upper()
        tests.append(_criterion(search_field(element, field_id), comparison, one.findtext("{*}value") or ""))
    return _any(tests) if node.get("method", "AND").upper() == "OR" else _all(tests)


def _all(tests: list[Test]) -> Test:
    return lambda row: all(test(row) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda row: any(test(row) for test in tests)


def _criterion(wanted: SearchField, comparison: str, value: str) -> Test:
    test = _comparison(wanted, comparison, value)
    return lambda row: test(row.get(wanted.element, {}).get(wanted.path, ""))


def _comparison(wanted: SearchField, comparison: str, value: str) -> Callable[[str], bool]:
    match comparison:
        case "LIKE":
            pattern = re.compile(".*".join(re.escape(part) for part in value.lower().split("%")), re.DOTALL)
            return lambda found: found != "" and pattern.fullmatch(found.lower()) is not None
        case "IS NULL":
            return lambda found: found == ""
        case "IS NOT NULL":
            return lambda found: found != ""
        case "IN":
            among = {part.strip(" '()") for part in value.split(",")}
            return lambda found: found in among
    if comparison not in COMPARISONS:
        raise Refusal(500, f"Unknown comparison: {comparison}")
    compare, sought = COMPARISONS[comparison], _comparable(wanted, value)
    # SQL knows no value that is missing to be like or unlike another.
    return lambda found: found != "" and compare(_comparable(wanted, found), sought)


def _comparable(wanted: SearchField, value: str) -> object:
    if wanted.kind == "date":
        return normalised("xnat:experimentData", "date", value)
    if wanted.kind in ("integer", "float", "double", "long", "int"):
        return float(value)
    return value


def _rows(request: Request, root: str) -> Iterable[Row]:
    archive, user = request.archive, request.user
    with archive.lock:
        projects, subjects = list(archive.projects.values()), list(archive.subjects.values())
    if is_a(root, PROJECT):
        counts = _counts(archive.all_sessions())
        return (
            {root: _project(one) | counts.get(one.id, {})} for one in projects if access.can_read_project(user, one)
        )
    if is_a(root, SUBJECT):
        return ({root: _subject(one)} for one in subjects if can_read_item(request, one))
    sessions = (one for one in archive.all_sessions() if is_a(one.xsi_type, root) and can_read_item(request, one))
    return (_session_row(request, root, one) for one in sessions)


def _session_row(request: Request, root: str, session: Session) -> Row:
    subject = request.archive.subjects.get(session.subject_id)
    values = _session(session) | {"subject_label": subject.label if subject else ""}
    return {root: values, session.xsi_type: values, SUBJECT: _subject(subject) if subject else {}}


def _project(project: Project) -> dict[str, str]:
    return {
        **project.fields,
        "ID": project.id,
        "name": project.name,
        "secondary_ID": project.secondary_id,
        "accessibility": project.accessibility,
        "owners": " <br/> ".join(login for login, role in project.members.items() if role == "owner"),
        "insert_date": project.insert_date,
        "insert_user": project.insert_user,
    }


def _counts(sessions: Iterable[Session]) -> dict[str, dict[str, str]]:
    """Count the sessions of each project, by the part of their type that columns such as PROJ_MR_COUNT show."""
    counts: dict[str, Counter[str]] = {}
    for session in sessions:
        stem = session.xsi_type.partition(":")[2].removesuffix("SessionData")
        counts.setdefault(session.project, Counter())[f"{stem}_count"] += 1
    return {project: {name: str(number) for name, number in one.items()} for project, one in counts.items()}


def _subject(subject: Subject) -> dict[str, str]:
    return {
        **subject.fields,
        **_belonging(subject),
        "gender_text": subject.fields.get("demographics/gender", "")[:1].upper(),
    }


def _session(session: Session) -> dict[str, str]:
    return {**session.fields, **_belonging(session), "subject_ID": session.subject_id}


def _belonging(item: Subject | Session) -> dict[str, str]:
    return {
        "ID": item.id,
        "label": item.label,
        "project": item.project,
        "projects": ",".join(f"<{project}>" for project in (item.project, *item.shares)),
        "insert_date": item.insert_date,
        "insert_user": item.insert_user,
    }
