"""Which project, subject, session and scan a path means, and what is answered where one is missing.

Two ways exist, as in XNAT.  Paths that end in resources or files resolve their
parents one after another (docs/xnat/scans-and-resources.md, "Finding the parents of a resource"); the others look up
the one item they are about (docs/xnat/projects-and-sessions.md, "A global ID wins"; docs/xnat/scans-and-resources.md,
"One scan").
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.records import Owner, Project, Scan, Session, Subject


def readable_project(request: Request, name: str) -> Project | None:
    """Find a project the user may see; any other does not exist for them."""
    project = request.archive.project(name)
    return project if project and access.can_read_project(request.user, project) else None


def can_read_item(request: Request, item: Subject | Session) -> bool:
    """Tell whether the user sees a subject or session: by its own project, or by one it is shared into."""
    projects = (request.archive.projects.get(name) for name in (item.project, *item.shares))
    return any(project and access.can_read_data(request.user, project) for project in projects)


def can_edit_session(request: Request, session: Session) -> bool:
    """Tell whether the user may change a session: only by its own project."""
    return access.can_edit_data(request.user, request.archive.projects[session.project])


def readable_session(request: Request, name: str, project: Project | None) -> Session | None:
    """Find a session by global ID, whatever the project, and then by label in `project`."""
    session = request.archive.sessions.get(name)
    if session is None and project is not None:
        session = request.archive.session_labelled(name, project=project)
    return session if session and can_read_item(request, session) else None


def readable_subject(request: Request, name: str, project: Project | None) -> Subject | None:
    """Find a subject by label in `project`, or by global ID."""
    subject = request.archive.subject(name, project=project)
    return subject if subject and can_read_item(request, subject) else None


@dataclass(frozen=True)
class Target:
    """The parents of a resource path; several sessions or scans where a list was asked for."""

    project: Project | None
    subject: Subject | None
    sessions: tuple[Session, ...]
    scans: tuple[Scan, ...]
    in_scans: bool

    @property
    def owners(self) -> list[Owner]:
        """The folders meant; where a scan or session is missing, XNAT falls through to what is left."""
        if self.scans:
            return [Owner("scans", scan.session_id, scan.id) for scan in self.scans]
        if self.sessions and not self.in_scans:
            return [Owner("experiments", session.id) for session in self.sessions]
        if self.subject:
            return [Owner("subjects", self.subject.id)]
        if self.project:
            return [Owner("projects", self.project.id)]
        return []

    @property
    def base_uri(self) -> str:
        """What the addresses in a listing begin with: subject and project only if the path had both.

        See docs/xnat/listings.md, "Addresses in a list".
        """
        uri = "/data"
        if self.project and self.subject:
            uri += f"/projects/{self.project.id}/subjects/{self.subject.id}"
        sessions = ",".join(session.id for session in self.sessions)
        if self.scans:
            return f"{uri}/experiments/{sessions}/scans/{','.join(scan.id for scan in self.scans)}"
        if self.sessions and not self.in_scans:
            return f"{uri}/experiments/{sessions}"
        if self.project and not self.subject:
            return f"{uri}/projects/{self.project.id}"
        return uri


def resolve(request: Request) -> Target:
    """Resolve the parents of a resource or file path.

    See docs/xnat/scans-and-resources.md, "Finding the parents of a resource".
    """
    params = request.params
    project = subject = None
    if "project" in params:
        project = readable_project(request, params["project"])
        if project is None:
            raise Refusal(404, "Unable to identify project")
    if "subject" in params:
        subject = readable_subject(request, params["subject"], project)
        if subject is None:
            raise Refusal(404, "Unable to identify subject")
    sessions: list[Session] = []
    if "experiment" in params:
        in_scans = "scan" in params
        for name in params["experiment"].split(","):
            session = readable_session(request, name, project)
            # Above a scan a global ID must belong to the project of the path; elsewhere nobody looks.
            if session and in_scans and project and project.id not in (session.project, *session.shares):
                session = None
            if session:
                sessions.append(session)
        if len(sessions) != 1 and not request.is_reading:
            raise Refusal(404, f"Unable to identify {'image session' if in_scans else 'experiment'}")
    scans: list[Scan] = []
    if "scan" in params and sessions:
        scans = [scan for session in sessions for scan in scans_called(request, session, params["scan"])]
        if len(scans) != 1 and not request.is_reading:
            raise Refusal(404, "Unable to identify scan")
    return Target(project, subject, tuple(sessions), tuple(scans), "scan" in params)


def scans_called(request: Request, session: Session, segment: str) -> list[Scan]:
    """Find scans by ID *or type*; lists, ``*`` and ``ALL`` are understood, and this segment is decoded."""
    wanted = unquote_plus(segment).replace("[SLASH]", "/")
    scans = request.archive.scans_of(session)
    if wanted in ("*", "ALL"):
        return scans
    names = [name.strip().replace("[COMMA]", ",") for name in wanted.split(",")]
    return [scan for scan in scans if scan.id in names or (scan.fields.get("type") or "NULL") in names]


def can_edit_owner(request: Request, owner: Owner) -> bool:
    """Tell whether the user may write below `owner`."""
    return access.can_edit_data(request.user, request.archive.project_of(owner))


def can_delete_owner(request: Request, owner: Owner) -> bool:
    """Tell whether the user may delete below `owner`."""
    return access.can_own(request.user, request.archive.project_of(owner))
