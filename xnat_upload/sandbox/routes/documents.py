"""One item as XML, JSON or HTML (docs/xnat/projects-and-sessions.md, "The session as XML and JSON")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from xml.sax.saxutils import quoteattr

from xnat_upload.sandbox.routes.answers import Answer, stream
from xnat_upload.sandbox.routes.json_documents import Item, json_item
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import (
    ASSESSOR_ATTRIBUTES,
    RECONSTRUCTION_FIELDS,
    RECONSTRUCTION_TYPE,
    SCAN_ATTRIBUTES,
    SESSION_ATTRIBUTES,
    root_element,
)
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.layout import owners_in, owners_of_reconstruction
from xnat_upload.sandbox.store.records import Owner, Project, Reconstruction, Resource, Scan, Session, Subject

NAMESPACES = {
    "arc": "http://nrg.wustl.edu/arc",
    "cat": "http://nrg.wustl.edu/catalog",
    "prov": "http://www.nbirn.net/prov",
    "scr": "http://nrg.wustl.edu/scr",
    "val": "http://nrg.wustl.edu/val",
    "wrk": "http://nrg.wustl.edu/workflow",
    "xdat": "http://nrg.wustl.edu/security",
    "xnat": "http://nrg.wustl.edu/xnat",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
# The order in which the schema wants a scan's elements; what it does not name comes last.
SCAN_ORDER = ("note", "quality", "condition", "series_description", "documentation", "scanner", "modality", "frames")


def item_answer(item: Item, request: Request) -> Answer:
    """Give an item in the format asked for: HTML or JSON by name, XML for everything else."""
    archive = request.archive
    match request.format:
        case "text/html":
            page = f"<html><head><title>XNAT</title></head><body><h1>{escape(item.id)}</h1></body></html>"
            return stream("text/html", [page.encode()])
        case "application/json":
            document = json.dumps({"items": [json_item(archive, item)]}, ensure_ascii=False)
            return stream("application/json", [document.encode()])
    hides = request.query.is_true("concealHiddenFields")
    return stream("text/xml", [_xml_document(archive, item, hides=hides).encode()])


def _xml_document(archive: Archive, item: Item, *, hides: bool) -> str:
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    location = ' xsi:schemaLocation="http://nrg.wustl.edu/xnat /schemas/xnat/xnat.xsd"'
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    match item:
        case Project():
            name, attributes, children = "xnat:Project", *_project_xml(archive, item, hides=hides)
        case Subject():
            name, attributes, children = "xnat:Subject", *_subject_xml(archive, item, hides=hides)
        case Session() if item.assessed_id:
            name, attributes, children = root_element(item.xsi_type), *_assessor_xml(archive, item, hides=hides)
        case Session():
            name, attributes, children = root_element(item.xsi_type), *_session_xml(archive, item, hides=hides)
        case Reconstruction():
            name = root_element(RECONSTRUCTION_TYPE)
            attributes, children = _reconstruction_xml(archive, item, hides=hides)
        case Scan():
            name, attributes, children = root_element(item.xsi_type), *_scan_xml(archive, item, hides=hides)
    return f"{head}<{name}{_attributes(attributes)}{spaces}{location}>\n{children}</{name}>\n"


Parts = tuple[Mapping[str, str], str]


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items() if value != "")


def _elements(fields: Mapping[str, str], names: Iterable[str]) -> str:
    # Values were escaped when they came in (docs/xnat/requests.md, "Parameters are escaped when they come in"), and are
    # stored so; the writer escapes them again.
    return "".join(f"<xnat:{name}>{escape(fields[name])}</xnat:{name}>\n" for name in names if fields.get(name))


def _paths(fields: Mapping[str, str]) -> str:
    """Write fields set by path, such as ``parameters/tr``, as nested elements."""
    lines = []
    for path, value in fields.items():
        if "/" in path:
            names = [f"xnat:{name}" for name in path.split("/") if "@" not in name]
            opening = "".join(f"<{name}>" for name in names)
            closing = "".join(f"</{name}>" for name in reversed(names))
            lines.append(f"{opening}{escape(value)}{closing}\n")
    return "".join(lines)


def _project_xml(archive: Archive, project: Project, *, hides: bool) -> Parts:
    attributes = {"ID": project.id, "secondary_ID": project.secondary_id, "active": "1"}
    children = _elements({"name": project.name, **project.fields}, ("name", "description", "keywords"))
    if project.aliases:
        aliases = "".join(f"<xnat:alias>{escape(alias)}</xnat:alias>" for alias in project.aliases)
        children += f"<xnat:aliases>{aliases}</xnat:aliases>\n"
    first, last = project.fields.get("pi_firstname"), project.fields.get("pi_lastname")
    if first or last:
        children += "<xnat:PI>" + _elements(
            {"firstname": first or "", "lastname": last or ""}, ("firstname", "lastname")
        )
        children += "</xnat:PI>\n"
    return attributes, children + _resources_xml(archive, Owner("projects", project.id), hides=hides)


def _subject_xml(archive: Archive, subject: Subject, *, hides: bool) -> Parts:
    attributes = {"ID": subject.id, "project": subject.project, "label": subject.label}
    attributes.update({name: subject.fields.get(name, "") for name in ("group", "src")})
    children = _sharing_xml(subject)
    if subject.fields.get("gender"):
        gender = _elements(subject.fields, ("gender",))
        children += f'<xnat:demographics xsi:type="xnat:demographicData">{gender}</xnat:demographics>\n'
    return attributes, children + _resources_xml(archive, Owner("subjects", subject.id), hides=hides)


def _session_xml(archive: Archive, session: Session, *, hides: bool) -> Parts:
    attributes = {"ID": session.id, "project": session.project, "label": session.label}
    attributes.update({name: session.fields.get(name, "") for name in sorted(SESSION_ATTRIBUTES)})
    children = _sharing_xml(session) + _elements(session.fields, ("date", "time", "note"))
    children += _resources_xml(archive, Owner("experiments", session.id), hides=hides)
    children += f"<xnat:subject_ID>{escape(session.subject_id)}</xnat:subject_ID>\n"
    children += _elements(session.fields, ("scanner", "operator", "prearchivePath"))
    scans = archive.scans_of(session)
    if scans:  # an empty session has no such element
        children += (
            f"<xnat:scans>\n{''.join(_scan_element(archive, scan, hides=hides) for scan in scans)}</xnat:scans>\n"
        )
    for element, parts in (
        ("reconstructions", _reconstruction_elements(archive, session, hides=hides)),
        ("assessors", _assessor_elements(archive, session, hides=hides)),
    ):
        children += f"<xnat:{element}>\n{parts}</xnat:{element}>\n" if parts else ""
    children += _elements(session.fields, ("dcmAccessionNumber", "dcmPatientId", "dcmPatientName"))
    return attributes, children + _paths(session.fields)


def _assessor_elements(archive: Archive, session: Session, *, hides: bool) -> str:
    elements = ""
    for assessor in archive.assessors_of(session):
        attributes, children = _assessor_xml(archive, assessor, hides=hides)
        elements += (
            f"<xnat:assessor{_attributes({**attributes, 'xsi:type': assessor.xsi_type})}>{children}</xnat:assessor>\n"
        )
    return elements


def _assessor_xml(archive: Archive, assessor: Session, *, hides: bool) -> Parts:
    fields = assessor.fields
    attributes = {"ID": assessor.id, "project": assessor.project, "label": assessor.label}
    attributes.update({name: fields.get(name, "") for name in sorted(ASSESSOR_ATTRIBUTES)})
    first = ("date", "time", "note")
    children = _sharing_xml(assessor) + _elements(fields, first)
    children += "".join(_listed_files_xml(archive, owner, hides=hides) for owner in owners_in(archive, assessor))
    children += f"<xnat:imageSession_ID>{escape(assessor.assessed_id)}</xnat:imageSession_ID>\n"
    rest = [name for name in fields if name not in first and name not in ASSESSOR_ATTRIBUTES and "/" not in name]
    return attributes, children + _paths(fields) + _elements(fields, rest)


def _reconstruction_elements(archive: Archive, session: Session, *, hides: bool) -> str:
    elements = ""
    for one in archive.reconstructions_of(session):
        attributes, children = _reconstruction_xml(archive, one, hides=hides)
        elements += f"<xnat:reconstructedImage{_attributes(attributes)}>{children}</xnat:reconstructedImage>\n"
    return elements


def _reconstruction_xml(archive: Archive, reconstruction: Reconstruction, *, hides: bool) -> Parts:
    fields = reconstruction.fields
    attributes = {"ID": reconstruction.id, **{name: fields.get(name, "") for name in RECONSTRUCTION_FIELDS}}
    hidden = f'<!--hidden_fields[xnat_reconstructedImageData_id="{reconstruction.row_id}"]-->\n'
    children = "" if hides else hidden
    children += f"<xnat:image_session_ID>{escape(reconstruction.session_id)}</xnat:image_session_ID>\n"
    for owner in owners_of_reconstruction(reconstruction):
        children += _listed_files_xml(archive, owner, hides=hides)
    return attributes, children + _paths(fields)


def _listed_files_xml(archive: Archive, owner: Owner, *, hides: bool) -> str:
    files = "".join(_resource_xml(archive, one, "xnat:file", hides=hides) for one in archive.resources_of(owner))
    return f"<xnat:{owner.direction}>\n{files}</xnat:{owner.direction}>\n" if files else ""


def _sharing_xml(item: Subject | Session) -> str:
    shares = "".join(
        f"<xnat:share{_attributes({'label': label, 'project': project})}/>" for project, label in item.shares.items()
    )
    return f"<xnat:sharing>{shares}</xnat:sharing>\n" if shares else ""


def _scan_element(archive: Archive, scan: Scan, *, hides: bool) -> str:
    attributes, children = _scan_xml(archive, scan, hides=hides)
    typed = {**attributes, "xsi:type": scan.xsi_type}
    return f"<xnat:scan{_attributes(typed)}>{children}</xnat:scan>\n"


def _scan_xml(archive: Archive, scan: Scan, *, hides: bool) -> Parts:
    fields = scan.fields
    attributes = {"ID": scan.id, **{name: fields.get(name, "") for name in sorted(SCAN_ATTRIBUTES)}}
    attributes["project"] = archive.sessions[scan.session_id].project
    children = "" if hides else f'<!--hidden_fields[xnat_imageScanData_id="{scan.row_id}"]-->\n'
    children += f"<xnat:image_session_ID>{escape(scan.session_id)}</xnat:image_session_ID>\n"
    children += _elements(fields, SCAN_ORDER)
    for resource in archive.resources_of(Owner("scans", scan.session_id, scan.id)):
        children += _resource_xml(archive, resource, "xnat:file", hides=hides)
    rest = [name for name in fields if name not in SCAN_ORDER and name not in SCAN_ATTRIBUTES and "/" not in name]
    return attributes, children + _elements(fields, rest) + _paths(fields)


def _resources_xml(archive: Archive, owner: Owner, *, hides: bool) -> str:
    resources = archive.resources_of(owner)
    if not resources:
        return ""
    children = "".join(_resource_xml(archive, one, "xnat:resource", hides=hides) for one in resources)
    return f"<xnat:resources>\n{children}</xnat:resources>\n"


def _resource_xml(archive: Archive, resource: Resource, element: str, *, hides: bool) -> str:
    attributes = {
        "label": resource.label,
        # A path on the server, not an address (docs/xnat/projects-and-sessions.md, "The session as XML and JSON")
        "URI": str(archive.catalog_path(resource)),
        "format": resource.format,
        "content": resource.content,
        "description": resource.description,
        "xsi:type": "xnat:resourceCatalog",
    }
    if resource.file_count is not None:
        attributes |= {"file_count": str(resource.file_count), "file_size": str(resource.file_size)}
    hidden = "" if hides else f'<!--hidden_fields[xnat_abstractResource_id="{resource.id}"]-->'
    return f"<{element}{_attributes(attributes)}>{hidden}</{element}>\n"
