"""Sharing: ``…/subjects/{S}/projects/{P}`` and ``…/experiments/{E}/projects/{P}``.

The rules are those of XNAT 1.8.11: SubjectResource.handlePut, SubjAssessmentResource.handlePut and
ExperimentResource.handlePut for sharing, SecureResource.deleteItem and the data model's ``delete`` for taking it back.
"""

from __future__ import annotations

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty
from xnat_upload.sandbox.routes.project_writing import LEGAL_ID
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import readable_project
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.records import Project, Session, Subject
from xnat_upload.sandbox.store.sharing import relocate, share, unshare

PREFIX = "projects/"


def _noun(item: Subject | Session) -> str:
    return "subject" if isinstance(item, Subject) else "experiment"


def list_projects_of(request: Request, item: Subject | Session) -> Answer:
    """``GET …/projects``: the project it belongs to, then those it is shared into."""
    rows = []
    for project_id in (item.project, *item.shares):
        project = request.archive.projects[project_id]
        label = item.label if project_id == item.project else item.shares[project_id]
        rows.append([label, project.id, project.secondary_id, project.name])
    return table_answer(Table(columns=("label", "ID", "Secondary_ID", "Name"), rows=rows, with_total=False), request)


def put_share(request: Request, item: Subject | Session) -> Answer:
    """``PUT …/projects/{P}[?label=][&primary=true]``: share, rename a share, or move to another project."""
    name = request.tail.strip("/")
    if not name.startswith(PREFIX):
        raise Refusal(400)
    project = _named_project(request, name.removeprefix(PREFIX))
    if project.id == item.project:
        raise Refusal(409, f"Already assigned to project:{project.id}")
    request.event_id()
    label = request.query.get("label")
    with request.archive.lock:
        if label and label != item.shares.get(project.id):
            _check_free(request, item, project, label)
        if _is_primary(request):
            return _move(request, item, project, label)
        if project.id in item.shares:
            if not label or label == item.shares[project.id]:
                raise Refusal(409, f"Already assigned to project:{project.id}")
            share(request.archive, item, project.id, label)
            # A subject's share is renamed with 200; an experiment's is renamed too, and then refused as known.
            if isinstance(item, Session):
                raise Refusal(409, f"Already assigned to project:{project.id}")
        else:
            _check_create(request, item, project)
            share(request.archive, item, project.id, label)
    return list_projects_of(request, _as_it_is_now(request, item))


def _as_it_is_now(request: Request, item: Subject | Session) -> Subject | Session:
    return request.archive.subjects[item.id] if isinstance(item, Subject) else request.archive.sessions[item.id]


def _is_primary(request: Request) -> bool:
    return request.query.get("primary").lower() == "true"


def _named_project(request: Request, name: str) -> Project:
    project = readable_project(request, name)
    if project is None:
        raise Refusal(404, f"Unable to identify project: {name}")
    return project


def _check_free(request: Request, item: Subject | Session, project: Project, label: str) -> None:
    archive = request.archive
    if isinstance(item, Subject):
        taken: Subject | Session | None = next(
            (one for one in archive.subjects_of(project) if one.id != item.id and one.label_in(project.id) == label),
            None,
        )
    else:
        taken = archive.session_labelled(label, project=project)
    if taken is not None and taken.id != item.id:
        raise Refusal(409, f"Label already in use:{label}")


def _check_create(request: Request, item: Subject | Session, project: Project) -> None:
    if not access.can_edit_data(request.user, project):
        noun = _noun(item)
        message = f"Specified user account has insufficient create privileges for {noun}s in the {project.id} project."
        raise Refusal(403, message)


def _move(request: Request, item: Subject | Session, project: Project, label: str) -> Answer:
    if not access.can_own(request.user, request.archive.projects[item.project]):
        raise Refusal(403, f"Specified user account has insufficient privileges for {_noun(item)}s in this project.")
    _check_create(request, item, project)
    new_label = label or item.label
    if not LEGAL_ID.fullmatch(new_label):
        raise Refusal(500, f"Invalid character(s) in label: {new_label}")
    _check_free(request, item, project, new_label)
    relocate(request.archive, item, project, new_label)
    return empty()


def project_to_delete_from(request: Request, item: Subject | Session, project: Project | None) -> Project:
    """Give the project a DELETE means: that of the tail, of the path, or the item's own (SecureResource 1729-1745)."""
    tail = request.tail.strip("/")
    if tail and not tail.startswith(PREFIX):
        raise Refusal(400, f"Illegal file path '{tail}' does not start with '{PREFIX}'.")
    if tail:
        return _named_project(request, tail.removeprefix(PREFIX))
    return project or request.archive.projects[item.project]


def remove_share(request: Request, item: Subject | Session, project: Project) -> Answer:
    """Take an item out of a project that is not its own; what was not shared there is no error."""
    is_shared = project.id in item.shares
    if not is_shared and isinstance(item, Subject):
        raise Refusal(403, f"Subject is not assigned to specified project {project.id}")
    if is_shared and not access.can_own(request.user, project):
        raise Refusal(403, f"User cannot delete {_noun(item)}s for project {project.id}")
    request.event_id()
    with request.archive.lock:
        unshare(request.archive, item, project.id)
        if isinstance(item, Subject):
            for session in request.archive.sessions_of(project):
                if session.subject_id == item.id:
                    unshare(request.archive, session, project.id)
    return empty()
