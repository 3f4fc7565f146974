"""Projects: list, read, write, delete; accessibility and members (docs/xnat/projects-and-sessions.md)."""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty, text
from xnat_upload.sandbox.routes.documents import item_answer
from xnat_upload.sandbox.routes.listing import listing
from xnat_upload.sandbox.routes.project_writing import accessibility
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.sources import ALIAS, PROJECTS, project_sources
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import readable_project
from xnat_upload.sandbox.site import Role
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.deletion import delete_project
from xnat_upload.sandbox.store.records import Project, User

ACCESS_PARAMETERS = ("accessible", "owner", "member", "collaborator", "data", "users", "recent", "favorite", "admin")
GROUP_NAMES: dict[Role, str] = {"owner": "Owners", "member": "Members", "collaborator": "Collaborators"}


def list_projects(request: Request) -> Answer:
    """``GET /data/projects``."""
    if any(name in request.query for name in ACCESS_PARAMETERS):
        return _list_accessible(request)
    projects = _visible(request)
    if request.query.get("restrict") in ("edit", "delete"):
        # The right to edit the project itself, which members have not, though they may edit its data
        # (UserGroupManager.java 337-341).
        projects = [one for one in projects if access.can_own(request.user, one)]
    wanted = listing(request, PROJECTS)
    rows = [[source] for project in projects for source in project_sources(project, by_alias=wanted.uses_field(ALIAS))]
    # For everybody but data administrators the permission clause replaces the filter: it is
    # silently ignored, and all readable projects come back (docs/xnat/projects-and-sessions.md, "Filters on projects
    # are ignored for ordinary users").
    if request.user.site_admin:
        rows = [row for row in rows if wanted.accepts(row)]
    cells = [[*wanted.cells(row), f"/data/projects/{row[0].fields['ID']}"] for row in rows]
    return table_answer(Table(columns=(*wanted.headers, "URI"), rows=cells), request)


def _visible(request: Request) -> list[Project]:
    with request.archive.lock:
        projects = list(request.archive.projects.values())
    return [one for one in projects if access.can_read_project(request.user, one)]


def _list_accessible(request: Request) -> Answer:
    """Another handler with other, lower-case keys and no URI.

    See docs/xnat/projects-and-sessions.md, "Accessible projects".
    """
    login = request.user.login
    columns = [
        "id", "name", "description", "secondary_id", "pi", "project_invs", "project_access", "project_access_img",
        "insert_date", "insert_user", f"user_role_{login}", f"last_accessed_{login}",
    ]  # fmt: skip
    wanted = {role for role in GROUP_NAMES if request.query.is_true(role)}
    rows = []
    for project in _visible(request):
        role = project.members.get(login)
        if wanted and role not in wanted:
            continue
        fields = project.fields
        investigator = " ".join(filter(None, (fields.get("PI/firstname"), fields.get("PI/lastname"))))
        rows.append([
            project.id, project.name, fields.get("description", ""), project.secondary_id, investigator, "",
            project.accessibility, "", project.insert_date, project.insert_user,
            GROUP_NAMES[role] if role else "", "",
        ])  # fmt: skip
    return table_answer(Table(columns=columns, rows=rows, title="Projects"), request)


def read_project(request: Request) -> Answer:
    """``GET /data/projects/{P}``; an unknown tail is 400."""
    project = readable_project(request, request.params["project"])
    if project is None:
        raise Refusal(404, "Unable to find the specified experiment.")  # sic
    tail = request.tail.lstrip("/")
    if not tail:
        return item_answer(project, request)
    if tail.startswith("current_arc") or tail == "quarantine_code":
        return text("0" if "code" in tail else "arc001")
    raise Refusal(400)


def remove_project(request: Request) -> Answer:
    """``DELETE /data/projects/{P}``: a missing one is 400."""
    project = readable_project(request, request.params["project"])
    if project is None:
        raise Refusal(400)
    if not access.can_own(request.user, project):
        raise Refusal(403)
    request.event_id()
    delete_project(request.archive, project)
    return empty()


