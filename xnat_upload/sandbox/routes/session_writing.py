"""Making and changing sessions: what a PUT to one or a POST to their list says, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xnat_upload.sandbox.routes.actions import act_on_saved_session, check_actions
from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty, text
from xnat_upload.sandbox.routes.datatypes import data_type, is_known
from xnat_upload.sandbox.routes.fields import SESSION_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.scans import save_xml_scans
from xnat_upload.sandbox.routes.schema import SESSION_TYPES
from xnat_upload.sandbox.routes.subjects import check_id, check_label, make_subject
from xnat_upload.sandbox.routes.targets import can_edit_session, readable_project, readable_subject
from xnat_upload.sandbox.routes.xmlbody import XmlItem, xml_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.records import Project, Session, Subject
from xnat_upload.sandbox.store.sharing import relocate

IDENTITY = ("ID", "label", "project", "subject_ID")
NOT_EDITABLE = "Specified user account has insufficient edit privileges for experiments in this project."
NOT_CREATABLE = "Specified user account has insufficient create privileges for experiments in this project."


@dataclass(frozen=True, kw_only=True)
class Described:
    """A session as a request describes it: what it is called and belongs to, and its other fields."""

    xsi_type: str
    identity: Mapping[str, str]
    fields: Mapping[str, str]
    scans: tuple[XmlItem, ...]


def described_session(request: Request, known_type: str = "") -> Described:
    """Read a session from body and query; `known_type` is that of the session which is there already."""
    item = xml_item(request)
    named = data_type(named_type(request)).name
    if named and not is_known(named):
        raise Refusal(400, f"Element not found: '{named}'")
    # What is there already stays what it is: then a type in the query says only how its fields are spelled.
    xsi_type = item.xsi_type if item else known_type or named
    if not xsi_type:
        raise Refusal(417, f"Need {request.method} Contents")
    if xsi_type not in SESSION_TYPES and xsi_type != known_type:
        raise Refusal(422, "Only xnat:Subject documents can be PUT to this address.")
    fields = {**(item.fields if item else {}), **fields_from_query(request.query.pairs, xsi_type, SESSION_FIELDS)}
    identity = {name: fields.pop(name) for name in IDENTITY if name in fields}
    return Described(xsi_type=xsi_type, identity=identity, fields=fields, scans=item.scans if item else ())


def named_type(request: Request) -> str:
    """Give the type that the query names, or that its first path begins with."""
    named = request.query.get("ELEMENT_0") or request.query.get("xsiType")
    paths = (key for key, _ in request.query.pairs if ":" in key and "/" in key)
    return named or next(paths, "").partition("/")[0]


def write_session(request: Request, project: Project | None, session: Session | None) -> Answer:
    """Make or change the session of a path: 201 with its ID when new, 200 with its ID otherwise."""
    tail = request.tail.strip("/")
    if tail and session:
        raise Refusal(400)
    check_actions(request)
    said = described_session(request, session.xsi_type if session else "")
    if tail:
        raise Refusal(400)
    project = project or _project_of(request, said, session)
    label = said.identity.get("label") or request.params["experiment"]
    session = session or _existing(request, said, project, label)
    if session is None:
        made = _make(request, project, said, label, request.params.get("subject", ""))
        act_on_saved_session(request, made)
        return text(made.id, status=201)
    return _change(request, project, session, said)


def post_session(request: Request) -> Answer:
    """``POST …/experiments``: 409 if it exists, otherwise 200 with its address."""
    project = readable_project(request, request.params["project"])
    if project is None:
        raise Refusal(404)
    subject = request.params.get("subject", "")
    if subject and readable_subject(request, subject, project) is None:
        raise Refusal(404, f"Unable to identify subject {subject}")
    said = described_session(request)
    label = said.identity.get("label", "")
    if _existing(request, said, project, label):
        raise Refusal(409, "Specified experiment already exists.")
    return created_address(request, _make(request, project, said, label, subject).id)


def _project_of(request: Request, said: Described, session: Session | None) -> Project:
    name = said.identity.get("project") or (session.project if session else "")
    project = readable_project(request, name) if name else None
    if project is None:
        raise Refusal(422, "Submitted experiment record must include the project attribute.")
    return project


def _existing(request: Request, said: Described, project: Project, label: str) -> Session | None:
    """Find it by the ID that is given, whoever may see it, or by its label in the project."""
    session = request.archive.sessions.get(said.identity.get("ID", ""))
    if session and project.id not in (session.project, *session.shares):
        raise Refusal(409, "Project must be modified through separate URI.")
    return session or (request.archive.session_labelled(label, project=project) if label else None)


def _subject(request: Request, project: Project, name: str) -> Subject:
    """Give the subject of that label or ID; a missing one is created, so a typing mistake succeeds."""
    if not name:
        raise Refusal(422, "Submitted experiment record must include the subject.")
    return request.archive.subject(name, project=project) or make_subject(request, project, name, {})


def _make(request: Request, project: Project, said: Described, label: str, subject_name: str) -> Session:
    archive = request.archive
    if not access.can_edit_data(request.user, project):
        raise Refusal(403, NOT_CREATABLE)
    request.event_id()
    with archive.lock:
        session_id = check_id(said.identity.get("ID", "")) or archive.next_session_id()
        label = check_label(label or session_id)
        if archive.session_labelled(label, project=project):
            raise Refusal(409, "Specified label is already in use.")
        session = Session(
            id=session_id,
            xsi_type=said.xsi_type,
            project=project.id,
            subject_id=_subject(request, project, subject_name or said.identity.get("subject_ID", "")).id,
            label=label,
            fields=said.fields,
            insert_date=now(),
            insert_user=request.user.login,
        )
        archive.save(session)
        save_xml_scans(request, session, said.scans)
    return session


def _change(request: Request, project: Project, session: Session, said: Described) -> Answer:
    archive = request.archive
    if not can_edit_session(request, session):
        raise Refusal(403, NOT_EDITABLE)
    if said.identity.get("project", session.project) != session.project:
        raise Refusal(409, "Project must be modified through separate URI.")
    if said.identity.get("ID", session.id) != session.id:
        raise Refusal(400, "ID cannot be modified")
    request.event_id()
    label = request.query.get("label")
    if label and label != session.label:
        if archive.session_labelled(label, project=project):
            raise Refusal(409, "Specified label is already in use.")
        relocate(archive, session, archive.projects[session.project], check_label(label))
        return empty()
    if said.identity.get("label", session.label) != session.label:
        raise Refusal(400, "Label must be modified through separate URI.")
    with archive.lock:
        owner = archive.projects[session.project]
        subject = said.identity.get("subject_ID")
        subject_id = _subject(request, owner, subject).id if subject else session.subject_id
        archive.save(replace(session, subject_id=subject_id, fields={**session.fields, **said.fields}))
        save_xml_scans(request, session, said.scans)
    act_on_saved_session(request, session)
    return text(session.id)
