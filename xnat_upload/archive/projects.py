"""Which project has a secondary ID: the hub's ID of the project, found in the list of all that the user may see."""

from __future__ import annotations

import html
import math
import os
import threading
import time

from xnat_upload.archive import retry
from xnat_upload.archive.answers import table_rows
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.locks import SharedQuestion
from xnat_upload.errors import NotFoundError
from xnat_upload.places.names import check_hub_project_id, is_identifier

# Secondary IDs are free text that an owner may change at any time, and a service may run for months.
_KEPT_SECONDS = 60.0
_DOING = "listing the projects"
# Else each row brings a description of any length.
_WANTED = {"format": "json", "columns": "ID,secondary_ID"}


class _Kept:
    """The list of one user of one server, for all uploaders of this process: a service may make one each time."""

    def __init__(self, seconds: float) -> None:
        self.question: SharedQuestion[dict[str, str]] = SharedQuestion(seconds, doing=_DOING)
        self.listed: tuple[dict[str, str], float] = {}, -math.inf


class _KeptByProcess:
    """The lists of this process; a child that was forked begins with none, since threads may be asking here."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._lists: dict[tuple[str, str], _Kept] = {}

    def of(self, server: str, user: str, *, seconds: float) -> _Kept:
        with self._guard:
            now = time.monotonic()
            # What was never listed is being asked for just now.
            self._lists = {key: kept for key, kept in self._lists.items() if not kept.listed[0] or now < kept.listed[1]}
            return self._lists.setdefault((server, user), _Kept(seconds))


_KEPT = _KeptByProcess()


class Projects:
    """The projects of one archive, listed when they are asked for and kept for a minute."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        settings = connection.settings
        self._seconds = settings.connect_timeout_seconds + settings.exchange_timeout_seconds

    def id_of(self, hub_project_id: str) -> str:
        """Find XNAT's ID of the project whose secondary ID is exactly this.

        The server ignores a filter on secondary IDs for ordinary users, so all are listed and compared here
        (docs/xnat/projects-and-sessions.md, "Filters on projects are ignored for ordinary users"). The list is kept for
        a minute, and read once more before a project is called missing.

        Raises
        ------
        NotFoundError
            No project that this user may see has this secondary ID, or several have.
        """
        check_hub_project_id(hub_project_id)
        kept = _KEPT.of(self._connection.server, self._connection.login(), seconds=self._seconds)
        projects, until = kept.listed
        found = _matching(hub_project_id, projects) if time.monotonic() < until else []
        if not found:
            projects = self._list_anew(kept, projects)
            found = _matching(hub_project_id, projects)
        if not found and self._connection.login_was_lost():
            projects = self._list_anew(kept, projects)
            found = _matching(hub_project_id, projects)
        own = projects.get(hub_project_id)
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFoundError(
                f"The secondary ID {hub_project_id!r} is that of several projects: {', '.join(map(repr, found))}. Let "
                "their owners give each its own."
            )
        if own is not None:
            raise NotFoundError(
                f"{hub_project_id!r} is the project's own ID. Its secondary ID, which XNAT's pages call Running Title, "
                + (f"is {own!r}." if own else "is empty; let an owner enter it.")
            )
        raise NotFoundError(
            f"No project with the secondary ID {hub_project_id!r} is visible to this user. Secondary IDs (XNAT's pages "
            "call them Running Title) are compared exactly, upper and lower case included; check the ID, and the "
            "user's membership."
        )

    def own_id_of(self, project_id: str) -> str:
        """Give the own ID of a project that is named by its ID or by an alias.

        Raises
        ------
        NotFoundError
            There is no such project, or this user may not see it.
        """
        answer = self._connection.ask(
            "GET", f"/data/projects/{project_id}", doing="finding the project", params={"format": "json"}
        )
        try:
            own = answer.json()["items"][0]["data_fields"]["ID"]
        except (KeyError, IndexError, TypeError) as error:
            raise answer.error("with a project that has no ID") from error
        if not isinstance(own, str) or not is_identifier(own):
            raise answer.error("with a project whose ID cannot be one")
        return own

    def _list_anew(self, kept: _Kept, seen: dict[str, str]) -> dict[str, str]:
        """List the projects, or wait for the thread that does; what it has is another list than `seen`."""

        def listed_meanwhile() -> dict[str, str] | None:
            projects, until = kept.listed
            return projects if projects is not seen and time.monotonic() < until else None

        for attempt in retry.attempts(self._connection.settings, doing=_DOING):
            with attempt:
                return kept.question.ask(listed_meanwhile, lambda: self._list(kept))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _list(self, kept: _Kept) -> dict[str, str]:
        answer = self._connection.send("GET", "/data/projects", doing=_DOING, params=_WANTED)
        found: dict[str, str] = {}
        for row in table_rows(answer):
            project_id, secondary_id = row.get("ID"), row.get("secondary_ID") or row.get("secondary_id")
            if isinstance(project_id, str) and is_identifier(project_id):  # no other can be addressed
                found[project_id] = secondary_id if isinstance(secondary_id, str) else ""
        kept.listed = found, time.monotonic() + _KEPT_SECONDS
        return found


def _matching(hub_project_id: str, projects: dict[str, str]) -> list[str]:
    exact = [project for project, secondary in projects.items() if secondary == hub_project_id]
    # A secondary ID that came as a query parameter was stored XML-escaped (docs/xnat/requests.md, "Parameters are
    # escaped when they come in").
    return exact or [project for project, secondary in projects.items() if html.unescape(secondary) == hub_project_id]
