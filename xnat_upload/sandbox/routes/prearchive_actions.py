"""Doing something with sessions of the prearchive: ``POST …/{folder}?action=``, and the services for it.

See XNAT 1.8.11: PrearcSessionResource.handlePost, Archiver, PrearchiveBatchMove, PrearchiveBatchDelete and
PrearchiveBatchRebuild.  XNAT puts most of this into a queue and answers at once; here it is done when the answer comes.
"""

from __future__ import annotations

import re

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, empty
from xnat_upload.sandbox.routes.fields import SESSION_FIELDS
from xnat_upload.sandbox.routes.parameters import is_set, parameters, refuse_unknown, session_fields, uri_list
from xnat_upload.sandbox.routes.prearchive import table_of
from xnat_upload.sandbox.routes.prearchive_work import (
    archived,
    archives_by_itself,
    archiving,
    built,
    found_session,
    moved_session,
    refusing,
)
from xnat_upload.sandbox.routes.request import Query, Request
from xnat_upload.sandbox.store.prearchive import delete_prearchived, set_status, uri_of
from xnat_upload.sandbox.store.records import PrearchiveSession

STATUSES = frozenset({
    "ARCHIVING", "BUILDING", "CONFLICT", "DELETING", "ERROR", "MOVING", "READY", "RECEIVING", "RECEIVING_INTERRUPT",
})  # fmt: skip
# What a commit or an archiving understands beside what it is named for.
FURTHER = ("AA", "auto-archive", "overwrite_files", "triggerPipelines", "quarantine")
ACTIONS = {
    "build": ("action",),
    "commit": ("action", *FURTHER),
    "move": ("action", "newProject"),
    "reset-status": ("action",),
    "set-status": ("action", "status"),
}
ARCHIVE = (
    "src", "project", "PREARC_TIMESTAMP", "PREARC_SESSION_FOLDER", "overwrite", "dest", "redirect", "session",
    "subject", "EXPT_LABEL", "SUBJECT_ID", "label", *FURTHER, *SESSION_FIELDS,
)  # fmt: skip
PREARCHIVE_URI = re.compile(r"(?:/data|/REST)?/prearchive/projects/([^/]+)/([^/]+)/([^/]+)/?$")
ARCHIVE_URI = re.compile(
    r"(?:/data|/REST)?/archive(?:/projects/(?P<project>[^/]+))?(?:/subjects/(?P<subject>[^/]+))?"
    r"(?:/experiments/(?P<session>[^/]+))?/?$"
)


def act_on_session(request: Request) -> Answer:
    """``POST …/{timestamp}/{folder}?action=``: build, commit, move, reset-status or set-status."""
    given = parameters(request)
    params = request.params
    session = found_session(request, params["project"], params["timestamp"], params["folder"])
    action = given.get("action")
    if action not in ACTIONS:
        message = f"User {request.user.login} requested an unsupported action on prearchive session: {action}"
        if not action:
            message = f"No action parameter was specified for the request by user {request.user.login}"
        raise Refusal(400, message)
    refuse_unknown(given, ACTIONS[action], "the prearchive")
    refuse_quarantine(given)
    match action:
        case "move":
            return _address(uri_of(moved_session(request, session, given.get("newProject"))), status=301)
        case "set-status":
            if given.get("status") not in STATUSES:
                raise Refusal(400, f"{given.get('status')} is no status of the prearchive.")
            set_status(request.archive, session, given.get("status"))
            return empty()
        case "commit":
            session = built(request, session)
            if archives_by_itself(request, session, given.get("AA") or given.get("auto-archive")):
                how = archiving(request, session, merges=True, overwrites_files=is_set(given, "overwrite_files"))
                with refusing(conflict_status=500, conflict_prefix="FAILED: "):
                    return _address(archived(request, session, how), status=301)
            return _address(uri_of(session), status=200)
    return _address(uri_of(built(request, session)), status=200)


def _address(uri: str, *, status: int) -> Answer:
    return Answer(status, (*RESTLET_HEADERS, ("content-type", "text/uri-list")), f"/data{uri}".encode())


def refuse_quarantine(given: Query) -> None:
    """Refuse what would have to be locked away afterwards: this archive has no such state."""
    if is_set(given, "quarantine"):
        raise Refusal(501, "This sandbox has no quarantine, so nothing was changed: leave out quarantine=true.")


