"""Holding a sandbox against a recorded server: it is asked the same, and what it answers otherwise is told.

What must differ is not compared: dates, identifiers that a server draws itself, the order of
columns, the words of a page.  Identifiers are followed: where the server has answered
``XNAT_E00417`` and the sandbox ``XNAT_E00001``, later requests ask the sandbox for the latter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
from lxml import etree

from xnat_upload.sandbox.cassettes.cassette import Cassette, Take
from xnat_upload.sandbox.cassettes.serving import HOP_BY_HOP
from xnat_upload.sandbox.sandbox import Sandbox

TIMEOUT_SECONDS = 60.0
NOT_SENT = HOP_BY_HOP | {"authorization", "cookie", "accept-encoding", "origin", "referer"}
Row = dict[str, Any]
IDENTIFIERS = ("ID", "subject_ID", "xnat_abstractresource_id", "session_ID")
TELLING = ("label", "Name", "name")  # columns by which a row is known on both sides
VALUES = ("Size", "digest", "file_count", "file_size", "xsiType")  # columns that must have the same in such rows
IN_PROJECT = re.compile(r"/projects/[^/]+/")
IN_FILES = re.compile(r"/files/.*[^/]$")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that a sandbox answers otherwise, or why a request could not be held against it."""

    number: int  # of the request in the cassette, from 1
    method: str
    target: str
    what: str
    recorded: str
    sandbox: str

    def __str__(self) -> str:
        return f"{self.number}. {self.method} {self.target}: {self.what}: recorded {self.recorded}, here {self.sandbox}"


def differences(cassette: Cassette, sandbox: Sandbox) -> list[Difference]:
    """Ask a running sandbox what the server was asked, in the same order, and compare.

    Requests with a login are sent as the administrator, those without one without, and those
    whose login was refused with a wrong one.  What the requests need must be made by
    earlier ones, or be in the sandbox already.

    Parameters
    ----------
    cassette : Cassette
        What was recorded.
    sandbox : Sandbox
        With the context path of the cassette.
    """
    if urlsplit(sandbox.url).path != cassette.context_path:
        raise ValueError(
            f"The cassette is of a server under {cassette.context_path!r}: give the sandbox context_path=."
        )
    known: dict[str, str] = {}
    found: list[Difference] = []
    with requests.Session() as session:
        session.trust_env = False
        for number, take in enumerate(cassette.takes, 1):
            if take.body.content is None:
                size = f"{_size(take.body.size)} that were not kept"
                found.append(_difference(number, take, "not asked", size, "nothing"))
                continue
            session.cookies.clear()
            answer = _ask(session, sandbox, take, known)
            found += [_difference(number, take, *each) for each in _compared(take, answer)]
            known |= _identifiers(take, answer)
    return found


def _difference(number: int, take: Take, what: str, recorded: str, sandbox: str) -> Difference:
    return Difference(
        number=number, method=take.method, target=take.target, what=what, recorded=recorded, sandbox=sandbox
    )


def _ask(session: requests.Session, sandbox: Sandbox, take: Take, known: Mapping[str, str]) -> requests.Response:
    parts = urlsplit(take.target)
    segments = parts.path.split("/")
    path = "/".join(
        _translated(segment, known, is_resource=before == "resources")
        for before, segment in zip(["", *segments], segments, strict=False)
    )
    query = "&".join(_translated_pair(pair, known) for pair in parts.query.split("&"))
    origin = sandbox.url.removesuffix(urlsplit(sandbox.url).path)
    content = take.body.content or None
    has_login = bool(take.header("authorization") or take.header("cookie"))
    # Refused is an account that is none: one that exists would be locked after some attempts.
    login = (sandbox.user if take.status != 401 else f"not {sandbox.user}", sandbox.password)
    return session.request(
        take.method,
        f"{origin}{path}?{query}" if query else f"{origin}{path}",
        headers={name: value for name, value in take.headers if name not in NOT_SENT},
        data=iter([content]) if take.header("transfer-encoding") and content else content,
        auth=login if has_login else None,
        allow_redirects=False,
        timeout=TIMEOUT_SECONDS,
    )


def _translated(segment: str, known: Mapping[str, str], *, is_resource: bool = False) -> str:
    name = unquote(segment)
    if name.isdigit() and not is_resource:  # the number of a scan is no number of a resource
        return segment
    return quote(known[name], safe="") if name in known else segment


def _translated_pair(pair: str, known: Mapping[str, str]) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}{equals}{_translated(value, known)}"


