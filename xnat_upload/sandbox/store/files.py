"""Putting files into a resource: bytes first, entry afterwards, one catalog write per request.

The order of events is that of docs/xnat/writing-files.md, "In which order things happen", and every consequence follows
from it: a broken upload leaves bytes without an entry, a second writer loses at the end with everything already on
disk, and the test for a duplicate looks at the disk and not at the catalog.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from xnat_upload.sandbox.store import extraction
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.catalog import Catalog, Entry
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.layout import resource_folder
from xnat_upload.sandbox.store.reach import Reach
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.zipstream import Member


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """Metadata of one request: it goes to the entry *and* to the resource.

    See docs/xnat/writing-files.md, "Parameters of a file PUT".
    """

    format: str = ""
    content: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file on its way in: its bytes can be read once."""

    name: str
    blocks: Iterator[bytes]
    arrived: Path | None = None  # a multipart part, complete in a temporary file


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How one request writes."""

    user: str
    event_id: str
    disk: Disk
    info: FileInfo = FileInfo()
    overwrite: bool = False
    extract: bool = False
    update_stats: bool = True


class NotCataloguableError(Exception):
    """The target is a catalog itself."""


def is_cataloguable(name: str) -> bool:
    """Tell whether a file gets an entry: catalogs and lock files never do."""
    return not name.endswith("_catalog.xml") and not name.startswith(".~lock-")


def put_files(
    archive: Archive, owner: Owner, label: str | None, incoming: Iterable[Incoming], path: str, *, how: Writing
) -> list[str]:
    """Store files and give the names of the duplicates that were left alone."""
    resource = find_resource(archive, owner, label)
    is_new = resource is None
    resource = resource or _unsaved_resource(archive, owner, label, how.info)
    changed = _with_info(resource, how.info)
    try:
        duplicates = _store(archive, resource, incoming, path, how)
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


def _store(archive: Archive, resource: Resource, incoming: Iterable[Incoming], path: str, how: Writing) -> list[str]:
    catalog_path = archive.catalog_path(resource)
    catalog = archive.catalogs.read(catalog_path)
    how.disk.reached("catalog-read", catalog_path)
    reach = archive.reach(resource)
    entries = dict(catalog.entries)
    duplicates: list[str] = []
    for file in incoming:
        name = PurePosixPath(file.name.replace("\\", "/")).name
        archive_format = extraction.format_of(name, knows_tgz=archive.profile != "1.6") if how.extract else None
        if archive_format:
            members = extraction.members(name, archive_format, file.blocks)
            written = _extract(archive, reach, catalog_path.parent, members, duplicates, how)
            for uri, size in written:
                # An entry whose file was missing keeps its old size and digest (docs/xnat/writing-files.md,
                # "Archives").
                if is_cataloguable(Path(uri).name) and (how.overwrite or uri not in catalog.entries):
                    entries[uri] = _entry(archive, reach, entries.get(uri), uri, size, how)
            continue
        uri = path.removeprefix("/") or name
        target = reach.path(uri)
        if target.is_file() and not is_cataloguable(target.name):
            raise NotCataloguableError(f"XNAT cannot catalog {target.name}")
        if target.exists() and not how.overwrite:
            duplicates.append(uri)
            continue
        if target.exists() and uri in catalog.entries:
            _clear(archive, target, keep=archive.site.maintain_file_history, how=how)
        target.parent.mkdir(parents=True, exist_ok=True)
        size = how.disk.accept(target, file.blocks, file.arrived)
        entries[uri] = _entry(archive, reach, entries.get(uri), uri, size, how)
    if archive.site.checksums:
        _add_missing_digests(reach, entries, how)
    how.disk.reached("before-catalog-write", catalog_path)
    # Unconditional: a request of nothing but duplicates can still lose, or cause, a conflict (docs/xnat/at-once.md,
    # "The catalog is compared, not locked").
    archive.catalogs.write(catalog_path, catalog, entries.values())
    how.disk.reached("entry-written", catalog_path)
    return duplicates


def _add_missing_digests(reach: Reach, entries: dict[str, Entry], how: Writing) -> None:
    """Take the checksum of every file that has none, which is how new files get theirs: last, from the disk."""
    for uri, entry in entries.items():
        if not entry.digest and (file := reach.file(uri)):
            entries[uri] = replace(entry, digest=how.disk.checksum(file))


def _extract(
    archive: Archive, reach: Reach, folder: Path, members: Iterator[Member], duplicates: list[str], how: Writing
) -> list[tuple[str, int]]:
    written = []
    made = {folder}
    for member in members:
        target = reach.path(member.name)
        if member.is_directory:
            target.mkdir(parents=True, exist_ok=True)
            continue
        if target.exists():
            if not how.overwrite:
                duplicates.append(member.name)
                continue
            # Kept whatever the site's setting says (docs/xnat/writing-files.md, "Archives").
            _clear(archive, target, keep=True, how=how)
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        size = how.disk.write(target, member.blocks)
        if target.is_relative_to(folder):
            written.append((target.relative_to(folder).as_posix(), size))
    return written


def _clear(archive: Archive, target: Path, *, keep: bool, how: Writing) -> None:
    """Take the old copy away before the first new byte is read."""
    if not keep:
        target.unlink()
        return
    history = archive.cache_folder / ".history" / target.relative_to(archive.root).parent / how.event_id
    history.mkdir(parents=True, exist_ok=True)
    shutil.move(target, history / target.name)


def _entry(archive: Archive, reach: Reach, old: Entry | None, uri: str, size: int, how: Writing) -> Entry:
    now = datetime.now().isoformat(timespec="milliseconds")
    info = how.info
    if old is None:
        return Entry(
            uri=uri,
            size=size,
            format=info.format,
            content=info.content,
            description=info.description,
            tags=info.tags,
            created_by=how.user,
            created_time=now,
            created_event_id=how.event_id,
        )
    renews_digest = archive.site.checksums and archive.profile != "1.6"
    return replace(
        old,
        size=size,
        # Without checksums, and always on 1.6, a replaced file keeps the digest of the bytes it had before
        # (docs/xnat/listings.md, "The catalog").
        digest=how.disk.checksum(reach.path(uri)) if renews_digest else old.digest,
        format=info.format or old.format,
        content=info.content or old.content,
        description=info.description or old.description,
        tags=(*old.tags, *(tag for tag in info.tags if tag not in old.tags)),
        modified_by=how.user,
        modified_time=now,
        modified_event_id=how.event_id,
    )


def served_path(reach: Reach, entry: Entry) -> Path | None:
    """Give the file behind an entry; ``a.nii`` may lie there as ``a.nii.gz``.

    See docs/xnat/listings.md, "Reading one file".
    """
    return reach.file(entry.uri) or reach.file(f"{entry.uri}.gz")


def matching_entry(catalog: Catalog, path: str, decoded: str) -> Entry | None:
    """Find the entry of a raw path, then of its URL-decoded form (docs/xnat/writing-files.md, "Names in a URL")."""
    return catalog.entries.get(path) or catalog.entries.get(decoded)
