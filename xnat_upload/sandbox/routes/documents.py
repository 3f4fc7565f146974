"""One item as XML, JSON or HTML (docs/xnat/projects-and-sessions.md, "The session as XML and JSON").

Here stands what of the archive is in its document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from xnat_upload.sandbox.routes.answers import Answer, stream
from xnat_upload.sandbox.routes.item_values import values_answer
from xnat_upload.sandbox.routes.items import Item, nested
from xnat_upload.sandbox.routes.json_documents import json_document
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import RECONSTRUCTION_TYPE
from xnat_upload.sandbox.routes.targets import can_read_item
from xnat_upload.sandbox.routes.xml_documents import xml_document
from xnat_upload.sandbox.store.layout import owners_in, owners_of_reconstruction
from xnat_upload.sandbox.store.records import Owner, Project, Reconstruction, Resource, Scan, Session, Subject

Record = Project | Subject | Session | Reconstruction | Scan


def item_answer(record: Record, request: Request) -> Answer:
    """Give an item in the format asked for: HTML or JSON by name, XML for everything else."""
    if "handler" in request.query:
        return values_answer(record, request)
    if request.format == "text/html":
        page = f"<html><head><title>XNAT</title></head><body><h1>{escape(record.id)}</h1></body></html>"
        return stream("text/html", [page.encode()])
    item = document_item(record, request)
    if request.format == "application/json":
        return stream("application/json", [json_document(item).encode()])
    hides = request.query.is_true("concealHiddenFields")
    return stream("text/xml", [xml_document(item, hides=hides).encode()])


def document_item(record: Record, request: Request) -> Item:
    """Give what the document of a record says."""
    match record:
        case Project():
            return _project(record, request)
        case Subject():
            return _subject(record, request)
        case Session() if record.assessed_id:
            return _assessor(record, request)
        case Session():
            return _session(record, request)
        case Reconstruction():
            return _reconstruction(record, request)
        case Scan():
            return _scan(record, request)


def _project(project: Project, request: Request) -> Item:
    fields = {
        "ID": project.id,
        "secondary_ID": project.secondary_id,
        "active": "1",
        "name": project.name,
        **{f"aliases/alias[{number}]/alias": alias for number, alias in enumerate(project.aliases)},
        **project.fields,
    }
    resources = _resources(request, Owner("projects", project.id))
    return nested("xnat:projectData", fields, {"resources/resource": resources})


def _subject(subject: Subject, request: Request) -> Item:
    fields = {"ID": subject.id, "project": subject.project, "label": subject.label, **subject.fields}
    sessions = [one for one in request.archive.all_sessions() if one.subject_id == subject.id]
    children = {
        "sharing/share": _shares(subject, "xnat:projectParticipant"),
        "resources/resource": _resources(request, Owner("subjects", subject.id)),
        "experiments/experiment": [_session(one, request) for one in sessions if can_read_item(request, one)],
    }
    return nested("xnat:subjectData", fields, children)


def _session(session: Session, request: Request) -> Item:
    fields = {
        "ID": session.id,
        "project": session.project,
        "label": session.label,
        "subject_ID": session.subject_id,
        **session.fields,
    }
    children = {
        "sharing/share": _shares(session, "xnat:experimentData_share"),
        "resources/resource": _resources(request, Owner("experiments", session.id)),
        "scans/scan": [_scan(scan, request) for scan in request.archive.scans_of(session)],
        "reconstructions/reconstructedImage": [
            _reconstruction(one, request) for one in request.archive.reconstructions_of(session)
        ],
        "assessors/assessor": [
            _assessor(one, request) for one in request.archive.assessors_of(session) if can_read_item(request, one)
        ],
    }
    return nested(session.xsi_type, fields, children)


def _assessor(assessor: Session, request: Request) -> Item:
    fields = {
        "ID": assessor.id,
        "project": assessor.project,
        "label": assessor.label,
        "imageSession_ID": assessor.assessed_id,
        **assessor.fields,
    }
    children = {
        "sharing/share": _shares(assessor, "xnat:experimentData_share"),
        **_files(request, owners_in(request.archive, assessor)),
    }
    return nested(assessor.xsi_type, fields, children)


def _reconstruction(reconstruction: Reconstruction, request: Request) -> Item:
    fields = {"ID": reconstruction.id, "image_session_ID": reconstruction.session_id, **reconstruction.fields}
    files = _files(request, owners_of_reconstruction(reconstruction))
    key = "xnat_reconstructedImageData_id"
    return nested(RECONSTRUCTION_TYPE, fields, files, row_key=key, row_id=reconstruction.row_id)


def _files(request: Request, owners: Iterable[Owner]) -> dict[str, Sequence[Item]]:
    return {f"{owner.direction}/file": _resources(request, owner) for owner in owners}


def _scan(scan: Scan, request: Request) -> Item:
    fields = {
        "ID": scan.id,
        "image_session_ID": scan.session_id,
        "project": request.archive.sessions[scan.session_id].project,
        **scan.fields,
    }
    files = _resources(request, Owner("scans", scan.session_id, scan.id))
    return nested(scan.xsi_type, fields, {"file": files}, row_key="xnat_imageScanData_id", row_id=scan.row_id)


def _shares(record: Subject | Session, xsi_type: str) -> Sequence[Item]:
    return [nested(xsi_type, {"label": label, "project": project}) for project, label in record.shares.items()]


def _resources(request: Request, owner: Owner) -> Sequence[Item]:
    return [resource_item(one, request) for one in request.archive.resources_of(owner)]


def resource_item(resource: Resource, request: Request) -> Item:
    """Give what stands of a resource in the document of its owner."""
    fields = {
        "label": resource.label,
        "URI": str(request.archive.catalog_path(resource)),  # a path on the server, not an address
        "format": resource.format,
        "content": resource.content,
        "description": resource.description,
        **{f"tags/tag[{number}]/tag": tag for number, tag in enumerate(resource.tags)},
    }
    if resource.file_count is not None:
        fields |= {"file_count": str(resource.file_count), "file_size": str(resource.file_size)}
    return nested("xnat:resourceCatalog", fields, row_key="xnat_abstractResource_id", row_id=resource.id)
