"""Scans: list, read, write, delete (docs/xnat/scans-and-resources.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from xnat_upload.sandbox.routes.actions import act_on_saved_scan, check_actions
from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.fields import SCAN_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.listing import listing
from xnat_upload.sandbox.routes.project_writing import LEGAL_ID
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import (
    ABSTRACT_SCAN_TYPE,
    ALL_TYPES,
    SCAN_TYPES,
)
from xnat_upload.sandbox.routes.sources import SCANS, scan_source
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import (
    can_edit_session,
    readable_image_session,
    readable_project,
    readable_subject,
)
from xnat_upload.sandbox.routes.xmlbody import XmlItem, xml_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.deletion import delete_scan
from xnat_upload.sandbox.store.records import Scan, Session

IDENTITY = frozenset({"ID", "image_session_ID", "project", "xnat_imagescandata_id"})


def listed_session(request: Request) -> Session:
    """Find the session of a list of what is in it (docs/xnat/scans-and-resources.md, "The list of scans")."""
    params = request.params
    project = None
    if "project" in params:
        project = readable_project(request, params["project"])
        if project is None:
            # XNAT uses the project it did not find (docs/xnat/scans-and-resources.md, "The list of scans")
            raise Refusal(500)
        if readable_subject(request, params["subject"], project) is None:
            raise Refusal(404)
    session = readable_image_session(request, params["experiment"], project)
    if session is None:
        raise Refusal(404 if project else 500)
    return session


def list_scans(request: Request) -> Answer:
    """``GET …/scans``; filters are ignored."""
    session = listed_session(request)
    wanted = listing(request, SCANS)
    if "ID" not in wanted.headers:
        raise Refusal(500)
    rows = [(scan_source(one),) for one in request.archive.scans_of(session)]
    base = f"/data/experiments/{session.id}/scans"
    cells = [[*wanted.cells(row), f"{base}/{row[0].fields['ID']}"] for row in rows if wanted.is_of_root(row)]
    return table_answer(Table(columns=(*wanted.headers, "URI"), rows=cells), request)


def session_of(request: Request) -> Session | None:
    """Find the session; an unknown project or subject in the path is passed over.

    See docs/xnat/scans-and-resources.md, "One scan".
    """
    params = request.params
    project = readable_project(request, params["project"]) if "project" in params else None
    session = readable_image_session(request, params["experiment"], project)
    if session and project and project.id not in (session.project, *session.shares):
        session = None
    return session


def read_scan(request: Request) -> Answer:
    """``GET …/scans/{ID}``; an unknown tail is ignored."""
    session = session_of(request)
    scan = request.archive.scan(session, request.params["scan"]) if session else None
    if scan is None:
        raise Refusal(404, "Unable to find the specified scan.")
    return item_answer(scan, request)


def put_scan(request: Request) -> Answer:
    """``PUT …/scans/{ID}``: 200 without a body, new or not, and no sign of what was stored.

    See docs/xnat/scans-and-resources.md, "Writing a scan".
    """
    item = xml_item(request)
    session = session_of(request)
    name = request.params["scan"]
    existing = request.archive.scan(session, name) if session else None
    xsi_type = item.xsi_type if item else _type_from_query(request)
    if not xsi_type and existing and not request.face.is_before_1_7:
        xsi_type = existing.xsi_type
    if not xsi_type:
        raise Refusal(417, "Need PUT Contents")
    _check_type(xsi_type)
    if session is None:
        if item and item.fields.get("image_session_ID"):
            raise Refusal(404, "Specified image session doesn't exist.")
        raise Refusal(417, "Specified scan must reference a valid image session.")
    fields = {**(item.fields if item else {}), **fields_from_query(request.query.pairs, xsi_type, SCAN_FIELDS)}
    # Any ID that is given beside the path wins over the one in it.
    scan_id = existing.id if existing else fields.get("ID") or name
    existing = existing or request.archive.scan(session, scan_id)
    if not can_edit_session(request, session):
        kind = "edit" if existing else "create"
        raise Refusal(403, f"Specified user account has insufficient {kind} privileges for sessions in this project.")
    if existing and existing.xsi_type not in (xsi_type, ABSTRACT_SCAN_TYPE):
        raise Refusal(409, "Specified xsiType differs from existing xsiType")
    check_scan_id(scan_id)
    check_actions(request)
    request.event_id()
    act_on_saved_scan(request, save_scan(request, session, scan_id, xsi_type, fields))
    return empty()


def save_scan(request: Request, session: Session, scan_id: str, xsi_type: str, fields: dict[str, str]) -> Scan:
    """Create or update: of two creators of one scan the second updates what the first has made."""
    fields = {path: value for path, value in fields.items() if path not in IDENTITY}
    with request.archive.lock:
        existing = request.archive.scan(session, scan_id)
        scan = existing or Scan(
            row_id=request.archive.next_row_id("scan"), session_id=session.id, id=scan_id, xsi_type=xsi_type
        )
        scan = replace(scan, xsi_type=xsi_type, fields={**scan.fields, **fields})
        request.archive.save(scan)
    return scan


def save_xml_scans(request: Request, session: Session, items: Iterable[XmlItem]) -> None:
    """Create or update the scans that stand in the XML of their session."""
    for item in items:
        _check_type(item.xsi_type)
        scan_id = item.fields.get("ID", "")
        check_scan_id(scan_id)
        save_scan(request, session, scan_id, item.xsi_type, dict(item.fields))


def _type_from_query(request: Request) -> str:
    named = request.query.get("ELEMENT_0") or request.query.get("xsiType")
    if named:
        return named
    paths = (key for key, _ in request.query.pairs if ":" in key and "/" in key)
    return next(paths, "").partition("/")[0]


def _check_type(xsi_type: str) -> None:
    if xsi_type not in ALL_TYPES:
        raise Refusal(400, f"Element not found: '{xsi_type}'")
    if xsi_type == ABSTRACT_SCAN_TYPE:
        raise Refusal(
            400,
            "Multiple scan modalities can be associated here.  Please retry with the specification of a "
            "particular modality (i.e. ?xsiType=xnat:mrScanData).",
        )
    if xsi_type not in SCAN_TYPES:
        raise Refusal(
            400,
            f"Only Scan documents can be PUT to this address. Expected: {ABSTRACT_SCAN_TYPE} Received: {xsi_type}",
        )


def check_scan_id(scan_id: str) -> None:
    """Refuse an ID that cannot be stored, as XNAT does: with an exception, so 500."""
    if not LEGAL_ID.fullmatch(scan_id):
        raise Refusal(500, f"Invalid character(s) in scan ID: {scan_id}")


def post_scan(request: Request) -> Answer:
    """``POST …/scans``: 409 if it exists, otherwise 200 with its address."""
    session = listed_session(request)
    xsi_type = _type_from_query(request) or session.xsi_type.replace("Session", "Scan")
    if xsi_type in ALL_TYPES and xsi_type not in SCAN_TYPES:
        raise Refusal(422, "Only Scan documents can be PUT to this address.")
    _check_type(xsi_type)
    if not can_edit_session(request, session):
        raise Refusal(403, "Specified user account has insufficient create privileges for sessions in this project.")
    taken = {scan.id for scan in request.archive.scans_of(session)}
    free = next(str(number) for number in range(1, len(taken) + 2) if str(number) not in taken)
    fields = fields_from_query(request.query.pairs, xsi_type, SCAN_FIELDS)
    scan_id = fields.get("ID") or free
    if scan_id in taken:
        raise Refusal(409, "Specified scan already exists.")
    check_scan_id(scan_id)
    request.event_id()
    save_scan(request, session, scan_id, xsi_type, fields)
    return created_address(request, scan_id)


def remove_scan(request: Request) -> Answer:
    """``DELETE …/scans/{ID}``."""
    session = session_of(request)
    scan = request.archive.scan(session, request.params["scan"]) if session else None
    if session is None or scan is None:
        raise Refusal(404, "Unable to find the specified scan.")
    if not access.can_own(request.user, request.archive.projects[session.project]):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    request.event_id()
    delete_scan(request.archive, scan)
    return empty()
