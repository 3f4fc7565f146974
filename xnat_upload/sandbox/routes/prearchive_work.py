"""What can be done with a session of the prearchive, whatever the address it is asked for by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archiving import ArchiveConflictError, Archiving, archive_session
from xnat_upload.sandbox.store.dicom import NotDicomError, PydicomMissingError
from xnat_upload.sandbox.store.prearchive import (
    UNASSIGNED,
    SessionLockedError,
    instances_of,
    move_session,
    set_status,
)
from xnat_upload.sandbox.store.records import PrearchiveSession, Session

AUTOMATIC = {"4": "AutoArchive", "5": "AutoArchiveOverwrite"}
"""The codes of a project whose sessions go on into the archive (PrearchiveCode)."""


@contextmanager
def refusing(*, conflict_status: int = 409, conflict_prefix: str = "") -> Iterator[None]:
    """Turn what can go wrong with DICOM and with the prearchive into answers."""
    try:
        yield
    except ArchiveConflictError as error:
        raise Refusal(conflict_status, f"{conflict_prefix}{error}") from error
    except SessionLockedError as error:
        raise Refusal(403, str(error)) from error
    except NotDicomError as error:
        raise Refusal(400, str(error)) from error
    except PydicomMissingError as error:
        raise Refusal(501, str(error)) from error


def can_use(request: Request, project_id: str) -> bool:
    """Tell whether the user works with what has arrived for a project; what belongs to none is the administrators'."""
    project = request.archive.projects.get(project_id)
    if project is None:
        return request.user.site_admin
    return access.can_edit_data(request.user, project)


def found_session(request: Request, project: str, timestamp: str, folder: str) -> PrearchiveSession:
    """Find a session, or refuse."""
    project_id = "" if project == UNASSIGNED else project
    if not can_use(request, project_id):
        raise Refusal(403, f"Invalid permissions for project {project}")
    session = request.archive.prearchive.get((project_id, timestamp, folder))
    if session is None:
        raise Refusal(404, f"No prearchive session {project}/{timestamp}/{folder} exists.")
    return session


def built(request: Request, session: PrearchiveSession) -> PrearchiveSession:
    """Read all headers, and call the session ready."""
    with refusing():
        instances_of(request.archive, session)
        return set_status(request.archive, session, "READY")


def moved_session(request: Request, session: PrearchiveSession, project_id: str) -> PrearchiveSession:
    """Give a session to a project the user may edit."""
    if project_id not in request.archive.projects or not can_use(request, project_id):
        raise Refusal(403, "Unable to modify session data for destination project.")
    with refusing():
        return move_session(request.archive, session, project_id)


def archives_by_itself(request: Request, session: PrearchiveSession, wish: str) -> bool:
    """Tell whether a session goes on into the archive: by parameter, or by its project (FinishImageUpload)."""
    project = request.archive.projects.get(session.project)
    if project is None:
        return False
    if session.autoarchive in AUTOMATIC.values():
        return True
    return wish.lower() == "true" if wish else project.prearchive_code in AUTOMATIC


def archiving(
    request: Request,
    session: PrearchiveSession,
    *,
    label: str = "",
    subject: str = "",
    merges: bool = False,
    overrides: bool = False,
    overwrites_files: bool = False,
    fields: Mapping[str, str] | None = None,
) -> Archiving:
    """Say how this request archives; a project of code 5 wants files replaced by those that come later."""
    project = request.archive.projects.get(session.project)
    return Archiving(
        user=request.user.login,
        event_id=request.event_id(),
        disk=request.disk,
        label=label,
        subject=subject,
        merges=merges,
        overrides=overrides,
        overwrites_files=overwrites_files or (project is not None and project.prearchive_code == "5"),
        fields=fields or {},
    )


def archived(request: Request, session: PrearchiveSession, how: Archiving) -> str:
    """Archive a session, and give its address without ``/data``."""
    if session.project not in request.archive.projects:
        raise Refusal(400, "Cannot archive sessions from the Unassigned folder.")
    if not can_use(request, session.project):
        raise Refusal(403, "Invalid permissions for new project.")
    with request.archive.import_lock:
        made: Session = archive_session(request.archive, session, how)
    subject = request.archive.subjects[made.subject_id]
    return f"/archive/projects/{made.project}/subjects/{subject.label}/experiments/{made.label}"
