"""Assessors of a session (XNAT 1.8.11: ExptAssessmentResource, ProjSubExptAsstList).

An assessor is an experiment: it has a global ID, a label that is unique in its project,
rights and shares of its own, and can be read and deleted by ``/experiments/{ID}`` too.
"""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.routes.actions import check_actions
from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty, text
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.experiment_tables import experiment_table
from xnat_upload.sandbox.routes.fields import ASSESSOR_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.listing import ListKind
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import ALL_TYPES, ASSESSOR_TYPES
from xnat_upload.sandbox.routes.sharing import list_projects_of, project_to_delete_from, put_share, remove_share
from xnat_upload.sandbox.routes.sources import EXPERIMENT_COLUMNS, EXPERIMENT_SHORTCUTS
from xnat_upload.sandbox.routes.subjects import check_label
from xnat_upload.sandbox.routes.targets import (
    assessors_called,
    can_edit_session,
    can_read_item,
    readable_image_session,
    readable_project,
    readable_session,
)
from xnat_upload.sandbox.routes.xmlbody import xml_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.deletion import delete_session
from xnat_upload.sandbox.store.records import Project, Session

ROOT = "xnat:imageAssessorData"
OF_SESSION = ListKind(root=ROOT, shortcuts=EXPERIMENT_SHORTCUTS, default=EXPERIMENT_COLUMNS)
IDENTITY = frozenset({"ID", "label", "project", "imageSession_ID"})


def _parents(request: Request) -> tuple[Project | None, Session | None]:
    """Find the project of the path and the session, which must be seen in it."""
    params = request.params
    project = None
    if "project" in params:
        project = readable_project(request, params["project"])
        if project is None:
            raise Refusal(404)
    session = readable_image_session(request, params["experiment"], project)
    if session and project and project.id not in (session.project, *session.shares):
        session = None
    return project, session


def list_assessors(request: Request) -> Answer:
    """``GET …/assessors``: those that the user may read."""
    project, session = _parents(request)
    if session is None:
        raise Refusal(404, "Unable to find experiment.")
    shown_in = project or request.archive.projects[session.project]
    experiments = [one for one in request.archive.assessors_of(session) if can_read_item(request, one)]
    return experiment_table(request, experiments, OF_SESSION, project=shown_in)


def _find(request: Request) -> tuple[Project | None, Session | None]:
    """Find an assessor: by ID, by label in the project of the path, and then among those of the session."""
    project, session = _parents(request)
    name = request.params["assessor"]
    found = readable_session(request, name, project)
    if found and project and project.id not in (found.project, *found.shares):
        found = None
    if found is None and session is not None:
        found = next((one for one in assessors_called(request, session, name) if isinstance(one, Session)), None)
    return project, found if found and found.assessed_id else None


def read_assessor(request: Request) -> Answer:
    """``GET …/assessors/{A}``."""
    _, assessor = _find(request)
    if assessor is None:
        raise Refusal(404, "Unable to find the specified experiment.")
    tail = request.tail.strip("/")
    if tail == "status":
        return text("active")
    if tail.startswith("projects"):
        return list_projects_of(request, assessor)
    return item_answer(assessor, request)


def put_assessor(request: Request) -> Answer:
    """``PUT …/assessors/{A}``: 201 with the ID when new, 200 with the ID otherwise."""
    project, existing = _find(request)
    if request.tail.strip("/"):
        if existing is None:
            raise Refusal(404, "Unable to find the specified experiment.")
        return put_share(request, existing)
    check_actions(request)
    xsi_type, given = _description(request, existing)
    if existing is None:
        return text(_made(request, project, xsi_type, given, request.params["assessor"]).id, status=201)
    if not can_edit_session(request, existing):
        raise Refusal(403, "Specified user account has insufficient edit privileges for subjects in this project.")
    if xsi_type != existing.xsi_type:
        raise Refusal(409, "Specified xsiType differs from existing xsiType")
    if given.get("label", existing.label) != existing.label:
        raise Refusal(400, "Label must be modified through separate URI.")
    if given.get("ID", existing.id) != existing.id:
        raise Refusal(400, "ID cannot be modified")
    request.event_id()
    request.archive.save(replace(existing, fields={**existing.fields, **_fields(given)}))
    return text(existing.id)


def post_assessor(request: Request) -> Answer:
    """``POST …/assessors``: 409 if it exists, otherwise 200 with its address."""
    project, _ = _parents(request)
    xsi_type, given = _description(request, None)
    return created_address(request, _made(request, project, xsi_type, given, "").id)


def _description(request: Request, existing: Session | None) -> tuple[str, dict[str, str]]:
    """Read the type of an assessor and what is said about it, its ID and label among that."""
    item = xml_item(request)
    query = request.query
    paths = (key.partition("/")[0] for key, _ in query.pairs if ":" in key and "/" in key)
    xsi_type = item.xsi_type if item else query.get("ELEMENT_0") or query.get("xsiType") or next(paths, "")
    if existing and xsi_type in ("", ROOT, "xnat:experimentData"):
        xsi_type = existing.xsi_type
    if not xsi_type:
        raise Refusal(417, "Need POST Contents")
    if xsi_type not in ALL_TYPES:
        raise Refusal(400, f"Element not found: '{xsi_type}'")
    if xsi_type not in ASSESSOR_TYPES:
        raise Refusal(422, "Only xnat:Subject documents can be PUT to this address.")
    return xsi_type, {**(item.fields if item else {}), **fields_from_query(query.pairs, xsi_type, ASSESSOR_FIELDS)}


def _fields(given: dict[str, str]) -> dict[str, str]:
    return {path: value for path, value in given.items() if path not in IDENTITY}


def _made(request: Request, project: Project | None, xsi_type: str, given: dict[str, str], name: str) -> Session:
    _, session = _parents(request)
    archive = request.archive
    if session is None:
        raise Refusal(404, "Unable to find experiment.")
    if project is None:
        # XNAT wants a project in the document where the path has none; the session's stands in for it here.
        project = readable_project(request, given.get("project") or session.project)
    if project is None:
        raise Refusal(422, "Submitted subject record must include the project attribute.")
    if not access.can_edit_data(request.user, project):
        raise Refusal(403, "Specified user account has insufficient create privileges for subjects in this project.")
    request.event_id()
    with archive.lock:
        assessor_id = given.get("ID") or archive.next_session_id()
        label = check_label(given.get("label") or name or assessor_id)
        if archive.sessions.get(assessor_id) or archive.session_labelled(label, project=project):
            raise Refusal(409, "Specified experiment already exists.")
        assessor = Session(
            id=check_label(assessor_id),
            xsi_type=xsi_type,
            project=project.id,
            subject_id="",
            label=label,
            assessed_id=session.id,
            fields=_fields(given),
            insert_date=now(),
            insert_user=request.user.login,
        )
        archive.save(assessor)
    return assessor


def remove_assessor(request: Request) -> Answer:
    """``DELETE …/assessors/{A}[/projects/{P}]``: in a project it is shared into, only that share goes."""
    project, assessor = _find(request)
    if assessor is None:
        raise Refusal(404, "Unable to find the specified experiment.")
    project = project_to_delete_from(request, assessor, project)
    if project.id != assessor.project:
        return remove_share(request, assessor, project)
    if not access.can_own(request.user, project):
        raise Refusal(403, f"User cannot delete experiments for project {project.id}")
    request.event_id()
    delete_session(request.archive, assessor)
    return empty()
