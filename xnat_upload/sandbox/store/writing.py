"""What a request that writes files brings along, and the entry that each file gets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.catalog import Entry
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.reach import Reach


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


def clear(archive: Archive, target: Path, *, keep: bool, how: Writing) -> None:
    """Take the old copy away before the first new byte is read."""
    if not keep:
        target.unlink()
        return
    history = archive.cache_folder / ".history" / target.relative_to(archive.root).parent / how.event_id
    history.mkdir(parents=True, exist_ok=True)
    shutil.move(target, history / target.name)


def entry_of(old: Entry | None, uri: str, size: int, how: Writing, *, digest: str = "") -> Entry:
    """Make the entry of a file, or renew it; `digest` is empty where none was taken."""
    now = datetime.now().isoformat(timespec="milliseconds")
    info = how.info
    if old is None:
        return Entry(
            uri=uri,
            size=size,
            digest=digest,
            format=info.format,
            content=info.content,
            description=info.description,
            tags=info.tags,
            created_by=how.user,
            created_time=now,
            created_event_id=how.event_id,
        )
    return replace(
        old,
        size=size,
        # Without checksums a replaced file keeps the digest of the bytes it had before (docs/xnat/listings.md, "The
        # catalog").
        digest=digest or old.digest,
        format=info.format or old.format,
        content=info.content or old.content,
        description=info.description or old.description,
        tags=(*old.tags, *(tag for tag in info.tags if tag not in old.tags)),
        modified_by=how.user,
        modified_time=now,
        modified_event_id=how.event_id,
    )


def add_missing_digests(reach: Reach, entries: dict[str, Entry], how: Writing) -> None:
    """Take the checksum of every file that has none, which is how new files get theirs: last, from the disk."""
    for uri, entry in entries.items():
        if not entry.digest and (file := reach.file(uri)):
            entries[uri] = replace(entry, digest=how.disk.checksum(file))
