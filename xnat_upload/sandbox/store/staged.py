"""Uploads from 1.10.2 on: written into a hidden folder, hashed there, and moved into place under the catalog's lock.

So an upload that breaks off leaves everything as it was, and two writers of one resource are put in line
(docs/xnat/versions.md, "What 1.10.2 changes").
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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

STAGING_PREFIX = ".xnat-tmp-upload-"


class UnsafeArchiveError(Exception):
    """An archive has members that would leave the resource."""


@dataclass(frozen=True)
class _Staged:
    """One file, whole and hashed, on its way to `uri`."""

    uri: str
    path: Path
    size: int
    digest: str


def store_staged(
    archive: Archive, resource: Resource, incoming: Iterable[Incoming], path: str, how: Writing
) -> list[str]:
    """Store files and give the names of the duplicates that were left alone."""
    catalog_path = archive.catalog_path(resource)
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=catalog_path.parent))
    reach, hidden = archive.reach(resource), Reach(staging, limit=staging)
    try:
        staged: dict[str, _Staged] = {}
        for file in incoming:
            staged |= {one.uri: one for one in _stage(archive, reach, hidden, file, path, how)}
        how.disk.reached("before-catalog-lock", catalog_path)
        with archive.catalogs.locked(catalog_path):
            duplicates = _commit(archive, resource, staged.values(), how)
    except Exception:
        shutil.rmtree(staging)
        raise
    shutil.rmtree(staging)  # a server that is killed leaves it behind
    return duplicates


def _stage(archive: Archive, reach: Reach, hidden: Reach, file: Incoming, path: str, how: Writing) -> Iterator[_Staged]:
    name = PurePosixPath(file.name.replace("\\", "/")).name
    archive_format = extraction.format_of(name, knows_tgz=archive.face.knows_tgz) if how.extract else None
    if archive_format is None:
        uri = path.removeprefix("/") or name
        target = reach.path(uri)
        if target.is_file() and not archive.face.is_cataloguable(target.name):
            raise NotCataloguableError(f"XNAT cannot catalog {target.name}")
        place = hidden.path(uri)
        place.parent.mkdir(parents=True, exist_ok=True)
        yield _hashed(archive, uri, place, how.disk.accept(place, file.blocks, file.arrived), how)
        return
    with tempfile.NamedTemporaryFile(dir=_buffer_folder(archive)) as buffer:
        for block in file.blocks:
            buffer.write(block)
        buffer.flush()
        outside = [
            member.name
            for member in extraction.members_of_file(name, archive_format, Path(buffer.name))
            if _leaves(member.name)
        ]
        if outside:
            raise UnsafeArchiveError(
                f"Archive upload rejected: archive contains {len(outside)} entries with a relative path that resolves "
                "outside of the destination directory"
            )
        made = {""}
        for member in extraction.members_of_file(name, archive_format, Path(buffer.name)):
            if member.is_directory or not archive.face.is_cataloguable(member.name.rpartition("/")[2]):
                continue
            uri = os.path.normpath(member.name).lstrip("/")
            place = hidden.path(uri)
            if uri.rpartition("/")[0] not in made:
                place.parent.mkdir(parents=True, exist_ok=True)
                made.add(uri.rpartition("/")[0])
            yield _hashed(archive, uri, place, how.disk.write(place, member.blocks), how)


def _hashed(archive: Archive, uri: str, place: Path, size: int, how: Writing) -> _Staged:
    return _Staged(uri, place, size, how.disk.checksum(place) if archive.site.checksums else "")


def _buffer_folder(archive: Archive) -> Path:
    folder = archive.cache_folder / "UploadBuffer"
    folder.mkdir(exist_ok=True)
    return folder


def _leaves(name: str) -> bool:
    return os.path.normpath(name).split("/", 1)[0] == ".."


def _commit(archive: Archive, resource: Resource, staged: Iterable[_Staged], how: Writing) -> list[str]:
    catalog_path, reach = archive.catalog_path(resource), archive.reach(resource)
    # Read only now, so that nobody can have changed it since.
    catalog = archive.catalogs.read(catalog_path)
    how.disk.reached("catalog-read", catalog_path)
    entries = dict(catalog.entries)
    duplicates = []
    for one in staged:
        target = reach.path(one.uri)
        if target.exists():
            if not how.overwrite:
                duplicates.append(one.uri)
                continue
            if one.uri in entries and archive.site.maintain_file_history:
                clear(archive, target, keep=True, how=how)
        elif "/" in one.uri:
            target.parent.mkdir(parents=True, exist_ok=True)
        one.path.replace(target)
        entries[one.uri] = entry_of(entries.get(one.uri), one.uri, one.size, how, digest=one.digest)
    if archive.site.checksums:
        add_missing_digests(reach, entries, how)
    how.disk.reached("before-catalog-write", catalog_path)
    archive.catalogs.write(catalog_path, catalog, entries.values())
    how.disk.reached("entry-written", catalog_path)
    return duplicates
