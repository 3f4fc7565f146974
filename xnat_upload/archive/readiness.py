"""What would stop an upload, found out by reading alone."""

from __future__ import annotations

from dataclasses import dataclass

from xnat_upload.archive.answers import table_rows
from xnat_upload.archive.client import Archive
from xnat_upload.archive.generation import generation_of, version_of
from xnat_upload.display import html
from xnat_upload.errors import NotFoundError, XnatUploadError, printable, quoted
from xnat_upload.places.destination import check_one_project
from xnat_upload.places.hierarchy import Accession

_MAY_EDIT = frozenset({"Owners", "Members"})
_MAY_NOT_EDIT = frozenset({"Collaborators"})


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What an archive lets a user do, and what would stop an upload.

    Parameters
    ----------
    server : str
        The archive's address.
    user : str
        Who is logged in there.
    version : str
        The archive's version; empty if it does not tell.
    project_id : str
        XNAT's ID of the project; empty if no project was asked about, or none was found.
    role : str
        What the user is in it.
    accession : Accession or None
        The session, if one was asked for and found.
    obstacles : tuple of str
        What would stop an upload.
    doubts : tuple of str
        What might, and cannot be found out without writing.
    """

    server: str
    user: str
    version: str = ""
    project_id: str = ""
    role: str = ""
    accession: Accession | None = None
    obstacles: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def generation(self) -> str:
        """Which kind of server it is, as far as that follows from its version; empty if it does not tell."""
        return generation_of(self.version)

    @property
    def ok(self) -> bool:
        """Whether nothing was found that would stop an upload."""
        return not self.obstacles

    def __str__(self) -> str:
        lines = [f"{word:<11}{text}" for word, text in self._found()]
        return "\n".join(lines + ["Nothing was found that would stop you."] * self.ok)

    def _repr_html_(self) -> str:
        tone, state = ("doubtful", "unsure") if self.doubts else ("good", "nothing would stop you")
        if self.obstacles:
            tone, state = "bad", "an upload would be stopped"
        return html.render("readiness.html", tone=tone, state=state, found=self._found())

    def _found(self) -> list[tuple[str, str]]:
        found = [("server", self.server), ("version", self.version or "not told")]
        if self.generation:
            found.append(("kind", self.generation))
        found.append(("logged in", f"as {self.user}"))
        if self.project_id:
            found.append(("project", f"{self.project_id}, as {self.role or 'nobody in particular'}"))
        if self.accession is not None:
            scans = len(self.accession.scan_types)
            holds = f"{scans} scan" if scans == 1 else f"{scans} scans"
            found.append(("accession", f"{self.accession.label}: {self.accession.session_type} with {holds}"))
        found += [("unsure", doubt) for doubt in self.doubts]
        found += [("obstacle", obstacle) for obstacle in self.obstacles]
        return [(word, printable(text)) for word, text in found]


def find_out(
    archive: Archive, *, user: str, hub_project_id: str | None, project_id: str | None, accession_id: str | None
) -> Readiness:
    """Read what can be read about a project and a session, and say what would stop an upload into them.

    Raises
    ------
    XnatUploadError
        The archive does not answer.
    """
    server, version = archive.url(""), version_of(archive.connection)
    if hub_project_id is None and project_id is None:
        return Readiness(server=server, user=user, version=version)
    check_one_project(hub_project_id, project_id)
    try:
        own_id = archive.project_id(hub_project_id=hub_project_id, project_id=project_id)
    except NotFoundError as error:
        return Readiness(server=server, user=user, version=version, obstacles=(str(error),))
    obstacles: list[str] = []
    doubts: list[str] = []
    role = _role(archive, own_id)
    if role in _MAY_NOT_EDIT:
        obstacles.append(
            f"{user} is one of the {role} of project {quoted(own_id)}, who may read it and not edit it. An owner "
            "of the project can make you a member."
        )
    elif role not in _MAY_EDIT:
        doubts.append(
            f"whether {user} may edit project {quoted(own_id)} shows with the first file only, because the role "
            f"there is {quoted(role) if role else 'none'}: site administrators may, others need one."
        )
    accession = None
    if accession_id is not None:
        try:
            accession = archive.locate(accession_id, hub_project_id=hub_project_id, project_id=project_id)
        except XnatUploadError as error:
            obstacles.append(str(error))
    return Readiness(
        server=server,
        user=user,
        version=version,
        project_id=own_id,
        role=role,
        accession=accession,
        obstacles=tuple(obstacles),
        doubts=tuple(doubts),
    )


def _role(archive: Archive, project_id: str) -> str:
    """Give the group of the user in a project.

    ``restrict=edit`` would ask for the right to edit the project itself, which members do not have, though they may
    edit what is in it; the list of accessible projects tells the group (docs/xnat/projects-and-sessions.md, "Accessible
    projects").
    """
    answer = archive.connection.ask(
        "GET", "/data/projects", doing="asking for your role", params={"accessible": "true", "format": "json"}
    )
    for row in table_rows(answer):
        if row.get("id") == project_id:
            return next((str(value) for key, value in row.items() if key.startswith("user_role_") and value), "")
    return ""
