"""``/data/scan_types`` and ``/data/scanners``: what the site has (XNAT: ScanTypeListing, ScannerListing).

XNAT asks its tables without a look at who asks; here only what the user may read is counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import can_read_item, readable_project
from xnat_upload.sandbox.store.records import Session

SCAN_TABLES = {"xnat_mrscandata": "xnat:mrScanData", "xnat_petscandata": "xnat:petScanData"}
SESSION_TABLES = {
    "xnat_mrsessiondata": "xnat:mrSessionData",
    "xnat_petsessiondata": "xnat:petSessionData",
    "xnat_ctsessiondata": "xnat:ctSessionData",
}


def list_scan_types(request: Request) -> Answer:
    """``GET …/scan_types``: types of MR scans with their descriptions, or of PET scans by ``table=``."""
    wanted = _table(request, SCAN_TABLES)
    types: dict[str, str] = {}
    for session in _sessions(request):
        for scan in request.archive.scans_of(session):
            if scan.xsi_type == wanted:
                description = scan.fields.get("series_description", "")
                name = scan.fields.get("type", "")
                types[name] = types.get(name, "") + (f"{description}," if description else "")
    rows = [[types[name], name] for name in sorted(types)]
    return table_answer(Table(columns=("series_descriptions", "type"), rows=rows, title="Scan Types"), request)


def list_scanners(request: Request) -> Answer:
    """``GET /data/scanners``: scanners of MR sessions, or of PET and CT sessions by ``table=``."""
    wanted = _table(request, SESSION_TABLES)
    scanners = {one.fields.get("scanner", "") for one in _sessions(request) if one.xsi_type == wanted} - {""}
    rows = [[name] for name in sorted(scanners)]
    return table_answer(Table(columns=("scanner",), rows=rows, title="Scanners"), request)


def _table(request: Request, known: dict[str, str]) -> str:
    wanted = request.query.get("table").lower() or next(iter(known))
    if wanted not in known:
        raise Refusal(403)
    return known[wanted]


def _sessions(request: Request) -> Iterator[Session]:
    name = request.params.get("project")
    project = readable_project(request, name) if name else None
    if name and project is None:
        raise Refusal(404)
    for session in request.archive.all_sessions():
        if can_read_item(request, session) and (project is None or session.project == project.id):
            yield session
