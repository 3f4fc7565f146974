"""Experiments, which here are image sessions: list, read, write, share, delete (docs/xnat/projects-and-sessions.md)."""

from __future__ import annotations

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, empty, stream, text
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.fields import SESSION_FIELDS, short
from xnat_upload.sandbox.routes.filters import chosen_columns, filtered, page
from xnat_upload.sandbox.routes.request import Request, is_interactive
from xnat_upload.sandbox.routes.schema import ALL_TYPES
from xnat_upload.sandbox.routes.session_writing import write_session
from xnat_upload.sandbox.routes.sharing import (
    list_projects_of,
    project_to_delete_from,
    put_share,
    remove_share,
)
from xnat_upload.sandbox.routes.tables import Table, table_answer
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

LIST_COLUMNS = ("ID", "project", "date", "xsiType", "label", "insert_date")
KNOWN_COLUMNS = (*LIST_COLUMNS, "subject_ID", "subject_label", "insert_user", *SESSION_FIELDS)


def list_experiments(request: Request) -> Answer:
    """``GET /data/projects/{P}[/subjects/{S}]/experiments``; here filters do work.

    See docs/xnat/projects-and-sessions.md, "Lists of sessions".
    """
    name = request.params["project"]
    project = readable_project(request, name)
    if project is None:
        raise Refusal(404, f"Unable to identify project {name}")
    sessions = request.archive.sessions_of(project)
    if "subject" in request.params:
        subject = readable_subject(request, request.params["subject"], project)
        if subject is None:
            raise Refusal(404, f"Unable to identify subject {request.params['subject']}")
        sessions = [one for one in sessions if one.subject_id == subject.id]
    if not access.can_read_data(request.user, project):
        raise Refusal(403, f"Unable to read experiments for Project: {project.id}")
    root = request.query.get("xsiType") or "xnat:subjectAssessorData"
    if root not in ALL_TYPES and root != "xnat:subjectAssessorData" and "," not in root:
        # Every exception here is a 200 without a body (docs/xnat/projects-and-sessions.md, "A failed query is 200
        # without a body")
        return stream("application/json", [])
    try:
        return _session_table(request, sessions, project=project)
    except ValueError:
        return stream("application/json", [])


def list_all_experiments(request: Request) -> Answer:
    """``GET /data/experiments``: whatever the user may read."""
    sessions = [one for one in request.archive.all_sessions() if can_read_item(request, one)]
    return _session_table(request, sessions, project=None)


def _session_table(request: Request, sessions: list[Session], *, project: Project | None) -> Answer:
    wanted_type = request.query.get("xsiType")
    # A single type becomes the root element, and the name of the key column follows it.
    root = wanted_type if wanted_type in ALL_TYPES else "xnat:subjectAssessorData"
    key = f"{root.lower()}/id"
    names = {name: name for name in KNOWN_COLUMNS}
    names |= {f"{prefix}/{name}": name for prefix in (root, "xnat:experimentData") for name in KNOWN_COLUMNS}
    if not request.face.filters_by_label:
        del names["label"]
    rows = filtered((_row(request, one) for one in sessions), request.query, names)
    selected, is_page = page(rows, request.query)
    columns = chosen_columns(request.query, KNOWN_COLUMNS, LIST_COLUMNS)
    cells = []
    for row in selected:
        shown = {**row, key: row["ID"], "URI": f"/data/experiments/{row['ID']}"}
        if project and project.id != row["project"]:
            # Rewritten after the query: a filter on the label has matched the primary one
            # (docs/xnat/projects-and-sessions.md, "Lists of sessions").
            session = request.archive.sessions[row["ID"]]
            shown |= {"label": session.label_in(project.id), "project": project.id}
        cells.append([shown.get(name, "") for name in (key, *columns, "URI")])
    title = None if project else "Matching experiments"
    table = Table(columns=(key, *columns, "URI"), rows=cells, title=title, with_total=not is_page)
    return table_answer(table, request)


def _row(request: Request, session: Session) -> dict[str, str]:
    subject = request.archive.subjects.get(session.subject_id)
    return {
        **short(session.fields, SESSION_FIELDS),
        "ID": session.id,
        "project": session.project,
        "label": session.label,
        "xsiType": session.xsi_type,
        "subject_ID": session.subject_id,
        "subject_label": subject.label if subject else "",
        "insert_date": session.insert_date,
        "insert_user": session.insert_user,
    }


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
