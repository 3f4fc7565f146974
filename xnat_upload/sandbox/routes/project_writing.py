"""Making and changing projects: what a PUT to one or a POST to their list says, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty
from xnat_upload.sandbox.routes.fields import PROJECT_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.targets import readable_project
from xnat_upload.sandbox.routes.xmlbody import xml_item
from xnat_upload.sandbox.site import Accessibility
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.records import Project

LEGAL_ID = re.compile(r"[A-Za-z0-9_-]+")


def put_project(request: Request) -> Answer:
    """``PUT /data/projects/{P}``: 200 without a body for new and old alike."""
    name = request.params["project"]
    user = request.user
    if user.login == "guest":
        raise Refusal(403)
    existing = readable_project(request, name)
    if existing is None:
        _check_may_create(request)
    if existing and not access.can_own(user, existing):
        raise Refusal(403, f"User {user.login} doesn't have permission to edit the project {name}")
    fields = _described(request)
    project_id = fields.pop("ID", "") or (existing.id if existing else name)
    if project_id.lower() != (existing.id if existing else name).lower():
        raise Refusal(417, "The project ID for the REST call must match the value in submitted request body.")
    _save(request, existing, project_id, fields)
    return empty()


def post_project(request: Request) -> Answer:
    """``POST /data/projects``: 409 if it exists, otherwise 200 with its address."""
    fields = _described(request)
    project_id = fields.pop("ID", "")
    if not project_id:
        raise Refusal(417, "Requires XNAT ProjectData ID")
    if request.archive.project(project_id):
        raise Refusal(409, "Project already exists.")
    _check_may_create(request)
    _save(request, None, project_id, fields)
    return created_address(request, project_id)


def _check_may_create(request: Request) -> None:
    user = request.user
    if user.login == "guest" or not (request.archive.site.allow_non_admin_project_creation or user.site_admin):
        raise Refusal(403, f"User {user.login} doesn't have permission to create projects on this system")


def _described(request: Request) -> dict[str, str]:
    item = xml_item(request)
    if item and item.xsi_type != "xnat:projectData":
        raise Refusal(422, "Only xnat:Project documents can be PUT to this address.")
    query = fields_from_query(request.query.pairs, "xnat:projectData", PROJECT_FIELDS)
    return {**(item.fields if item else {}), **query}


def _save(request: Request, existing: Project | None, project_id: str, fields: Mapping[str, str]) -> None:
    if not LEGAL_ID.fullmatch(project_id):
        raise Refusal(417, "Invalid character in project ID.")
    if project_id in request.archive.deleted_projects:
        raise Refusal(403, f"Project '{project_id}' was used in a previously deleted project and cannot be reused.")
    request.event_id()
    login = request.user.login
    with request.archive.lock:
        if existing is None and project_id in request.archive.projects:  # somebody's whom this user may not see
            raise Refusal(403, "User account doesn't have permission to edit this project.")
        base = existing or Project(
            id=project_id, name=project_id, members={login: "owner"}, insert_date=now(), insert_user=login
        )
        aliases = {path: value for path, value in fields.items() if path.startswith("aliases/alias")}
        own = {"secondary_ID", "name", "active", *aliases}
        project = replace(
            base,
            secondary_id=fields.get("secondary_ID", base.secondary_id),
            name=fields.get("name") or base.name,
            aliases=tuple(dict.fromkeys((*base.aliases, *filter(None, aliases.values())))),
            fields={**base.fields, **{path: value for path, value in fields.items() if path not in own}},
        )
        clashes = conflicts(request, project)
        if clashes:
            message = f"Requested new project conflicts with existing projects: {', '.join(clashes)}"
            raise Refusal(409, message)
        level = accessibility(request.query.get("accessibility"))
        if level:
            project = replace(project, accessibility=level)
        request.archive.save(project)


def conflicts(request: Request, project: Project) -> list[str]:
    """Find names taken by other projects: IDs, names, secondary IDs and aliases share one space, without case."""
    mine = {name.lower() for name in (project.id, project.secondary_id, project.name, *project.aliases) if name}
    return [
        other.id
        for other in request.archive.projects.values()
        if other.id != project.id
        and mine & {name.lower() for name in (other.id, other.secondary_id, other.name, *other.aliases) if name}
    ]


def accessibility(value: str) -> Accessibility | None:
    """Recognise one of the three levels."""
    levels: tuple[Accessibility, ...] = get_args(Accessibility)
    return next((level for level in levels if level == value), None)
