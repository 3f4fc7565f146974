"""Experiments, which here are image sessions: list, read, write, share, delete (docs/xnat/projects-and-sessions.md)."""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, empty, stream, text
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.experiment_tables import experiment_table
from xnat_upload.sandbox.routes.listing import ListKind
from xnat_upload.sandbox.routes.request import Request, is_interactive
from xnat_upload.sandbox.routes.session_writing import write_session
from xnat_upload.sandbox.routes.sharing import (
    list_projects_of,
    project_to_delete_from,
    put_share,
    remove_share,
)
from xnat_upload.sandbox.routes.sources import EXPERIMENT, EXPERIMENT_COLUMNS, EXPERIMENT_SHORTCUTS, SUBJECT_ASSESSOR
from xnat_upload.sandbox.routes.targets import (
    can_read_item,
    readable_image_session,
    readable_project,
    readable_session,
    readable_subject,
)
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.deletion import delete_session
from xnat_upload.sandbox.store.records import GUEST, Project, Session

OF_PROJECT = ListKind(
    root=SUBJECT_ASSESSOR, shortcuts=EXPERIMENT_SHORTCUTS, default=EXPERIMENT_COLUMNS, widest=EXPERIMENT
)
OF_SITE = replace(OF_PROJECT, root=EXPERIMENT)


def list_experiments(request: Request) -> Answer:
    """``GET /data/projects/{P}[/subjects/{S}]/experiments``.

    See docs/xnat/projects-and-sessions.md, "Lists of sessions".
    """
    name = request.params["project"]
    project = readable_project(request, name)
    if project is None:
        raise Refusal(404, f"Unable to identify project {name}")
    experiments = request.archive.experiments_of(project)
    if "subject" in request.params:
        subject = readable_subject(request, request.params["subject"], project)
        if subject is None:
            raise Refusal(404, f"Unable to identify subject {request.params['subject']}")
        experiments = [one for one in experiments if one.subject_id == subject.id]
    if not access.can_read_data(request.user, project):
        raise Refusal(403, f"Unable to read experiments for Project: {project.id}")
    try:
        return experiment_table(request, experiments, OF_PROJECT, project=project)
    except ValueError:
        # Every exception here is a 200 without a body (docs/xnat/projects-and-sessions.md, "A failed query is 200
        # without a body")
        return stream("application/json", [])


def list_all_experiments(request: Request) -> Answer:
    """``GET /data/experiments``: whatever the user may read, assessors as well; here a failed query is 500."""
    with request.archive.lock:
        everything = list(request.archive.sessions.values())
    return experiment_table(request, [one for one in everything if can_read_item(request, one)], OF_SITE, project=None)


def _find(request: Request) -> tuple[Project | None, Session | None]:
    """Find by global ID without a look at the project, then by label in it.

    See docs/xnat/projects-and-sessions.md, "A global ID wins".
    """
    params = request.params
    project = readable_project(request, params["project"]) if "project" in params else None
    if "subject" in params and project is None:
        raise Refusal(404)
    find = readable_image_session if "subject" in params else readable_session
    return project, find(request, params["experiment"], project)


def _missing(request: Request) -> Refusal:
    """Refuse what is not there; a guest gets no status, but a login page or the method's own default.

    See docs/xnat/logging-in.md, "Who gets in".
    """
    if request.user.login != GUEST.login:
        return Refusal(404, "Unable to find the specified experiment.")
    refusal = Refusal(404)
    if is_interactive(request.headers.get("user-agent", "")):
        refusal.answer = Answer(307, (*RESTLET_HEADERS, ("location", f"{request.context_path}/app/template/Login.vm")))
    elif request.method not in ("GET", "HEAD"):
        refusal.answer = empty()
    return refusal


def read_experiment(request: Request) -> Answer:
    """``GET …/experiments/{E}``; an unknown tail is ignored, so ``…/scans`` gives the whole session."""
    _, session = _find(request)
    if session is None:
        raise _missing(request)
    tail = request.tail.strip("/")
    if tail == "status":
        return text("active")
    if tail.startswith("projects"):
        return list_projects_of(request, session)
    return item_answer(session, request)


def put_experiment(request: Request) -> Answer:
    """``PUT …/experiments/{E}``: 201 with the ID when new, 200 with the ID otherwise.

    See docs/xnat/projects-and-sessions.md, "Writing a session".
    """
    project, session = _find(request)
    if request.tail.strip("/").startswith("projects/") and session:
        return put_share(request, session)
    if session and project and project.id not in (session.project, *session.shares):
        session = None
    return write_session(request, project, session)


def remove_experiment(request: Request) -> Answer:
    """``DELETE …/experiments/{E}[/projects/{P}]``: in a project it is shared into, only that share goes."""
    project, session = _find(request)
    if session is None:
        raise _missing(request)
    project = project_to_delete_from(request, session, project)
    if project.id != session.project:
        return remove_share(request, session, project)
    if not access.can_own(request.user, request.archive.projects[session.project]):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    request.event_id()
    delete_session(request.archive, session)
    return empty()
