"""Files of resources: list, read, write, delete (docs/xnat/listings.md, docs/xnat/writing-files.md)."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote_plus

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, empty, stream
from xnat_upload.sandbox.routes.bodies import discard, incoming_files, no_data_refusal
from xnat_upload.sandbox.routes.downloads import archive_answer, file_answer, is_archive_request, member_answer
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.resources import find_resources, info_from, labels_in, resources_below
from xnat_upload.sandbox.routes.tables import Table, table_answer
from xnat_upload.sandbox.routes.targets import Target, can_delete_owner, can_edit_owner, part_uri, resolve
from xnat_upload.sandbox.store.catalog import Catalog, CatalogUnreadableError, Entry
from xnat_upload.sandbox.store.files import matching_entry, put_files, served_path
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.resources import delete_files, entries_within
from xnat_upload.sandbox.store.staged import UnsafeArchiveError
from xnat_upload.sandbox.store.writing import Writing

LIST_COLUMNS = ("Name", "Size", "URI", "collection", "file_tags", "file_format", "file_content", "cat_ID", "digest")
ZIP_EXTENSIONS = ("zip", "jar", "rar", "ear", "gar", "mrb")


def file_path(request: Request) -> str:
    """Give the path below ``/files/``: decoded only if ``%20`` or ``%2B`` occurs, else literal.

    See docs/xnat/writing-files.md, "Names in a URL".
    """
    path = request.tail.removeprefix("/")
    if ("%20" in path or "%2B" in path) and request.face.decodes_paths:
        return unquote_plus(path)
    return path


def get_files(request: Request) -> Answer:
    """``GET …/files[/path]``: a listing without a path, a file with one."""
    target = resolve(request)
    path = file_path(request)
    owners = target.owners
    if not owners:
        # No project is known by now, and XNAT asks it (docs/xnat/scans-and-resources.md, "Finding the parents of a
        # resource")
        raise Refusal(500)
    # The resources of scans count as the session's own where files are listed.
    with_scans = owners[0].level == "experiments"
    if "resource" in request.params:
        resources = find_resources(request, target, with_scans=with_scans)
    else:
        resources = resources_below(request, owners, with_scans=with_scans and request.query.is_true("all"))
    if is_archive_request(request) and (not path or path.endswith("/")):
        return archive_answer(request, resources, folder=path)
    if "index" in request.query:
        return _read_by_number(request, resources)
    if path and not path.endswith("/"):
        return _read(request, resources, path)
    return _list(request, target, resources, path)


def _list(request: Request, target: Target, resources: list[Resource], folder: str) -> Answer:
    is_single = len(resources) == 1
    location = {"absolutepath": "absolutePath", "projectpath": "projectPath"}.get(
        request.query.get("locator").lower(), "URI"
    )
    columns = [location if name == "URI" else name for name in LIST_COLUMNS]
    if not request.face.lists_digests:
        columns.remove("digest")
    rows = []
    for resource in resources:
        catalog = _catalog(request, resource, is_single=is_single)
        catalog_path, reach = request.archive.catalog_path(resource), request.archive.reach(resource)
        if request.archive.catalogs.is_read_beside_a_writer(catalog_path):
            continue
        base = _base_uri(request, target, resource, is_single=is_single)
        for entry in catalog.entries.values():
            if not entry.uri.startswith(folder) or not _is_wanted(request, entry):
                continue
            address = f"{base}/{entry.uri}"
            if location != "URI":
                address = f"{catalog_path.parent}/{entry.uri}"
                if location == "projectPath":
                    address = address.removeprefix(str(request.archive.archive_folder))
            size = None if request.face.lists_sizes_on_disk else entry.size
            if size is None:
                served = served_path(reach, entry)
                size = served.stat().st_size if served else 0
            row = [
                entry.name, str(size), address, resource.label, ",".join(entry.tags), entry.format,
                entry.content, str(resource.id), entry.digest,
            ]  # fmt: skip
            rows.append(row[: len(columns)])
    table = Table(
        columns=columns,
        rows=rows,
        title="Files",
        with_total=False,
        column_properties={"URI": {"serverRoot": request.context_path}},
    )
    return table_answer(table, request)


def _catalog(request: Request, resource: Resource, *, is_single: bool) -> Catalog:
    path = request.archive.catalog_path(resource)
    try:
        return request.archive.catalogs.read(path, catalog_id=resource.label)
    except CatalogUnreadableError as error:
        if is_single:
            raise _NotFoundQuietly(request) from error
        raise _NotFound(request, "Unable to find file.") from error


class _NotFound(Refusal):
    """404, or 204 where the client has said that it can live with that."""

    def __init__(self, request: Request, message: str = "") -> None:
        super().__init__(204 if request.query.is_true("accept-not-found") else 404, message)
        if self.status == 204:
            self.answer = Answer(204)


class _NotFoundQuietly(_NotFound):
    """404 whose message is lost: an empty text/plain stands in place of the page.

    See docs/xnat/listings.md, "Reading one file".
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        # A body that is empty, and yet has a type.
        self.answer = Answer(self.status, (*RESTLET_HEADERS, ("content-type", "text/plain;charset=ISO-8859-1")))


