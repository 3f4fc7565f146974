"""``/data/services/dicomdump``: the header of a DICOM file as a table (XNAT: DicomDump, DicomHeaderDump)."""

from __future__ import annotations

import re
from pathlib import Path

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer
from xnat_upload.sandbox.routes.targets import readable_project, readable_session
from xnat_upload.sandbox.store.dicom import NotDicomError, PydicomMissingError
from xnat_upload.sandbox.store.dicom_header import header_rows, tag_of
from xnat_upload.sandbox.store.records import Owner

COLUMNS = ("tag1", "tag2", "vr", "value", "desc")
IMAGE_RESOURCES = ("DICOM", "secondary")  # the site's preference dumpImageTypes, by default
SOURCE = re.compile(
    r"/archive/projects/(?P<project>[^/]+)(?:/subjects/[^/]+)?/experiments/(?P<session>[^/]+)"
    r"(?:/scans/(?P<scan>[^/]+)(?:/resources/DICOM/files/(?P<file>[^/]+))?)?"
)


def dump_header(request: Request) -> Answer:
    """``GET /data/services/dicomdump?src=…[&field=…]``: of a file, or of the first file of a scan or session.

    An address that does not begin with ``/archive/`` finds nothing, and the table is empty.
    """
    source = request.query.get("src")
    if not source:
        raise Refusal(400, "Please set the src parameter")
    if source.startswith("/prearchive/"):
        raise Refusal(501, "This sandbox shows headers of what is in the archive, and not yet of the prearchive.")
    if request.query.get("summary"):
        raise Refusal(501, "This sandbox gives no summary of several headers.")
    try:
        tags = [tag_of(field) for value in request.query.all("field") for field in value.split(",")]
        path = _file(request, source)
        rows: list[list[Cell]] = [list(row) for row in header_rows(path, tags)] if path else []
    except PydicomMissingError as error:
        raise Refusal(501, str(error)) from error
    except NotDicomError as error:
        raise Refusal(500, str(error)) from error
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    return table_answer(Table(columns=COLUMNS, rows=rows, with_total=False), request)


def _file(request: Request, source: str) -> Path | None:
    match = SOURCE.match(source)
    if match is None:
        return None
    project = readable_project(request, match["project"])
    session = readable_session(request, match["session"], project) if project else None
    if project is None or session is None or project.id not in (session.project, *session.shares):
        raise Refusal(400, "Experiment or project not found")
    archive = request.archive
    for scan in archive.scans_of(session):
        if match["scan"] not in (None, scan.id):
            continue
        for resource in archive.resources_of(Owner("scans", session.id, scan.id)):
            catalog = archive.catalog_path(resource)
            if resource.label not in IMAGE_RESOURCES or not catalog.exists():
                continue
            for name in archive.catalogs.read(catalog).entries:
                path = catalog.parent / name
                if match["file"] in (None, path.name) and path.is_file():
                    return path
    return None
