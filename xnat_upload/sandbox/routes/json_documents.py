"""One item as JSON: its fields, and its children under the names of their elements.

docs/xnat/projects-and-sessions.md, "The session as XML and JSON".
"""

from __future__ import annotations

from collections.abc import Sequence

from xnat_upload.sandbox.routes.schema import RECONSTRUCTION_TYPE
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.layout import owners_in, owners_of_reconstruction
from xnat_upload.sandbox.store.records import Owner, Project, Reconstruction, Resource, Scan, Session, Subject

Item = Project | Subject | Session | Scan | Reconstruction
Json = dict[str, object]


def json_item(archive: Archive, item: Item) -> Json:
    """Give an item with its fields and what it holds."""
    children: list[Json] = []
    match item:
        case Project():
            xsi_type, owners = "xnat:projectData", [Owner("projects", item.id)]
            fields: Json = {"ID": item.id, "secondary_ID": item.secondary_id, "name": item.name, **item.fields}
        case Subject():
            xsi_type, owners = "xnat:subjectData", [Owner("subjects", item.id)]
            fields = {"ID": item.id, "project": item.project, "label": item.label, **item.fields}
            children += _json_sharing(item, "xnat:projectParticipant")
        case Session() if item.assessed_id:
            xsi_type, owners = item.xsi_type, owners_in(archive, item)
            fields = {"ID": item.id, "project": item.project, "label": item.label, "imageSession_ID": item.assessed_id}
            fields |= item.fields
            children += _json_sharing(item, "xnat:experimentData_share")
        case Session():
            xsi_type, owners = item.xsi_type, [Owner("experiments", item.id)]
            fields = {"ID": item.id, "project": item.project, "label": item.label, "subject_ID": item.subject_id}
            fields |= item.fields
            parts: dict[str, Sequence[Item]] = {
                "scans/scan": archive.scans_of(item),
                "reconstructions/reconstructedImage": archive.reconstructions_of(item),
                "assessors/assessor": archive.assessors_of(item),
            }
            for field, members in parts.items():
                if members:
                    children.append({"field": field, "items": [json_item(archive, one) for one in members]})
            children += _json_sharing(item, "xnat:experimentData_share")
        case Scan():
            xsi_type, owners = item.xsi_type, [Owner("scans", item.session_id, item.id)]
            fields = {"ID": item.id, "image_session_ID": item.session_id, "xnat_imagescandata_id": item.row_id}
            fields |= {"project": archive.sessions[item.session_id].project, **item.fields}
        case Reconstruction():
            xsi_type, owners = RECONSTRUCTION_TYPE, owners_of_reconstruction(item)
            fields = {"ID": item.id, "image_session_ID": item.session_id}
            fields |= {"xnat_reconstructedimagedata_id": item.row_id, **item.fields}
    for owner in owners:
        resources = [_json_resource(archive, one) for one in archive.resources_of(owner)]
        if resources:
            children.append({"field": _list_of(owner), "items": resources})
    present = {name: value for name, value in fields.items() if value != ""}
    return {"children": children, "data_fields": present, "meta": {"xsi:type": xsi_type, "isHistory": False}}


def _list_of(owner: Owner) -> str:
    match owner.level:
        case "scans":
            return "file"
        case "assessors" | "reconstructions":
            return f"{owner.direction}/file"
    return "resources/resource"


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
