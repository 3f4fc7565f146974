"""``/data/prearchive``: what has arrived and is not in the archive yet (XNAT 1.8.11: PrearcSessionListResource,
PrearcSessionResource, PrearcScansListResource, PrearcScanResourceList, PrearcSessionResourceFiles).

Nothing happens here by itself: what a timer of XNAT's does some minutes after the last file
of a session, is done here when it is asked for, by ``action=build`` or ``action=commit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote_plus
from xml.sax.saxutils import quoteattr

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty, stream
from xnat_upload.sandbox.routes.downloads import file_answer, zip_answer
from xnat_upload.sandbox.routes.prearchive_work import can_use, found_session, refusing
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import root_element
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer
from xnat_upload.sandbox.routes.targets import readable_project
from xnat_upload.sandbox.store.dicom import describe_scan, describe_session
from xnat_upload.sandbox.store.prearchive import (
    UNASSIGNED,
    delete_prearchived,
    folder_of_session,
    instances_of,
    scan_files,
    uri_of,
)
from xnat_upload.sandbox.store.records import PrearchiveSession

COLUMNS = (
    "project", "timestamp", "lastmod", "uploaded", "scan_date", "scan_time", "subject", "folderName", "name", "tag",
    "status", "url", "autoarchive", "prevent_anon", "prevent_auto_commit", "SOURCE", "VISIT", "PROTOCOL", "TIMEZONE",
)  # fmt: skip


def table_of(request: Request, sessions: Sequence[PrearchiveSession]) -> Answer:
    """Give sessions as rows."""
    rows: list[list[Cell]] = [_row(one) for one in sessions]
    return table_answer(Table(columns=COLUMNS, rows=rows, with_total=False), request)


def _row(session: PrearchiveSession) -> list[Cell]:
    values = session.values
    return [
        session.project or UNASSIGNED, session.timestamp, session.last_modified, session.uploaded,
        f"{session.scan_date} {session.scan_time or '00:00:00'}.0" if session.scan_date else "", session.scan_time,
        session.subject, session.folder, session.name, session.uid, session.status, uri_of(session),
        session.autoarchive, values.get("prevent_anon", "false"), values.get("prevent_auto_commit", "false"),
        values.get("SOURCE", ""), values.get("VISIT", ""), values.get("PROTOCOL", ""), values.get("TIMEZONE", ""),
    ]  # fmt: skip


def list_prearchive(request: Request) -> Answer:
    """``GET /data/prearchive[/projects[/{P}]]``: of projects the user may edit; ``tag=`` finds a study by its UID."""
    with request.archive.lock:
        sessions = list(request.archive.prearchive.values())
    wanted_tag = request.query.get("tag")
    if wanted_tag:
        if not request.user.site_admin:
            raise Refusal(403, "Only site or data administrators and reviewers can query by tag")
        return table_of(request, [one for one in sessions if one.uid == wanted_tag])
    if "project" in request.params:
        names = [name.strip() for name in request.params["project"].split(",")]
        for name in names:
            if name != UNASSIGNED and readable_project(request, name) is None:
                raise Refusal(403, f"The current user does not have access to the requested project: {name}")
        sessions = [one for one in sessions if (one.project or UNASSIGNED) in names]
    return table_of(request, [one for one in sessions if can_use(request, one.project)])


def _session(request: Request) -> PrearchiveSession:
    params = request.params
    return found_session(request, params["project"], params["timestamp"], params["folder"])


def _built_session(request: Request) -> PrearchiveSession:
    """Find a session whose headers have been read."""
    session = _session(request)
    if session.status == "RECEIVING":
        message = (
            "The named session exists, but its XNAT session document is not available. "
            "The session is likely invalid or incomplete."
        )
        raise Refusal(404, message)
    return session


def read_session(request: Request) -> Answer:
    """``GET …/{timestamp}/{folder}``: XML once it is built; a row as JSON; all files as a zip."""
    session = _session(request)
    if request.tail.strip("/"):
        raise Refusal(501, "Logs of the prearchive are not kept in this sandbox.")
    match request.format:
        case "application/json":
            return table_of(request, [session])
        case "application/zip" | "application/x-gzip":
            folder = folder_of_session(request.archive, session)
            paths = [path for _, files in scan_files(request.archive, session) for path in files]
            return zip_answer(session.folder, [(str(path.relative_to(folder.parent)), path) for path in paths])
        case "text/html":
            page = f"<html><body><h1>{session.folder}</h1></body></html>"
            return stream("text/html", [page.encode()])
    session = _built_session(request)
    return stream("text/xml", [_document(request, session).encode()])


def _document(request: Request, session: PrearchiveSession) -> str:
    with refusing():
        scans = instances_of(request.archive, session)
    whole = describe_session([one for scan in scans.values() for one in scan])
    about = {"project": session.project, "label": session.name, "UID": session.uid}
    elements = {"subject_ID": session.subject, "prearchivePath": str(folder_of_session(request.archive, session))}
    elements |= {key: value for key, value in whole.fields.items() if key != "UID" and "/" not in key}
    children = "".join(f"<xnat:{name}>{_text(value)}</xnat:{name}>\n" for name, value in elements.items() if value)
    for scan_id, instances in scans.items():
        scan = describe_scan(instances)
        attributes = {"ID": scan_id, "UID": scan.fields.get("UID", ""), "type": scan.fields.get("type", "")}
        inner = "".join(
            f"<xnat:{key}>{_text(value)}</xnat:{key}>"
            for key, value in scan.fields.items()
            if key not in ("UID", "type") and "/" not in key
        )
        children += f'<xnat:scan xsi:type="{scan.xsi_type}"{_attributes(attributes)}>{inner}</xnat:scan>\n'
    root = root_element(whole.xsi_type)
    spaces = 'xmlns:xnat="http://nrg.wustl.edu/xnat" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {spaces}{_attributes(about)}>\n{children}</{root}>\n'


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items() if value)


def _text(value: str) -> str:
    return quoteattr(value)[1:-1]


def list_scans(request: Request) -> Answer:
    """``GET …/scans``."""
    with refusing():
        found = instances_of(request.archive, _built_session(request))
    scans = {scan_id: describe_scan(instances) for scan_id, instances in found.items()}
    rows: list[list[Cell]] = [
        [scan_id, scan.xsi_type, scan.fields.get("series_description", "")] for scan_id, scan in scans.items()
    ]
    return table_answer(Table(columns=("ID", "xsiType", "series_description"), rows=rows, with_total=False), request)


def _scan(request: Request) -> list[Path]:
    found = dict(scan_files(request.archive, _built_session(request))).get(request.params["scan"])
    if found is None:
        raise Refusal(404)
    return found


def list_scan_resources(request: Request) -> Answer:
    """``GET …/scans/{scan}/resources``: there is the one called DICOM."""
    paths = _scan(request)
    size = sum(path.stat().st_size for path in paths)
    columns = ("label", "file_count", "file_size")
    return table_answer(Table(columns=columns, rows=[["DICOM", len(paths), size]], with_total=False), request)


def list_resources(request: Request) -> Answer:
    """``GET …/resources``."""
    rows: list[list[Cell]] = [
        ["scans", scan_id, "DICOM", len(paths), sum(path.stat().st_size for path in paths)]
        for scan_id, paths in scan_files(request.archive, _built_session(request))
    ]
    columns = ("category", "cat_id", "label", "file_count", "file_size")
    return table_answer(Table(columns=columns, rows=rows, with_total=False), request)


def scan_file(request: Request) -> Answer:
    """``GET …/scans/{scan}/resources/{resource}/files[/{name}]``."""
    paths = {path.name: path for path in _scan(request)}
    if request.params["resource"] != "DICOM":
        raise Refusal(404)
    name = unquote_plus(request.tail.strip("/"))
    if name:
        if name not in paths:
            raise Refusal(404)
        return file_answer(request, paths[name])
    address = request.context_path + request.path.rstrip("/")
    rows: list[list[Cell]] = [[one, path.stat().st_size, f"{address}/{one}"] for one, path in paths.items()]
    return table_answer(Table(columns=("Name", "Size", "URI"), rows=rows, with_total=False), request)


def remove_session(request: Request) -> Answer:
    """``DELETE …/{timestamp}/{folder}``."""
    session = _session(request)
    if request.tail.strip("/"):
        raise Refusal(400)
    delete_prearchived(request.archive, session)
    return empty()