def read_accessibility(request: Request) -> Answer:
    """``GET /data/projects/{P}/accessibility``."""
    return text(_project_or_404(request).accessibility)


def put_accessibility(request: Request) -> Answer:
    """``PUT /data/projects/{P}/accessibility/{level}``."""
    level = accessibility(request.tail.strip("/"))
    if not request.tail.strip("/"):
        raise Refusal(400, "You must specify the ACCESS_ID parameter for this PUT call")
    project = _project_or_404(request)
    if not access.can_own(request.user, project):
        raise Refusal(403)
    if level is None:
        raise Refusal(500)
    request.archive.save(replace(project, accessibility=level))
    return text(level)


def read_prearchive_code(request: Request) -> Answer:
    """``GET /data/projects/{P}/prearchive_code``: whether what is imported goes on into the archive."""
    project = readable_project(request, request.params["project"])
    if project is None:
        raise Refusal(404, "Unable to find the specified experiment.")  # sic
    return text(project.prearchive_code)


def put_prearchive_code(request: Request) -> Answer:
    """``PUT /data/projects/{P}/prearchive_code/{code}``: any number is kept (XNAT 1.8.11, ProjectResource 188-199)."""
    project = readable_project(request, request.params["project"])
    if project is None or not access.can_own(request.user, project):
        raise Refusal(403, "User account doesn't have permission to edit this project.")
    code = request.tail.strip("/")
    code = {"true": "1", "false": "0"}.get(code, code)
    if not (code.isascii() and code.isdigit()):
        raise Refusal(400, f"The submitted code {code} is invalid: must be an integer.")
    request.event_id()
    request.archive.save(replace(project, prearchive_code=code))
    return empty()


def _project_or_404(request: Request) -> Project:
    name = request.params["project"]
    project = readable_project(request, name)
    if project is None:
        raise Refusal(404, f"Could not find the project with ID '{name}'")
    return project


def list_members(request: Request) -> Answer:
    """``GET /data/projects/{P}/users``: for those who may edit the project."""
    project = _project_or_404(request)
    if not access.can_own(request.user, project):
        raise Refusal(403, "Access Denied: Only project owners and site managers can access user resources.")
    return _members_table(request, project)


def _members_table(request: Request, project: Project) -> Answer:
    columns = ("GROUP_ID", "displayname", "login", "firstname", "lastname", "email")
    rows = sorted(
        (
            [f"{project.id}_{role}", GROUP_NAMES[role], login, login, login, ""]
            for login, role in project.members.items()
        ),
        key=lambda row: row[0],
        reverse=True,
    )
    return table_answer(Table(columns=columns, rows=rows, title="Projects"), request)


def put_member(request: Request) -> Answer:
    """``PUT /data/projects/{P}/users/{group}/{user}``: strangers are invited by mail, which is not sent here."""
    project, role, users = _membership(request)
    members = {**project.members, **{user.login: role for user in users if user.login != "guest"}}
    if any(user.login == "guest" for user in users):
        raise Refusal(412)
    project = replace(project, members=members)
    request.archive.save(project)
    return _members_table(request, project)


def delete_member(request: Request) -> Answer:
    """``DELETE /data/projects/{P}/users/{group}/{user}``."""
    project, role, users = _membership(request)
    gone = {user.login for user in users if project.members.get(user.login) == role}
    members = {login: other for login, other in project.members.items() if login not in gone}
    project = replace(project, members=members)
    request.archive.save(project)
    return _members_table(request, project)


def _membership(request: Request) -> tuple[Project, Role, list[User]]:
    project = _project_or_404(request)
    if not access.can_own(request.user, project):
        raise Refusal(403)
    group = request.params["group"]
    role = next((role for role, title in GROUP_NAMES.items() if group in (role, title, f"{project.id}_{role}")), None)
    if role is None:
        raise Refusal(404, f"Could not find the group {group} in the project {project.id}")
    logins = [login.strip() for login in request.params["user"].split(",")]
    return project, role, [request.archive.users[login] for login in logins if login in request.archive.users]