def _compared(take: Take, answer: requests.Response) -> Iterator[tuple[str, str, str]]:
    if take.status != answer.status_code:
        yield "status", str(take.status), str(answer.status_code)
        return
    recorded_kind, kind = _kind(take.answer_header("content-type")), _kind(answer.headers.get("Content-Type", ""))
    if recorded_kind != kind:
        yield "content type", recorded_kind or "none", kind or "none"
        return
    if take.method == "HEAD":
        return
    content = take.answer.content
    if take.status in (200, 206) and "html" not in kind and IN_FILES.search(urlsplit(take.target).path):
        if take.answer.md5 != hashlib.md5(answer.content).hexdigest():
            yield "bytes of the file", _size(take.answer.size), _size(len(answer.content))
    elif content is None:
        if take.answer.size != len(answer.content):
            yield "size", _size(take.answer.size), _size(len(answer.content))
    elif bool(content) != bool(answer.content):
        yield "body", _size(len(content)), _size(len(answer.content))
    elif "json" in kind:
        yield from _compared_json(content, answer.content, counts_rows=bool(IN_PROJECT.search(take.target)))
    elif "xml" in kind:
        yield from _compared_names("names in the XML", _names_in(content), _names_in(answer.content))
    elif "csv" in kind:
        yield from _compared_names("columns", set(_first_line(content)), set(_first_line(answer.content)))


def _size(count: int) -> str:
    return f"{count} bytes"


def _first_line(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").partition("\n")[0].strip().split(",")


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _compared_json(recorded: bytes, content: bytes, *, counts_rows: bool) -> Iterator[tuple[str, str, str]]:
    theirs, ours = _json(recorded), _json(content)
    if bool(_rows(theirs)) == bool(_rows(ours)):  # an empty list names no columns
        yield from _compared_names("names in the JSON", set(_keys(theirs)), set(_keys(ours)))
    if counts_rows and len(_rows(theirs)) != len(_rows(ours)):
        yield "rows", str(len(_rows(theirs))), str(len(_rows(ours)))
    for their_row, our_row in _same_rows(_rows(theirs), _rows(ours)):
        for name in VALUES:
            if name in their_row and name in our_row and str(their_row[name]) != str(our_row[name]):
                yield f"{name} of {_told(their_row)}", str(their_row[name]) or "empty", str(our_row[name]) or "empty"


def _told(row: Row) -> str:
    return next(str(row[name]) for name in TELLING if row.get(name))


def _compared_names(what: str, theirs: set[str], ours: set[str]) -> Iterator[tuple[str, str, str]]:
    if theirs != ours:
        yield what, _listed(theirs - ours), _listed(ours - theirs)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) if names else "nothing more"


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _keys(value: Any, path: str = "") -> Iterator[str]:
    """Name every key by its path; the elements of a list are taken together."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}{name}"
            yield from _keys(inner, f"{path}{name}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, path)


def _rows(value: Any) -> list[Row]:
    found = value.get("ResultSet", {}).get("Result", []) if isinstance(value, dict) else value
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _names_in(content: bytes) -> set[str]:
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return {"(no XML)"}
    return {
        name
        for element in root.iter(etree.Element)
        for name in (etree.QName(element).localname, *(f"@{etree.QName(one).localname}" for one in element.attrib))
    }


def _identifiers(take: Take, answer: requests.Response) -> dict[str, str]:
    """Learn what the sandbox calls what the server has called otherwise."""
    found: dict[str, str] = {}
    theirs, ours = (take.answer.text or "").strip(), answer.text.strip()
    if _is_identifier(theirs) and _is_identifier(ours):
        # A whole address may come back; its last segment is what is new.
        found[theirs.rpartition("/")[2]] = ours.rpartition("/")[2]
    for their_row, our_row in _same_rows(_rows(_json(theirs.encode())), _rows(_json(ours.encode()))):
        for name in IDENTIFIERS:
            if their_row.get(name) and our_row.get(name):
                found[str(their_row[name])] = str(our_row[name])
    return {their_id: our_id for their_id, our_id in found.items() if their_id != our_id}


def _is_identifier(text: str) -> bool:
    return bool(re.fullmatch(r"[\w./-]{1,200}", text)) and not re.fullmatch(r"REMOVED-\d+", text)


def _same_rows(
    theirs: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for name in TELLING:
        by_name = {row[name]: row for row in ours if row.get(name)}
        pairs = [(row, by_name[row[name]]) for row in theirs if row.get(name) in by_name]
        if pairs:
            yield from pairs
            return
