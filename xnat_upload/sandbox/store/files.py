"""Putting files into a resource, which is made on the way if it is not there, and finding them again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote_plus

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.catalog import Catalog, Entry
from xnat_upload.sandbox.store.direct import store_directly
from xnat_upload.sandbox.store.layout import resource_folder
from xnat_upload.sandbox.store.reach import Reach
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.staged import UnsafeArchiveError, store_staged
from xnat_upload.sandbox.store.writing import FileInfo, Incoming, Writing


def put_files(
    archive: Archive, owner: Owner, label: str | None, incoming: Iterable[Incoming], path: str, *, how: Writing
) -> list[str]:
    """Store files and give the names of the duplicates that were left alone."""
    resource = find_resource(archive, owner, label)
    is_new = resource is None
    resource = resource or _unsaved_resource(archive, owner, label, how.info)
    changed = _with_info(resource, how.info)
    catalog_path = archive.catalog_path(resource)
    store = store_staged if archive.face.stages_uploads else store_directly
    try:
        with archive.catalogs.written_to(catalog_path):
            duplicates = store(archive, resource, incoming, path, how)
    except UnsafeArchiveError:
        if is_new:
            catalog_path.unlink()
            catalog_path.parent.rmdir()
        raise
    except Exception:
        # The row is saved even when the upload has failed (docs/xnat/writing-files.md, "Where the bytes go"): only now
        # do others see it.
        _save_row(archive, resource, changed, is_new=is_new, with_statistics=is_new or how.update_stats)
        raise
    _save_row(archive, resource, changed, is_new=is_new, with_statistics=is_new or how.update_stats)
    return duplicates


def _save_row(archive: Archive, resource: Resource, changed: Resource, *, is_new: bool, with_statistics: bool) -> None:
    if with_statistics:
        changed = with_stats(archive, changed)
    if is_new or changed != resource:
        archive.save(changed)


def find_resource(archive: Archive, owner: Owner, label: str | None) -> Resource | None:
    """Find a resource by label; without one, the first there is."""
    resources = archive.resources_of(owner)
    if label is None:
        return resources[0] if resources else None
    return next((one for one in resources if one.label == label), None)


def _unsaved_resource(archive: Archive, owner: Owner, label: str | None, info: FileInfo) -> Resource:
    name = label if label is not None else datetime.now().strftime("%Y%m%d_%H%M%S")
    folder = resource_folder(archive, owner, name)
    # Named after the label, where PUT resource names it after the scan: two catalogs in one
    # folder is how the race of the two ends (docs/xnat/at-once.md, "Two that make one resource").
    catalog = folder / f"{name}_catalog.xml"
    archive.catalogs.read(catalog, catalog_id=name)
    return Resource(
        id=archive.next_row_id("resource"),
        owner=owner,
        label=label or "",
        catalog=str(catalog.relative_to(archive.archive_folder)),
        content="" if info.content or archive.resources_of(owner) else default_content(archive, owner),
    )


def default_content(archive: Archive, owner: Owner) -> str:
    """Give ``RAW`` for the first resource of a scan that has a type.

    See docs/xnat/scans-and-resources.md, "Making a resource".
    """
    if owner.level != "scans" or archive.resources_of(owner):
        return ""
    scan = archive.scan(archive.sessions[owner.id], owner.scan_id)
    return "RAW" if scan and scan.fields.get("type") else ""


def _with_info(resource: Resource, info: FileInfo) -> Resource:
    return replace(
        resource,
        format=info.format or resource.format,
        content=info.content or resource.content,
        description=info.description or resource.description,
        tags=(*resource.tags, *(tag for tag in info.tags if tag not in resource.tags)),
    )


def with_stats(archive: Archive, resource: Resource) -> Resource:
    """Count again what the catalog lists and the disk has."""
    reach = archive.reach(resource)
    found = map(reach.size, archive.catalogs.read(archive.catalog_path(resource)).entries)
    sizes = [size for size in found if size is not None]
    return replace(resource, file_count=len(sizes), file_size=sum(sizes))


def served_path(reach: Reach, entry: Entry) -> Path | None:
    """Give the file behind an entry; ``a.nii`` may lie there as ``a.nii.gz``.

    See docs/xnat/listings.md, "Reading one file".
    """
    return reach.file(entry.uri) or reach.file(f"{entry.uri}.gz")


def matching_entry(archive: Archive, catalog: Catalog, path: str) -> Entry | None:
    """Find the entry of a raw path, then of its URL-decoded form (docs/xnat/writing-files.md, "Names in a URL")."""
    decoded = unquote_plus(path)
    found = catalog.entries.get(path) or catalog.entries.get(decoded)
    if found is None and archive.face.takes_decoded_names_for_one:
        found = next((one for uri, one in catalog.entries.items() if unquote_plus(uri) == unquote_plus(decoded)), None)
    return found