def archive(request: Request) -> Answer:
    """``POST /data/services/archive``: one session is answered by its address, several by their rows."""
    given = parameters(request)
    refuse_unknown(given, ARCHIVE, "services/archive", takes_paths=True)
    refuse_quarantine(given)
    sessions = _named(request, given)
    wanted = _destination(request, given)
    fields = session_fields(given)
    uris = []
    for session in sessions:
        if wanted["project"] not in ("", session.project):
            session = moved_session(request, session, wanted["project"])
        overwrites = given.get("overwrite").lower() in ("append", "delete")
        how = archiving(
            request,
            session,
            label=wanted["session"],
            subject=wanted["subject"],
            merges=True,
            overrides=overwrites,
            overwrites_files=is_set(given, "overwrite_files"),
            fields=fields,
        )
        # The queue that XNAT archives by knows no statuses: whatever is wrong is a 500 (QueueBasedImageCommit.call).
        with refusing(conflict_status=500, conflict_prefix="FAILED: "):
            uris.append(f"/data{archived(request, session, how)}")
    if len(sessions) > 1:
        return table_of(request, [])
    wish = given.get("AA") or given.get("auto-archive")
    if is_set(given, "redirect") or archives_by_itself(request, sessions[0], wish):
        host = request.headers.get("host", "")
        return Answer(303, (*RESTLET_HEADERS, ("location", f"http://{host}{request.context_path}{uris[0]}")))
    return uri_list(uris, RESTLET_HEADERS)


def _destination(request: Request, given: Query) -> dict[str, str]:
    """Read what a session is to be called: parameters, then ``dest``."""
    dest = ARCHIVE_URI.match(given.get("dest")) if given.get("dest") else None
    if given.get("dest") and dest is None:
        raise Refusal(400, f"Invalid dest URI ({given.get('dest')})")
    parts = dest.groupdict(default="") if dest else {"project": "", "subject": "", "session": ""}
    parts["project"] = given.get("project") or parts["project"]
    parts["subject"] = given.get("subject") or given.get("SUBJECT_ID") or parts["subject"]
    label = given.get("session") or given.get("EXPT_LABEL") or given.get("label")
    parts["session"] = label or parts["session"]
    project = request.archive.project(parts["project"]) if parts["project"] else None
    if parts["project"] and project is None:
        raise Refusal(403, "Invalid permissions for new project.")
    parts["project"] = project.id if project else ""
    return parts


def _named(request: Request, given: Query) -> list[PrearchiveSession]:
    """Find the sessions that ``src`` names, or project, timestamp and folder."""
    folders = given.all("PREARC_SESSION_FOLDER")
    if given.all("src"):
        return [_at(request, uri) for uri in given.all("src")]
    if not (given.get("project") and given.get("PREARC_TIMESTAMP") and folders):
        raise Refusal(404, "Unknown prearchive session.")
    return [found_session(request, given.get("project"), given.get("PREARC_TIMESTAMP"), folder) for folder in folders]


def _at(request: Request, uri: str) -> PrearchiveSession:
    found = PREARCHIVE_URI.match(uri)
    if found is None:
        raise Refusal(400, f"Invalid src URI ({uri})")
    return found_session(request, *found.groups())


def _batch(request: Request, known: tuple[str, ...], service: str) -> tuple[Query, list[PrearchiveSession]]:
    given = parameters(request)
    refuse_unknown(given, known, service)
    if not given.all("src"):
        raise Refusal(404, "Unknown prearchive session.")
    return given, [_at(request, uri) for uri in given.all("src")]


def delete(request: Request) -> Answer:
    """``POST /data/services/prearchive/delete?src=``."""
    _, sessions = _batch(request, ("src", "async"), "services/prearchive/delete")
    for session in sessions:
        delete_prearchived(request.archive, session)
    return table_of(request, [])


def move(request: Request) -> Answer:
    """``POST /data/services/prearchive/move?src=&newProject=``."""
    given, sessions = _batch(request, ("src", "async", "newProject"), "services/prearchive/move")
    return table_of(request, [moved_session(request, one, given.get("newProject")) for one in sessions])


def rebuild(request: Request) -> Answer:
    """``POST /data/services/prearchive/rebuild?src=``."""
    _, sessions = _batch(request, ("src", "async"), "services/prearchive/rebuild")
    return table_of(request, [built(request, one) for one in sessions])
