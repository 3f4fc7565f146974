"""Resources as a whole: creating, deleting, listing their rows, refreshing their catalogs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.store.archive import PRIVATE, Archive
from xnat_upload.sandbox.store.catalog import Catalog, Entry
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.files import default_content, with_stats
from xnat_upload.sandbox.store.layout import resource_folder
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.writing import FileInfo

REFRESH_OPERATIONS = frozenset({"append", "checksum", "delete", "populateStats"})


def create_resource(archive: Archive, owner: Owner, label: str, info: FileInfo) -> Resource:
    """Create a resource with an empty catalog.

    The caller has looked whether the label exists; nothing holds the door meanwhile.
    So of two creators at once the second truncates the first one's catalog (docs/xnat/at-once.md, "Two that make one
    resource"), and the two rows become one because its URI is unique.
    """
    name = owner.scan_id or owner.reconstruction_id or label
    path = resource_folder(archive, owner, label) / f"{name}_catalog.xml"
    archive.catalogs.truncate(path, catalog_id=name)
    relative = str(path.relative_to(archive.archive_folder))
    with archive.lock:
        same = next((one for one in archive.resources_of(owner) if one.catalog == relative), None)
        resource = Resource(
            id=same.id if same else archive.next_row_id("resource"),
            owner=owner,
            label=label,
            catalog=relative,
            format=info.format,
            content=info.content or default_content(archive, owner),
            description=info.description,
            tags=info.tags,
        )
        archive.save(resource)
    return resource


def delete_resource(archive: Archive, resource: Resource) -> None:
    """Delete a resource with its catalogued files; orphans stay on disk and come back to haunt.

    See docs/xnat/scans-and-resources.md, "Deleting a resource".
    """
    path = archive.catalog_path(resource)
    reach = archive.reach(resource)
    for file in filter(None, map(reach.file, archive.catalogs.read(path).entries)):
        file.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    archive.remove(resource)
    _remove_empty_folders(path.parent)


def _remove_empty_folders(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        if not any(Path(parent).iterdir()):
            Path(parent).rmdir()


def delete_files(
    archive: Archive,
    resource: Resource,
    catalog: Catalog,
    entries: Iterable[Entry],
    *,
    remove_files: bool,
    disk: Disk,
) -> None:
    """Drop entries, and their files unless told otherwise; a conflict deletes nothing.

    See docs/xnat/writing-files.md, "Deleting files".
    """
    path = archive.catalog_path(resource)
    gone = {entry.uri for entry in entries}
    kept = [entry for uri, entry in catalog.entries.items() if uri not in gone]
    disk.reached("before-catalog-write", path)
    archive.catalogs.write(path, catalog, kept)
    disk.reached("entry-written", path)
    if remove_files:
        reach = archive.reach(resource)
        for file in filter(None, map(reach.file, gone)):
            file.unlink(missing_ok=True)
            if file.parent != path.parent and file.parent.is_dir() and not any(file.parent.iterdir()):
                file.parent.rmdir()
    archive.save(with_stats(archive, resource))


def entries_within(entries: Iterable[Entry], path: str) -> list[Entry]:
    """Select what a DELETE means: equal, *or beginning with* the path, or a trailing-star pattern.

    See docs/xnat/writing-files.md, "Deleting files".
    """
    pattern = re.compile(path[:-1] + ".*") if path.endswith("*") else None
    return [
        entry
        for entry in entries
        if entry.uri.startswith(path) or (pattern is not None and pattern.fullmatch(entry.uri))
    ]


def refresh(archive: Archive, resource: Resource, operations: frozenset[str], *, disk: Disk) -> None:
    """Bring the catalog in line with the disk.

    No operation means all of them, `delete` included, except that digests are made
    only if the site keeps them (docs/xnat/listings.md, "Refreshing a catalog").
    """
    path = archive.catalog_path(resource)
    folder, reach = path.parent, archive.reach(resource)
    if _has_second_catalog(folder, path):
        return
    wanted = operations or REFRESH_OPERATIONS - (set() if archive.site.checksums else {"checksum"})
    catalog = archive.catalogs.read(path)
    entries = dict(catalog.entries)
    disk.reached("catalog-read", path)
    if "delete" in wanted:
        entries = {uri: entry for uri, entry in entries.items() if reach.size(uri) is not None}
    # Whatever is wanted, the entry of a file that is there takes the size it has now.
    entries = {
        uri: entry if (size := reach.size(uri)) is None else replace(entry, size=size) for uri, entry in entries.items()
    }
    if "append" in wanted:
        for file in files_below(folder, archive.face):
            uri = file.relative_to(folder).as_posix()
            if (size := reach.size(uri)) is not None:
                entries.setdefault(uri, Entry(uri=uri, size=size))
    if "checksum" in wanted:
        for uri, entry in entries.items():
            # A 1.6 makes only the digests that are missing.
            if (found := reach.file(uri)) and (archive.face.renews_digests or not entry.digest):
                entries[uri] = replace(entry, digest=disk.checksum(found))
    disk.reached("before-catalog-write", path)
    if entries != catalog.entries:
        archive.catalogs.write(path, catalog, entries.values())
        disk.reached("entry-written", path)
    if "populateStats" in wanted:
        archive.save(with_stats(archive, resource))


def files_below(folder: Path, face: Face) -> Iterator[Path]:
    """Yield every file that could have an entry, in a stable order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names) if face.is_cataloguable(name))


def _has_second_catalog(folder: Path, own: Path) -> bool:
    # A user's XML file that contains a catalog counts as one, and so refresh silently does nothing.
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            if file == own or not name.endswith(".xml"):
                continue
            if name.endswith("_catalog.xml"):
                return True
            with file.open("rb") as content:
                if b"<cat:Catalog" in content.read(4096):
                    return True
    return False


def empty_build_folder(archive: Archive) -> None:
    """Throw away multipart bodies that a dead server left behind."""
    shutil.rmtree(archive.build_folder, ignore_errors=True)
    archive.build_folder.mkdir(mode=PRIVATE)