def _base_uri(request: Request, target: Target, resource: Resource, *, is_single: bool) -> str:
    if is_single:
        return f"{target.base_uri}/resources/{resource.id}/files"
    # Over several resources the address comes from SQL, and lacks /data (docs/xnat/listings.md, "Addresses in a list").
    owner = resource.owner
    if owner.level in ("scans", "reconstructions", "assessors"):
        return f"{part_uri(request, owner)}/resources/{resource.id}/files"
    if owner.level == "subjects" and target.subject:
        return f"/projects/{target.subject.project}/subjects/{owner.id}/resources/{resource.id}/files"
    return f"/{owner.level}/{owner.id}/resources/{resource.id}/files"


def _is_wanted(request: Request, entry: Entry) -> bool:
    contents = request.query.all("file_content")
    if contents and not any(entry.content == wanted or (wanted == "NULL" and not entry.content) for wanted in contents):
        return False
    formats = request.query.all("file_format")
    return not formats or entry.format in formats


def _read(request: Request, resources: list[Resource], path: str) -> Answer:
    if not resources:
        raise _NotFound(request, "Unable to find file.")
    path, _, member = _split_member(path)
    for resource in resources:
        catalog = _catalog(request, resource, is_single=len(resources) == 1)
        entry = matching_entry(request.archive, catalog, path)
        served = served_path(request.archive.reach(resource), entry) if entry else None
        if served is not None:
            return member_answer(request, served, member) if member else file_answer(request, served)
    if len(resources) > 1:
        raise _NotFound(request, "Unable to find file.")
    raise _NotFoundQuietly(request)


def _read_by_number(request: Request, resources: list[Resource]) -> Answer:
    """Read the n-th file; the counter moves only where a filter accepts an entry, so it needs one.

    See docs/xnat/listings.md, "The list of files".
    """
    is_filtered = "file_format" in request.query or "file_content" in request.query
    if is_filtered and len(resources) == 1 and request.query.get("index").isdigit():
        entries = _catalog(request, resources[0], is_single=True).entries.values()
        accepted = [entry for entry in entries if _is_wanted(request, entry)]
        for entry in accepted[int(request.query.get("index")) :][:1]:
            served = served_path(request.archive.reach(resources[0]), entry)
            if served is not None:
                return file_answer(request, served)
    raise _NotFoundQuietly(request)


def _split_member(path: str) -> tuple[str, str, str]:
    """Split ``a.zip/b`` or ``a.zip!b`` into the archive and the member inside it.

    See docs/xnat/writing-files.md, "Names in a URL".
    """
    lowered = path.lower()
    for extension in ZIP_EXTENSIONS:
        for separator in ("!", "/"):
            position = lowered.find(f".{extension}{separator}")
            if position >= 0:
                end = position + len(extension) + 1
                return path[:end], separator, path[end + 1 :].lstrip("/")
    return path, "", ""


def put_files_route(request: Request) -> Answer:
    """``PUT`` or ``POST …/files[/path]``.

    Without the right to edit the answer is 200, empty and without a Content-Type, and
    nothing is stored: nobody wrote the ``else`` (docs/xnat/writing-files.md, "Denied is 200").
    """
    target = resolve(request)
    owners = target.owners
    if not owners:
        raise Refusal(404)
    owner = owners[0]
    if not can_edit_owner(request, owner):
        return empty()
    label = _label_to_write(request, target)
    updates_stats = request.query.get("update-stats", "true").lower() in ("true", "1")
    # The justification is asked for only where a workflow is built (docs/xnat/writing-files.md, "When a reason is
    # demanded").
    event_id = request.event_id() if updates_stats else "0"
    path = file_path(request)
    files = incoming_files(request, path)
    if not files:
        raise no_data_refusal(request)
    how = Writing(
        user=request.user.login,
        event_id=event_id,
        disk=request.disk,
        info=info_from(request.query),
        overwrite=request.query.is_true("overwrite"),
        extract=request.query.is_true("extract"),
        update_stats=updates_stats,
    )
    try:
        duplicates = put_files(request.archive, owner, label, files, path, how=how)
    except UnicodeDecodeError as error:
        raise Refusal(400, "malformed input") from error
    except UnsafeArchiveError as error:
        raise Refusal(400, str(error)) from error
    finally:
        discard(files)
    if duplicates and not how.overwrite:
        return stream("text/html", [json.dumps({"duplicates": duplicates}, separators=(",", ":")).encode()])
    return Answer(200, (*RESTLET_HEADERS, ("content-type", "text/plain")))


def _label_to_write(request: Request, target: Target) -> str | None:
    if "resource" not in request.params:
        return None
    found = find_resources(request, target)
    return found[0].label if found else labels_in(request)[0]


def delete_files_route(request: Request) -> Answer:
    """``DELETE …/files/path``: every entry that *begins* with the path goes.

    See docs/xnat/writing-files.md, "Deleting files".
    """
    target = resolve(request)
    found = find_resources(request, target) if "resource" in request.params else []
    if not found:
        raise Refusal(400, "Unable to determine resource, parent, or security.")
    resource = found[0]
    owner: Owner = resource.owner
    if not can_delete_owner(request, owner):
        raise Refusal(403, "User account doesn't have permission to modify this session.")
    path: Path = request.archive.catalog_path(resource)
    catalog = request.archive.catalogs.read(path, catalog_id=resource.label)
    request.disk.reached("catalog-read", path)
    entries = entries_within(catalog.entries.values(), file_path(request))
    if not entries:
        if request.face.is_before_1_7:
            return empty()
        raise _NotFound(request, "No matched files")
    request.event_id()
    remove_files = not request.query.is_false("removeFiles")
    delete_files(request.archive, resource, catalog, entries, remove_files=remove_files, disk=request.disk)
    return empty()
