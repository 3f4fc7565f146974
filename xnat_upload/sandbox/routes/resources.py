"""Resources: list, read, create, delete (docs/xnat/scans-and-resources.md)."""

from __future__ import annotations

import re

from xnat_upload.sandbox.routes.answers import Answer, Refusal, created_address, empty, stream
from xnat_upload.sandbox.routes.request import Query, Request
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import Target, can_delete_owner, can_edit_owner, resolve
from xnat_upload.sandbox.routes.xmlbody import xml_item
from xnat_upload.sandbox.store.catalog import CatalogUnreadableError
from xnat_upload.sandbox.store.files import with_stats
from xnat_upload.sandbox.store.layout import owners_in
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.resources import create_resource, delete_resource
from xnat_upload.sandbox.store.writing import FileInfo

LIST_COLUMNS = (
    "xnat_abstractresource_id", "label", "element_name", "category", "cat_id", "cat_desc", "file_count", "file_size",
    "tags", "content", "format",
)  # fmt: skip
LOOKS_LIKE_SQL = re.compile(r"'|\b(SELECT|INSERT|UPDATE|DELETE|DROP|ALTER|CREATE)\b")


def info_from(query: Query) -> FileInfo:
    """Read the metadata parameters; tags are a comma list, ``k=v`` or ``k:v`` gives a named one."""
    tags = (tag.strip().replace(":", "=", 1) for tag in query.get("tags").split(","))
    return FileInfo(
        format=query.get("format"),
        content=query.get("content"),
        description=query.get("description"),
        tags=tuple(tag for tag in tags if tag),
    )


def list_resources(request: Request) -> Answer:
    """``GET …/resources``: sizes are the database's copy."""
    target = resolve(request)
    owners = target.owners
    if not owners:
        raise Refusal(404)
    includes_scans = owners[0].level == "experiments" and request.query.is_true("all")
    rows = []
    for resource in resources_below(request, owners, with_scans=includes_scans):
        if request.query.is_true("cache_file_stats") and resource.file_count is None:
            if target.project is None:
                # XNAT asks a project it has not looked up (docs/xnat/scans-and-resources.md, "The list of resources")
                raise Refusal(500)
            resource = with_stats(request.archive, resource)
            request.archive.save(resource)
        rows.append(_row(request, resource))
    return table_answer(Table(columns=LIST_COLUMNS, rows=rows, title="Resources"), request)


def resources_below(request: Request, owners: list[Owner], *, with_scans: bool) -> list[Resource]:
    """All resources of some folders, with those of what is in a session where they count."""
    archive = request.archive
    if with_scans:
        # Of what has two lists of resources, only the second one counts here (XNATTemplate.loadCatalogs).
        sessions = [archive.sessions[owner.id] for owner in owners]
        owners = [one for session in sessions for one in owners_in(archive, session) if one.direction == "out"]
    return [resource for owner in owners for resource in archive.resources_of(owner)]


def _row(request: Request, resource: Resource) -> list[str | int | None]:
    owner = resource.owner
    category, category_id, description = "resources", "", " "
    if owner.level == "scans":
        scan = request.archive.scan(request.archive.sessions[owner.id], owner.scan_id)
        category, category_id, description = "scans", owner.scan_id, (scan.fields.get("type", "") if scan else "")
    elif owner.level == "reconstructions":
        one = request.archive.reconstruction(request.archive.sessions[owner.id], owner.reconstruction_id)
        category, category_id = "reconstructions", owner.reconstruction_id
        description = one.fields.get("type", "") if one else ""
    elif owner.level == "assessors":
        category, category_id, description = "assessors", owner.id, request.archive.sessions[owner.id].xsi_type
    elif owner.level == "experiments":
        category_id = owner.id
    return [
        resource.id, resource.label, "xnat:resourceCatalog", category, category_id, description, resource.file_count,
        resource.file_size, ",".join(resource.tags), resource.content, resource.format,
    ]  # fmt: skip


