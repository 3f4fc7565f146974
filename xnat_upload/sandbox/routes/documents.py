"""One item as XML, JSON or HTML (docs/xnat/projects-and-sessions.md, "The session as XML and JSON")."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from xml.sax.saxutils import quoteattr

from xnat_upload.sandbox.routes.answers import Answer, stream
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.schema import SCAN_ATTRIBUTES, SESSION_ATTRIBUTES, root_element
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.records import Owner, Project, Resource, Scan, Session, Subject

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

Item = Project | Subject | Session | Scan
Json = dict[str, object]


def item_answer(item: Item, request: Request) -> Answer:
    """Give an item in the format asked for: HTML or JSON by name, XML for everything else."""
    archive = request.archive
    match request.format:
        case "text/html":
            page = f"<html><head><title>XNAT</title></head><body><h1>{escape(item.id)}</h1></body></html>"
            return stream("text/html", [page.encode()])
        case "application/json":
            document = json.dumps({"items": [_json_item(archive, item)]}, ensure_ascii=False)
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
        case Session():
            name, attributes, children = root_element(item.xsi_type), *_session_xml(archive, item, hides=hides)
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
    children += _elements(session.fields, ("dcmAccessionNumber", "dcmPatientId", "dcmPatientName"))
    return attributes, children + _paths(session.fields)


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


def _json_item(archive: Archive, item: Item) -> Json:
    children: list[Json] = []
    match item:
        case Project():
            xsi_type, owner = "xnat:projectData", Owner("projects", item.id)
            fields: Json = {"ID": item.id, "secondary_ID": item.secondary_id, "name": item.name, **item.fields}
        case Subject():
            xsi_type, owner = "xnat:subjectData", Owner("subjects", item.id)
            fields = {"ID": item.id, "project": item.project, "label": item.label, **item.fields}
            children += _json_sharing(item, "xnat:projectParticipant")
        case Session():
            xsi_type, owner = item.xsi_type, Owner("experiments", item.id)
            fields = {"ID": item.id, "project": item.project, "label": item.label, "subject_ID": item.subject_id}
            fields |= item.fields
            scans = [_json_item(archive, scan) for scan in archive.scans_of(item)]
            if scans:
                children.append({"field": "scans/scan", "items": scans})
            children += _json_sharing(item, "xnat:experimentData_share")
        case Scan():
            xsi_type, owner = item.xsi_type, Owner("scans", item.session_id, item.id)
            fields = {"ID": item.id, "image_session_ID": item.session_id, "xnat_imagescandata_id": item.row_id}
            fields |= {"project": archive.sessions[item.session_id].project, **item.fields}
    resources = [_json_resource(archive, one) for one in archive.resources_of(owner)]
    if resources:
        children.append({"field": "file" if owner.level == "scans" else "resources/resource", "items": resources})
    present = {name: value for name, value in fields.items() if value != ""}
    return {"children": children, "data_fields": present, "meta": {"xsi:type": xsi_type, "isHistory": False}}


def _json_sharing(item: Subject | Session, xsi_type: str) -> list[Json]:
    shares: list[Json] = [
        {
            "meta": {"isHistory": False, "xsi:type": xsi_type},
            "data_fields": {key: value for key, value in (("project", project), ("label", label)) if value},
            "children": [],
        }
        for project, label in item.shares.items()
    ]
    return [{"field": "sharing/share", "items": shares}] if shares else []


def _json_resource(archive: Archive, resource: Resource) -> Json:
    fields: Json = {
        "xnat_abstractresource_id": resource.id,
        "label": resource.label,
        "URI": str(archive.catalog_path(resource)),
        "format": resource.format,
        "content": resource.content,
        "file_count": resource.file_count,
        "file_size": resource.file_size,
    }
    present = {name: value for name, value in fields.items() if value not in ("", None)}
    meta = {"xsi:type": "xnat:resourceCatalog", "isHistory": False}
    return {"children": [], "data_fields": present, "meta": meta}
