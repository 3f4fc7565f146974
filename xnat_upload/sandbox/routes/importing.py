"""``POST /data/services/import``: DICOM files become sessions of the prearchive or of the archive.

See XNAT 1.8.11: Importer, SessionImporter (``SI``, the default), DicomZipImporter (``DICOM-zip``) and
GradualDicomImporter (``gradual-DICOM``).  ``DICOM-zip`` leaves what it receives as it is until somebody commits it,
unless ``dest`` or ``action=commit`` say otherwise; it reads no ``overwrite``, and joins a session that is there.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, text
from xnat_upload.sandbox.routes.bodies import discard, incoming_form, no_data_refusal
from xnat_upload.sandbox.routes.fields import SESSION_FIELDS
from xnat_upload.sandbox.routes.parameters import is_set, refuse_unknown, session_fields, uri_list
from xnat_upload.sandbox.routes.prearchive_actions import refuse_quarantine
from xnat_upload.sandbox.routes.prearchive_work import (
    archived,
    archives_by_itself,
    archiving,
    can_use,
    refusing,
)
from xnat_upload.sandbox.routes.request import Query, Request
from xnat_upload.sandbox.store import access, extraction
from xnat_upload.sandbox.store.dicom import Instance, NotDicomError, read_instance
from xnat_upload.sandbox.store.prearchive import arriving, receive, set_status, uri_of
from xnat_upload.sandbox.store.records import PrearchiveSession
from xnat_upload.sandbox.store.writing import Incoming
from xnat_upload.sandbox.store.zipstream import BadArchiveError

HANDLERS = ("SI", "DICOM-zip", "gradual-DICOM")
ABSENT_HANDLERS = ("XAR", "inbox", "automation")
PROJECT = ("PROJECT_ID", "project")
SUBJECT = ("SUBJECT_ID", "subject", "subject_ID")
SESSION = ("EXPT_LABEL", "session", "EXPT_ID", "label")
COLUMNS = {"SOURCE": "SOURCE", "VISIT": "VISIT", "SUBTYPE": "PROTOCOL", "TIMEZONE": "TIMEZONE",
           "prevent_anon": "prevent_anon", "prevent_auto_commit": "prevent_auto_commit"}  # fmt: skip
KNOWN = (
    "import-handler", "dest", *PROJECT, *SUBJECT, *SESSION, *COLUMNS, *SESSION_FIELDS, "PREARC_TIMESTAMP",
    "PREARC_SESSION_FOLDER", "overwrite", "overwrite_files", "AA", "auto-archive", "action", "rename",
    "Ignore-Unparsable", "prearchive_code", "quarantine", "triggerPipelines", "Direct-Archive",
    # Clients send these by mistake, and XNAT does not read them either.
    "destination", "tiggerPipelines",
)  # fmt: skip
DEST = re.compile(
    r"(?:/data|/REST)?/(?P<where>archive|prearchive)(?:/projects/(?P<project>[^/]+))?"
    r"(?:/subjects/(?P<subject>[^/]+))?(?:/experiments/(?P<session>[^/]+))?"
    r"(?:/(?P<timestamp>\d{8}_\d{6,9})/(?P<folder>[\w-]+))?/?$"
)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What one request wants."""

    handler: str
    where: str = ""
    project: str = ""
    subject: str = ""
    session: str = ""
    timestamp: str = ""
    folder: str = ""
    overwrite: str = ""
    overwrites_files: bool = False
    autoarchive: str = ""
    commits: bool = False
    renames: bool = False
    ignores_unparsable: bool = False
    is_direct: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def is_for_archive(self) -> bool:
        """Whether it says itself that the archive is meant."""
        return self.where == "archive" or self.autoarchive.lower() == "true"


def import_files(request: Request) -> Answer:
    """``POST /data/services/import``: the addresses of what has come of it, one a line."""
    files, form = incoming_form(request)
    try:
        order = _order(request, request.query.joined_with(form))
        if not files:
            raise no_data_refusal(request)
        if len(files) > 1:
            raise Refusal(400, "Importer is limited to one uploaded resource at a time.")
        with refusing():
            uris = _imported(request, order, files[0])
    finally:
        discard(files)
    if request.query.get("format") == "txt" and len(uris) == 1:
        return text(uris[0])
    return uri_list(uris, RESTLET_HEADERS)