def labels_in(request: Request) -> list[str]:
    """Split the label segment: commas separate, nothing is decoded.

    See docs/xnat/scans-and-resources.md, "Finding the parents of a resource".
    """
    return [label.strip() for label in request.params["resource"].split(",")]


def find_resources(request: Request, target: Target, *, with_scans: bool = False) -> list[Resource]:
    """Find the resources that the label segment names.

    Digits mean a resource's number, and one that is unknown or unreadable is 404.
    Labels that look like SQL make XNAT's look-up fail, so they are never found.
    """
    labels = labels_in(request)
    numbers = [int(label) for label in labels if label.isascii() and label.isdigit()]
    found = []
    for number in numbers:
        resource = request.archive.resource(number)
        if resource is None or resource.owner not in _owners_in_reach(request, target):
            raise Refusal(404)
        found.append(resource)
    if LOOKS_LIKE_SQL.search(request.params["resource"]):
        return found
    below = resources_below(request, target.owners, with_scans=with_scans)
    return found + [one for one in below if one.label in labels and one not in found]


def _owners_in_reach(request: Request, target: Target) -> list[Owner]:
    owners = list(target.owners)
    for owner in target.owners:
        if owner.level == "experiments":
            owners += owners_in(request.archive, request.archive.sessions[owner.id])[1:]
    return owners


def _one_owner(target: Target) -> Owner:
    if not target.owners:
        raise Refusal(404)
    return target.owners[0]


def read_resource(request: Request) -> Answer:
    """``GET {R}``: the catalog document, the only reliable test of existence."""
    if request.tail.strip("/"):
        raise Refusal(400)
    found = find_resources(request, resolve(request))
    if not found:
        raise Refusal(404, "Unable to find the specified catalog.")
    if len(found) > 1:
        raise Refusal(404)
    path = request.archive.catalog_path(found[0])
    try:
        request.archive.catalogs.read(path, catalog_id=found[0].label)
    except CatalogUnreadableError as error:
        raise Refusal(404, f"Unable to find catalog file: {error}") from error
    return stream("text/xml", [path.read_bytes()])


def put_resource(request: Request) -> Answer:
    """``PUT {R}``: 200 when new, 409 when there: the probe for the right to edit comes first.

    See docs/xnat/scans-and-resources.md, "Making a resource".
    """
    target = resolve(request)
    owner = _one_owner(target)
    if not can_edit_owner(request, owner):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    if find_resources(request, target):
        raise Refusal(409, "Specified resource already exists.")
    item = xml_item(request)
    if item and item.xsi_type != "xnat:resourceCatalog":
        raise Refusal(422, "Only ResourceCatalog documents can be PUT to this address.")
    if item and (number := item.fields.get("xnat_abstractresource_id", "")):
        if number.isdigit() and request.archive.resource(int(number)):
            raise Refusal(409, "Specified catalog already exists.")
        raise Refusal(422, "Contains erroneous generated fields (xnat_abstractresource_id).")
    request.event_id()
    create_resource(request.archive, owner, labels_in(request)[0], info_from(request.query))
    return empty()


def post_resource_list(request: Request) -> Answer:
    """``POST …/resources``: no label in the path, no test for a conflict.

    See docs/xnat/scans-and-resources.md, "Making a resource".
    """
    target = resolve(request)
    owner = _one_owner(target)
    if not can_edit_owner(request, owner):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    item = xml_item(request)
    label = (item.fields.get("label", "") if item else "") or request.query.get("label")
    if not label:
        raise Refusal(417, "Need POST Contents")
    request.event_id()
    resource = create_resource(request.archive, owner, label, info_from(request.query))
    return created_address(request, str(resource.id))


def remove_resource(request: Request) -> Answer:
    """``DELETE {R}``: an absent one is no error."""
    target = resolve(request)
    found = find_resources(request, target)
    if not found:
        return empty()
    if not can_delete_owner(request, _one_owner(target)):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    request.event_id()
    for resource in found:
        delete_resource(request.archive, resource)
    return empty()
