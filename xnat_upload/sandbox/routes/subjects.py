"""Subjects: list, read, write, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from xnat_upload.sandbox.routes.actions import check_actions
from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty, text
from xnat_upload.sandbox.routes.criteria import page
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.fields import SUBJECT_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.listing import listing
from xnat_upload.sandbox.routes.project_writing import LEGAL_ID
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.sharing import list_projects_of, project_to_delete_from, put_share, remove_share
from xnat_upload.sandbox.routes.sources import SUBJECTS, subject_source
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import can_read_item, readable_project, readable_subject
from xnat_upload.sandbox.routes.xmlbody import XmlItem, xml_item
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.deletion import delete_subject
from xnat_upload.sandbox.store.records import Project, Subject
from xnat_upload.sandbox.store.sharing import relocate


def list_subjects(request: Request) -> Answer:
    """``GET /data/projects/{P}/subjects`` and ``GET /data/subjects``."""
    if "project" in request.params:
        project = readable_project(request, request.params["project"])
        if project is None:
            raise Refusal(404)
        if not access.can_read_data(request.user, project):
            raise Refusal(403, f"Unable to read subjects for Project: {project.id}")
        found = [subject_source(one, one.label_in(project.id)) for one in request.archive.subjects_of(project)]
    else:
        with request.archive.lock:
            everything = list(request.archive.subjects.values())
        found = [subject_source(one) for one in everything if can_read_item(request, one)]
    wanted = listing(request, SUBJECTS)
    rows, is_page = page([(one,) for one in found if wanted.accepts((one,))], request.query)
    cells = [[*wanted.cells(row), f"/data/subjects/{row[0].fields['ID']}"] for row in rows]
    return table_answer(Table(columns=(*wanted.headers, "URI"), rows=cells, with_total=not is_page), request)


def _project(request: Request) -> Project | None:
    return readable_project(request, request.params["project"]) if "project" in request.params else None


def read_subject(request: Request) -> Answer:
    """``GET …/subjects/{S}``."""
    subject = readable_subject(request, request.params["subject"], _project(request))
    if subject is None:
        raise Refusal(404, "Unable to find the specified subject.")
    if request.tail.strip("/").startswith("projects"):
        return list_projects_of(request, subject)
    return item_answer(subject, request)


def put_subject(request: Request) -> Answer:
    """``PUT …/subjects/{S}``: 201 with the ID when new, 200 with the ID otherwise."""
    name = request.params["subject"]
    project = _project(request)
    existing = readable_subject(request, name, project)
    if request.tail.strip("/"):
        if existing is None:
            raise Refusal(404, "Unable to find the specified subject.")
        return put_share(request, existing)
    check_actions(request)
    if project is None and existing is not None:
        project = request.archive.projects[existing.project]
    if project is None:
        raise Refusal(422, "Submitted subject record must include the project attribute.")
    item = xml_item(request)
    if item and item.xsi_type != "xnat:subjectData":
        raise Refusal(422, "Only xnat:Subject documents can be PUT to this address.")
    fields, identity = _described(request, item)
    existing = existing or _identified(request, project, identity)
    owner = request.archive.projects[existing.project] if existing else project
    if not access.can_edit_data(request.user, owner):
        kind = "edit" if existing else "create"
        message = f"Specified user account has insufficient {kind} privileges for subjects in this project."
        raise Refusal(403, message)
    request.event_id()
    if existing is None:
        label = identity.get("label") or name
        return text(make_subject(request, project, label, fields, identity.get("ID", "")).id, status=201)
    if identity.get("ID", existing.id) != existing.id:
        raise Refusal(400, "ID cannot be modified")
    new_label = identity.get("label")
    if new_label and new_label != existing.label:
        if request.archive.subject(new_label, project=owner):
            raise Refusal(409, "Specified label is already in use.")
        relocate(request.archive, existing, owner, check_label(new_label))
        return empty()
    request.archive.save(replace(existing, fields={**existing.fields, **fields}))
    return text(existing.id)


def _described(request: Request, item: XmlItem | None) -> tuple[dict[str, str], dict[str, str]]:
    """Read a subject from body and query: its fields, and what it is called and belongs to."""
    if item and "experiments/experiment" in item.holds:
        raise Refusal(422, "Submitted subject record must not include subject assessors.")
    fields = {
        **(item.fields if item else {}),
        **fields_from_query(request.query.pairs, "xnat:subjectData", SUBJECT_FIELDS),
    }
    return fields, {name: fields.pop(name) for name in ("ID", "label", "project") if name in fields}


def _identified(request: Request, project: Project, identity: Mapping[str, str]) -> Subject | None:
    """Find the subject of the ID that is given, whoever may see it; in another project it is not to be touched."""
    subject = request.archive.subjects.get(identity.get("ID", ""))
    if subject and project.id not in (subject.project, *subject.shares):
        raise Refusal(409, "Project must be modified through separate URI.")
    return subject


def post_subject(request: Request) -> Answer:
    """``POST …/subjects``: 409 if it exists, otherwise 200 with its address."""
    item = xml_item(request)
    if item and item.xsi_type != "xnat:subjectData":
        raise Refusal(422, "Only xnat:Subject documents can be PUT to this address.")
    fields, identity = _described(request, item)
    project = readable_project(request, request.params.get("project") or identity.get("project", ""))
    if project is None and "project" in request.params:
        raise Refusal(404)
    if project is None:
        raise Refusal(422, "Submitted subject record must include the project attribute.")
    label = identity.get("label", "")
    if _identified(request, project, identity) or (label and request.archive.subject(label, project=project)):
        raise Refusal(409, "Subject already exists.")
    if not access.can_edit_data(request.user, project):
        message = "Specified user account has insufficient create privileges for subjects in this project."
        raise Refusal(403, message)
    request.event_id()
    return created_address(request, make_subject(request, project, label, fields, identity.get("ID", "")).id)


def make_subject(
    request: Request, project: Project, label: str, fields: dict[str, str], subject_id: str = ""
) -> Subject:
    """Create a subject; the session route does so as well for one that is missing."""
    with request.archive.lock:
        subject_id = check_id(subject_id) or request.archive.next_subject_id()
        subject = Subject(
            id=subject_id,
            project=project.id,
            label=check_label(label or subject_id),
            fields=fields,
            insert_date=now(),
            insert_user=request.user.login,
        )
        request.archive.save(subject)
    return subject


def check_label(label: str) -> str:
    """Refuse a label that cannot be stored, as XNAT does: with an exception, so 500."""
    if not LEGAL_ID.fullmatch(label):
        raise Refusal(500, f"Invalid character(s) in label: {re.sub(r'[A-Za-z0-9_-]', '', label)}")
    return label


def check_id(item_id: str) -> str:
    """Refuse an ID of the caller's own that cannot be one; none is no fault."""
    if item_id and not LEGAL_ID.fullmatch(item_id):
        raise Refusal(417, "Invalid character in experiment label.")  # sic
    return item_id


def remove_subject(request: Request) -> Answer:
    """``DELETE …/subjects/{S}[/projects/{P}]``: in a project it is shared into, only that share goes."""
    subject = readable_subject(request, request.params["subject"], _project(request))
    if subject is None:
        raise Refusal(404, "Unable to find the specified subject.")
    project = project_to_delete_from(request, subject, _project(request))
    if project.id != subject.project:
        return remove_share(request, subject, project)
    if not access.can_own(request.user, request.archive.projects[subject.project]):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    request.event_id()
    delete_subject(request.archive, subject)
    return empty()