def _order(request: Request, given: Query) -> _Order:
    refuse_unknown(given, KNOWN, "services/import", takes_paths=True)
    refuse_quarantine(given)
    kind = request.headers.get("content-type", "").partition(";")[0]
    handler = given.get("import-handler") or ("gradual-DICOM" if kind == "application/dicom" else "SI")
    if handler in ABSENT_HANDLERS:
        raise Refusal(501, f"This sandbox has no import handler {handler}: it has {', '.join(HANDLERS)}.")
    if handler not in HANDLERS:
        raise Refusal(404, f"Unknown importer implementation identifier: {handler}")
    if given.get("prearchive_code") == "1" and "overwrite" in given:
        # The condition is always true (Importer.handlePost).
        raise Refusal(400, "Overwrite flag was not set to a valid option. ('append' or 'delete')")
    if is_set(given, "Direct-Archive") and handler == "SI":
        raise Refusal(501, "Direct-Archive is of the handlers DICOM-zip and gradual-DICOM: SI does nothing with it.")
    dest = DEST.match(given.get("dest")) if given.get("dest") else None
    if given.get("dest") and dest is None:
        raise Refusal(400, "Parameter dest format error")
    parts = dest.groupdict(default="") if dest else {}
    return _Order(
        handler=handler,
        where=parts.get("where", ""),
        project=parts.get("project") or _first(given, PROJECT),
        subject=parts.get("subject") or _first(given, SUBJECT),
        session=parts.get("session") or _first(given, SESSION),
        timestamp=parts.get("timestamp") or _safe(given, "PREARC_TIMESTAMP"),
        folder=parts.get("folder") or _safe(given, "PREARC_SESSION_FOLDER"),
        overwrite="append" if given.get("prearchive_code") == "1" else given.get("overwrite").lower(),
        overwrites_files=is_set(given, "overwrite_files"),
        autoarchive=given.get("AA") or given.get("auto-archive"),
        commits=given.get("action").lower() == "commit" or dest is not None,
        renames=is_set(given, "rename"),
        ignores_unparsable=is_set(given, "Ignore-Unparsable") or given.get("action").lower() == "commit",
        is_direct=is_set(given, "Direct-Archive"),
        columns={column: given.get(name) for name, column in COLUMNS.items() if given.get(name)},
        fields=session_fields(given),
    )


def _first(given: Query, names: tuple[str, ...]) -> str:
    return next((given.get(name) for name in names if given.get(name)), "")


def _safe(given: Query, name: str) -> str:
    value = given.get(name)
    if value and not re.fullmatch(r"[\w-]+", value):
        raise Refusal(400, f"Parameter {name} format error")
    return value


def _imported(request: Request, order: _Order, file: Incoming) -> list[str]:
    sessions: dict[tuple[str, str, str], PrearchiveSession] = {}
    project = _project(request, order)
    unread: NotDicomError | None = None
    with tempfile.TemporaryDirectory(dir=request.archive.build_folder) as folder:
        for name, path in _objects(file, Path(folder), order):
            try:
                instance = read_instance(path, name)
            except NotDicomError as error:
                if order.handler != "SI" and not order.ignores_unparsable:
                    raise
                unread = error
                continue
            session = _received(request, order, instance, project, path, name, sessions)
            sessions[session.key] = session
    if not sessions:
        if order.handler == "SI" or unread is None:
            raise Refusal(400, "Upload did not include parsable files for session generation.")
        raise Refusal(400, str(unread))
    with request.archive.import_lock:
        uris = _finished(request, order, list(sessions.values()))
    return [uri if uri.startswith("/xapi/") else f"/data{uri}" for uri in uris]


def _objects(file: Incoming, folder: Path, order: _Order) -> Iterator[tuple[str, Path]]:
    """Yield the files that were sent: members of an archive one by one, or the one file itself."""
    archive_format = extraction.format_of(file.name, knows_tgz=True) if order.handler != "gradual-DICOM" else None
    path = folder / "object"
    if archive_format is None or archive_format == "gz":
        if order.handler == "DICOM-zip":
            raise Refusal(400, "Unsupported format UNKNOWN")
        with path.open("wb") as target:
            for block in file.blocks:
                target.write(block)
        yield file.name, path
        return
    try:
        for member in extraction.members(file.name, archive_format, file.blocks):
            if member.is_directory:
                continue
            with path.open("wb") as target:
                for block in member.blocks:
                    target.write(block)
            yield PurePosixPath(member.name).name, path
    except BadArchiveError as error:
        raise Refusal(400, f"unable to read data from file: {error}") from error


