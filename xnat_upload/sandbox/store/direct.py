"""Uploads up to 1.10.1: bytes go to their final path first, and the entry comes afterwards.

The order of events is that of docs/xnat/writing-files.md, "In which order things happen", and every consequence follows
from it: a broken upload leaves bytes without an entry, a second writer loses at the end with everything already on
disk, and the test for a duplicate looks at the disk and not at the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_plus

from xnat_upload.sandbox.store import extraction
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.reach import Reach
from xnat_upload.sandbox.store.records import Resource
from xnat_upload.sandbox.store.writing import (
    Incoming,
    NotCataloguableError,
    Writing,
    add_missing_digests,
    clear,
    entry_of,
)
from xnat_upload.sandbox.store.zipstream import Member


def store_directly(
    archive: Archive, resource: Resource, incoming: Iterable[Incoming], path: str, how: Writing
) -> list[str]:
    """Store files and give the names of the duplicates that were left alone."""
    catalog_path = archive.catalog_path(resource)
    catalog = archive.catalogs.read(catalog_path)
    how.disk.reached("catalog-read", catalog_path)
    reach = archive.reach(resource)
    entries = dict(catalog.entries)
    one_name = _OneName(entries, is_decoded=archive.face.takes_decoded_names_for_one)
    duplicates: list[str] = []

    def enter(uri: str, size: int) -> None:
        uri = one_name(uri)
        old = entries.get(uri)
        renews_digest = old is not None and archive.site.checksums and archive.face.renews_digests
        digest = how.disk.checksum(reach.path(uri)) if renews_digest else ""
        entries[uri] = entry_of(old, uri, size, how, digest=digest)

    for file in incoming:
        name = PurePosixPath(file.name.replace("\\", "/")).name
        archive_format = extraction.format_of(name, knows_tgz=archive.face.knows_tgz) if how.extract else None
        if archive_format:
            members = extraction.members(name, archive_format, file.blocks)
            for uri, size in _extract(archive, reach, catalog_path.parent, members, duplicates, how):
                # An entry whose file was missing keeps its old size and digest (docs/xnat/writing-files.md,
                # "Archives").
                if archive.face.is_cataloguable(uri.rpartition("/")[2]) and (
                    how.overwrite or one_name(uri) not in catalog.entries
                ):
                    enter(uri, size)
            continue
        uri = path.removeprefix("/") or name
        target = reach.path(uri)
        if target.is_file() and not archive.face.is_cataloguable(target.name):
            raise NotCataloguableError(f"XNAT cannot catalog {target.name}")
        if target.exists() and not how.overwrite:
            duplicates.append(uri)
            continue
        if target.exists() and uri in catalog.entries:
            clear(archive, target, keep=archive.site.maintain_file_history, how=how)
        target.parent.mkdir(parents=True, exist_ok=True)
        enter(uri, how.disk.accept(target, file.blocks, file.arrived))
    if archive.site.checksums:
        add_missing_digests(reach, entries, how)
    how.disk.reached("before-catalog-lock", catalog_path)
    how.disk.reached("before-catalog-write", catalog_path)
    # Unconditional: a request of nothing but duplicates can still lose, or cause, a conflict (docs/xnat/at-once.md,
    # "The catalog is compared, not locked").
    archive.catalogs.write(catalog_path, catalog, entries.values())
    how.disk.reached("entry-written", catalog_path)
    return duplicates


class _OneName:
    """Finds the entry a name stands for: its own, or on 1.6 that of any name which is the same once decoded."""

    def __init__(self, entries: Iterable[str], *, is_decoded: bool) -> None:
        self._known = {unquote_plus(uri): uri for uri in entries} if is_decoded else None

    def __call__(self, uri: str) -> str:
        return uri if self._known is None else self._known.setdefault(unquote_plus(uri), uri)


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
            clear(archive, target, keep=True, how=how)
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        size = how.disk.write(target, member.blocks)
        path = str(target)  # as text: zips of 100,000 members are no rarity
        if path.startswith(f"{folder}/"):
            written.append((path.removeprefix(f"{folder}/"), size))
    return written
