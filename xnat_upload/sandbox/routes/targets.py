"""Which project, subject, session and scan a path means, and what is answered where one is missing.

Two ways exist, as in XNAT.  Paths that end in resources or files resolve their
parents one after another (docs/xnat/scans-and-resources.md, "Finding the parents of a resource"); the others look up
the one item they are about (docs/xnat/projects-and-sessions.md, "A global ID wins"; docs/xnat/scans-and-resources.md,
"One scan").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.records import Direction, Owner, Project, Reconstruction, Scan, Session, Subject


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


def readable_image_session(request: Request, name: str, project: Project | None) -> Session | None:
    """Find an experiment that can have scans, reconstructions and assessors."""
    session = readable_session(request, name, project)
    return None if session and session.assessed_id else session


Part = Scan | Reconstruction | Session
"""What can stand below a session in a path; the last one is an assessor."""


@dataclass(frozen=True)
class Target:
    """The parents of a resource path; several sessions or parts of them where a list was asked for."""

    project: Project | None
    subject: Subject | None
    sessions: tuple[Session, ...]
    parts: tuple[Part, ...]
    is_below_session: bool
    direction: str = ""

    @property
    def owners(self) -> list[Owner]:
        """The folders meant; where a part or a session is missing, XNAT falls through to what is left."""
        if self.parts:
            return [owner_of(part, self.direction) for part in self.parts]
        if self.sessions and not self.is_below_session:
            return [owner_of(session) for session in self.sessions]
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
        if self.parts:
            level = self.owners[0].level
            uri += f"/experiments/{sessions}/{level}/{','.join(part.id for part in self.parts)}"
            return uri if level == "scans" else f"{uri}/{self.direction or 'out'}"
        if self.sessions and not self.is_below_session:
            return f"{uri}/experiments/{sessions}"
        if self.project and not self.subject:
            return f"{uri}/projects/{self.project.id}"
        return uri


def owner_of(part: Part, direction: str = "out") -> Owner:
    """Give the folder of a part, or of a session; what is not called ``in`` is ``out`` (XNATTemplate.loadCatalogs)."""
    listed: Direction = "in" if direction.lower() == "in" else "out"
    match part:
        case Scan():
            return Owner("scans", part.session_id, part.id)
        case Reconstruction():
            return Owner("reconstructions", part.session_id, reconstruction_id=part.id, direction=listed)
        case Session() if part.assessed_id:
            return Owner("assessors", part.id, direction=listed)
        case Session():
            return Owner("experiments", part.id)


def part_uri(request: Request, owner: Owner) -> str:
    """Give the address of a scan, a reconstruction or an assessor, without ``/data``."""
    match owner.level:
        case "scans":
            return f"/experiments/{owner.id}/scans/{owner.scan_id}"
        case "reconstructions":
            return f"/experiments/{owner.id}/reconstructions/{owner.reconstruction_id}/{owner.direction}"
        case _:
            assessed_id = request.archive.sessions[owner.id].assessed_id
            return f"/experiments/{assessed_id}/assessors/{owner.id}/{owner.direction}"


PARTS = {"scan": "scan", "reconstruction": "reconstruction", "assessor": "experiment"}
"""The parameters of a path that name a part, and what XNAT says it could not identify."""


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
    kind = next((name for name in PARTS if name in params), "")
    sessions: list[Session] = []
    if "experiment" in params:
        find = readable_image_session if kind else readable_session
        for name in params["experiment"].split(","):
            session = find(request, name, project)
            # Above a scan a global ID must belong to the project of the path; elsewhere nobody looks.
            if session and kind and project and project.id not in (session.project, *session.shares):
                session = None
            if session:
                sessions.append(session)
        if len(sessions) != 1 and not request.is_reading:
            raise Refusal(404, f"Unable to identify {'image session' if kind else 'experiment'}")
    parts: list[Part] = []
    if kind and sessions:
        called = PART_FINDERS[f"{kind}s"]
        parts = [part for session in sessions for part in called(request, session, params[kind])]
        if len(parts) != 1 and not request.is_reading:
            raise Refusal(404, f"Unable to identify {PARTS[kind]}")
    return Target(project, subject, tuple(sessions), tuple(parts), bool(kind), params.get("direction", ""))


def reconstructions_called(request: Request, session: Session, segment: str) -> Sequence[Part]:
    """Find reconstructions by ID or type, as scans are found."""
    found = request.archive.reconstructions_of(session)
    return [one for one in found if _is_called(one.id, one.fields.get("type", ""), segment)]


def assessors_called(request: Request, session: Session, segment: str) -> Sequence[Part]:
    """Find assessors by ID, by label, by data type, or all of them."""
    found = [one for one in request.archive.assessors_of(session) if can_read_item(request, one)]
    names = {name.strip() for name in segment.split(",")}
    if names & {"*", "ALL"}:
        return found
    labels = {one.id: {one.id, one.label, one.xsi_type, *one.shares.values()} for one in found}
    return [one for one in found if names & labels[one.id]]


def scans_called(request: Request, session: Session, segment: str) -> Sequence[Part]:
    """Find scans by ID *or type*; lists, ``*`` and ``ALL`` are understood, and this segment is decoded."""
    found = request.archive.scans_of(session)
    return [one for one in found if _is_called(one.id, one.fields.get("type", ""), segment)]


def _is_called(part_id: str, kind: str, segment: str) -> bool:
    wanted = unquote_plus(segment).replace("[SLASH]", "/")
    names = [name.strip().replace("[COMMA]", ",") for name in wanted.split(",")]
    return wanted in ("*", "ALL") or part_id in names or (kind or "NULL") in names


PART_FINDERS: Mapping[str, Callable[[Request, Session, str], Sequence[Part]]] = {
    "scans": scans_called,
    "reconstructions": reconstructions_called,
    "assessors": assessors_called,
}


def can_edit_owner(request: Request, owner: Owner) -> bool:
    """Tell whether the user may write below `owner`."""
    return access.can_edit_data(request.user, request.archive.project_of(owner))


def can_delete_owner(request: Request, owner: Owner) -> bool:
    """Tell whether the user may delete below `owner`."""
    return access.can_own(request.user, request.archive.project_of(owner))