def _project(request: Request, order: _Order) -> str:
    """Find the project that was named: one the user cannot create in does not exist here."""
    named = request.archive.project(order.project) if order.project else None
    if named is not None and access.can_edit_data(request.user, named):
        return named.id
    if order.project and order.handler == "SI":
        raise Refusal(403, f"Invalid permissions for project {order.project}")
    return ""


def _received(
    request: Request,
    order: _Order,
    instance: Instance,
    project: str,
    path: Path,
    name: str,
    sessions: dict[tuple[str, str, str], PrearchiveSession],
) -> PrearchiveSession:
    archive = request.archive
    for candidate in instance.project_names if not project else []:
        found = archive.project(candidate)
        if found is not None and can_use(request, found.id):
            project = found.id
            break
    what = arriving(instance, project=project, name=order.session, subject=order.subject)
    asks = order.is_for_archive or instance.assigned("AA").lower() == "true"
    what = replace(
        what,
        timestamp=order.timestamp,
        folder=order.folder,
        autoarchive="AutoArchive" if asks else "",
        values=order.columns,
    )
    session = next((one for one in sessions.values() if (one.uid, one.name) == (what.uid, what.name)), None)
    moved = path.with_name("received")
    shutil.move(path, moved)
    joins = order.handler != "SI"
    return receive(archive, what, instance, moved, name, renames=order.renames, joins=joins, session=session)


def _finished(request: Request, order: _Order, sessions: list[PrearchiveSession]) -> list[str]:
    """Leave sessions where they are, or archive them."""
    if order.handler == "SI":
        # Every header has just been read: nothing is left to be built.
        sessions = [set_status(request.archive, one, "READY") for one in sessions]
        if order.where == "prearchive":
            return [uri_of(one) for one in sessions]
        if len(sessions) > 1:
            raise Refusal(400, "Upload included files for multiple imaging sessions.")
        [session] = sessions
        if not archives_by_itself(request, session, order.autoarchive):
            return [uri_of(session)]
        return [_archived(request, order, session)]
    if order.is_direct:
        return [_archived_directly(request, order, one) for one in sessions]
    if not order.commits:
        return [uri_of(one) for one in sessions]
    # What is gone was in a session that another request has committed, with the objects of this one.
    gone = [one for one in sessions if one.key not in request.archive.prearchive]
    sessions = [set_status(request.archive, one, "READY") for one in sessions if one not in gone]
    if order.is_for_archive:
        return [_archived(request, order, one) for one in sessions] + [_address(request, one) for one in gone]
    # A commit by parameter builds, and leaves the archiving to whoever commits the session (DicomZipImporter.xmlBuild).
    return [uri_of(one) for one in (*sessions, *gone)]


def _archived_directly(request: Request, order: _Order, session: PrearchiveSession) -> str:
    """Archive at once what XNAT writes straight into the archive and builds there after a while.

    Where there are data of another study already, XNAT takes the way by the prearchive (DirectArchiveSessionService).
    """
    project = request.archive.projects.get(session.project)
    if session.key in request.archive.prearchive:
        there = request.archive.session_labelled(session.name, project=project) if project else None
        if project is None or (there is not None and there.fields.get("UID") != session.uid):
            return uri_of(session)
        _archived(request, replace(order, overwrites_files=True), session)
    return f"/xapi/direct-archive/{session.project}/{session.uid}/{session.name}"


def _address(request: Request, session: PrearchiveSession) -> str:
    project = request.archive.projects[session.project]
    made = request.archive.session_labelled(session.name, project=project)
    subject = request.archive.subjects[made.subject_id].label if made else session.subject
    return f"/archive/projects/{project.id}/subjects/{subject}/experiments/{session.name}"


def _archived(request: Request, order: _Order, session: PrearchiveSession) -> str:
    is_si = order.handler == "SI"
    how = archiving(
        request,
        session,
        label=order.session,
        subject=order.subject,
        merges=bool(order.overwrite) if is_si else True,
        overrides=is_si and order.overwrite in ("delete", "override"),
        overwrites_files=order.overwrites_files,
        fields=order.fields,
    )
    return archived(request, session, how)
