"""Reconstructions of a session (XNAT 1.8.11: ReconResource, ReconList).

XNAT looks a reconstruction up by its ID in all sessions of the site, and so changes or
deletes another session's where two have one of the same ID.  Here each session has its own.
"""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.fields import RECONSTRUCTION_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.listing import listing
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.scans import check_scan_id, listed_session, session_of
from xnat_upload.sandbox.routes.schema import RECONSTRUCTION_TYPE
from xnat_upload.sandbox.routes.sources import RECONSTRUCTIONS, reconstruction_source
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import can_edit_session
from xnat_upload.sandbox.routes.xmlbody import xml_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.deletion import delete_reconstruction
from xnat_upload.sandbox.store.records import Reconstruction, Session

IDENTITY = frozenset({"ID", "image_session_ID"})


def list_reconstructions(request: Request) -> Answer:
    """``GET …/reconstructions``."""
    session = listed_session(request)
    wanted = listing(request, RECONSTRUCTIONS)
    rows = [(reconstruction_source(one),) for one in request.archive.reconstructions_of(session)]
    base = f"/data/experiments/{session.id}/reconstructions"
    cells = [[*wanted.cells(row), f"{base}/{row[0].fields['ID']}"] for row in rows if wanted.accepts(row)]
    return table_answer(Table(columns=(*wanted.headers, "URI"), rows=cells), request)


def _find(request: Request) -> tuple[Session | None, Reconstruction | None]:
    session = session_of(request)
    found = request.archive.reconstruction(session, request.params["reconstruction"]) if session else None
    return session, found


def read_reconstruction(request: Request) -> Answer:
    """``GET …/reconstructions/{R}``; an unknown tail is ignored."""
    _, found = _find(request)
    if found is None:
        raise Refusal(404, "Unable to find the specified reconstruction.")
    return item_answer(found, request)


def put_reconstruction(request: Request) -> Answer:
    """``PUT …/reconstructions/{R}``: 200 without a body, new or not."""
    given = _description(request)
    session = session_of(request)
    if session is None:
        raise Refusal(417, "Specified reconstruction must reference a valid image session.")
    name = given.get("ID") or request.params["reconstruction"]
    if not can_edit_session(request, session):
        kind = "edit" if request.archive.reconstruction(session, name) else "create"
        raise Refusal(403, f"Specified user account has insufficient {kind} privileges for sessions in this project.")
    _save(request, session, name, given)
    return empty()


def post_reconstruction(request: Request) -> Answer:
    """``POST …/reconstructions``: 409 if it exists, otherwise 200 with its address."""
    session = listed_session(request)
    given = _description(request)
    if not can_edit_session(request, session):
        raise Refusal(403, "Specified user account has insufficient create privileges for sessions in this project.")
    taken = {one.id for one in request.archive.reconstructions_of(session)}
    free = next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
    name = given.get("ID") or free
    if name in taken:
        raise Refusal(409, "Specified reconstruction already exists.")
    _save(request, session, name, given)
    return created_address(request, name)


def _description(request: Request) -> dict[str, str]:
    """Read what is said about a reconstruction; unlike a scan's, its address says what it is."""
    item = xml_item(request)
    named = item.xsi_type if item else request.query.get("xsiType") or RECONSTRUCTION_TYPE
    if named != RECONSTRUCTION_TYPE:
        raise Refusal(422, "Only reconstruction documents can be PUT to this address.")
    given = dict(item.fields) if item else {}
    return given | fields_from_query(request.query.pairs, RECONSTRUCTION_TYPE, RECONSTRUCTION_FIELDS)


def _save(request: Request, session: Session, name: str, given: dict[str, str]) -> None:
    check_scan_id(name)
    request.event_id()
    fields = {path: value for path, value in given.items() if path not in IDENTITY}
    archive = request.archive
    with archive.lock:
        found = archive.reconstruction(session, name)
        found = found or Reconstruction(row_id=archive.next_row_id("reconstruction"), session_id=session.id, id=name)
        archive.save(replace(found, fields={**found.fields, **fields}))


def remove_reconstruction(request: Request) -> Answer:
    """``DELETE …/reconstructions/{R}``."""
    session, found = _find(request)
    if session is None or found is None:
        raise Refusal(404, "Unable to find the specified reconstruction.")
    if not access.can_own(request.user, request.archive.projects[session.project]):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    request.event_id()
    delete_reconstruction(request.archive, found)
    return empty()
