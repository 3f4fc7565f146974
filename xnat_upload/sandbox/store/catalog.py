"""The catalog of a resource: an XML file that says which of the files on disk exist.

Only a file with an entry here is listed, served or deleted.  Every writer reads the
whole catalog, changes its copy and writes the whole file back.  What protects two
writers from each other is not a lock around that, but a comparison: the MD5 of the
file at reading time against its MD5 at writing time (docs/xnat/at-once.md, "The catalog is compared, not locked").
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from xnat_upload.sandbox.faces import Face

NAMESPACE = "http://nrg.wustl.edu/catalog"


class CatalogUnreadableError(Exception):
    """The catalog file cannot be parsed."""


class CatalogBusyError(Exception):
    """The lock of the catalog was not to be had in time."""


class ConcurrentModificationError(Exception):
    """Somebody else has written the catalog since it was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file of a resource; `uri` is its path below the folder of the catalog."""

    uri: str
    size: int | None = None
    digest: str = ""
    format: str = ""
    content: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    created_by: str = ""
    created_time: str = ""
    created_event_id: str = ""
    modified_by: str = ""
    modified_time: str = ""
    modified_event_id: str = ""

    @property
    def name(self) -> str:
        """Base name of the file."""
        return self.uri.rpartition("/")[2]


@dataclass(frozen=True)
class Catalog:
    """What was read from a catalog file; `checksum` is ``None`` for a catalog not written yet."""

    id: str
    entries: Mapping[str, Entry]
    checksum: str | None


ATTRIBUTES = {
    "digest": "digest",
    "format": "format",
    "content": "content",
    "description": "description",
    "createdBy": "created_by",
    "createdTime": "created_time",
    "createdEventId": "created_event_id",
    "modifiedBy": "modified_by",
    "modifiedTime": "modified_time",
    "modifiedEventId": "modified_event_id",
}


class CatalogFiles:
    """Reads and writes catalog files, one lock per file around each rewrite."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._locks: dict[Path, threading.RLock] = {}
        self._guard = threading.Lock()
        self._written_to: set[Path] = set()

    @contextmanager
    def locked(self, path: Path) -> Iterator[None]:
        """Keep all others from reading and writing one catalog."""
        with self._guard:
            lock = self._locks.setdefault(path, threading.RLock())
        if not lock.acquire(timeout=self._face.catalog_patience_seconds):
            raise CatalogBusyError(f"{self._face.catalog_busy} {path}")
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def written_to(self, path: Path) -> Iterator[None]:
        """Note that a request is writing into the resource of this catalog."""
        with self._guard:
            self._written_to.add(path)
        try:
            yield
        finally:
            with self._guard:
                self._written_to.discard(path)

    def is_read_beside_a_writer(self, path: Path) -> bool:
        """Tell, once for each writer, whether one is at work: a 1.6 then lists nothing."""
        with self._guard:
            if not self._face.lists_nothing_beside_a_writer or path not in self._written_to:
                return False
            self._written_to.discard(path)
            return True

    def read(self, path: Path, *, catalog_id: str = "") -> Catalog:
        """Read a catalog; a missing or empty file is created anew without entries.

        See docs/xnat/listings.md, "The list of files"; docs/xnat/at-once.md, "The catalog is compared, not locked".
        """
        with self.locked(path):
            document = path.read_bytes() if path.exists() else b""
            if not document:
                path.parent.mkdir(parents=True, exist_ok=True)
                document = serialise(catalog_id, ())
                path.write_bytes(document)
        try:
            return parse(document)
        except (etree.XMLSyntaxError, ValueError, KeyError) as error:
            raise CatalogUnreadableError(f"No catalog bean stored in {path}: {error}") from error

    def write(self, path: Path, catalog: Catalog, entries: Iterable[Entry]) -> Catalog:
        """Replace the file by `entries`, unless it is no longer the one `catalog` was read from."""
        document = serialise(catalog.id, entries)
        with self.locked(path):
            if self._face.detects_conflicts:
                now = checksum_of(path.read_bytes()) if path.exists() else None
                if now != catalog.checksum:
                    raise ConcurrentModificationError(
                        f"Another thread or process modified {path} since I last read it. "
                        "To avoid overwriting changes, I'm throwing an exception."
                    )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(document)
        return Catalog(catalog.id, catalog.entries, checksum_of(document))

    def truncate(self, path: Path, *, catalog_id: str) -> None:
        """Write an empty catalog without looking: what ``PUT resource`` does, and why its race loses entries."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(serialise(catalog_id, ()))


def checksum_of(document: bytes) -> str:
    """Give the MD5 that stands for one state of a catalog file."""
    return hashlib.md5(document).hexdigest()


def parse(document: bytes) -> Catalog:
    """Turn a catalog document into its entries, in document order."""
    if b"<!DOCTYPE" in document:  # nobody writes one but who wants its entities to fill the memory
        raise ValueError("A catalog declares no document type.")
    entries = {}
    catalog_id = ""
    events = etree.iterparse(
        io.BytesIO(document), events=("start", "end"), resolve_entities=False, no_network=True, huge_tree=True
    )
    for event, element in events:
        if event == "start":
            if element.tag == f"{{{NAMESPACE}}}Catalog":
                catalog_id = element.get("ID") or ""
        elif element.tag == f"{{{NAMESPACE}}}entry":
            entry = _entry(element)
            entries[entry.uri] = entry
            element.clear()  # a tree of 100,000 entries would take hundreds of megabytes
    return Catalog(catalog_id, entries, checksum_of(document))


def _entry(element: etree._Element) -> Entry:
    size = None
    tags = []
    for group in element:
        for child in group:
            if child.tag == f"{{{NAMESPACE}}}metaField" and child.get("name") == "SIZE":
                size = int(child.text or 0)
            elif child.tag == f"{{{NAMESPACE}}}tag":
                name = child.get("name")
                tags.append(f"{name}={child.text or ''}" if name else child.text or "")
    attributes = element.attrib
    known = {field: str(attributes[name]) for name, field in ATTRIBUTES.items() if name in attributes}
    return Entry(uri=str(attributes["URI"]), size=size, tags=tuple(tags), **known)


def serialise(catalog_id: str, entries: Iterable[Entry]) -> bytes:
    """Write a catalog document."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<cat:Catalog ID="{_attribute(catalog_id)}" xmlns:cat="{NAMESPACE}" '
        'xmlns:xnat="http://nrg.wustl.edu/xnat" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        "<cat:entries>",
    ]
    lines.extend(_entry_element(entry) for entry in entries)
    lines.append("</cat:entries>\n</cat:Catalog>\n")
    return "\n".join(lines).encode()


def _entry_element(entry: Entry) -> str:
    uri = _attribute(entry.uri)
    attributes = [f'ID="{uri}" URI="{uri}" cachePath="{uri}" name="{_attribute(entry.name)}"']
    for name, field in ATTRIBUTES.items():
        value: str = getattr(entry, field)
        if value:
            attributes.append(f'{name}="{_attribute(value)}"')
    children = ""
    if entry.size is not None:
        children += f'<cat:metaFields><cat:metaField name="SIZE">{entry.size}</cat:metaField></cat:metaFields>'
    if entry.tags:
        children += f"<cat:tags>{''.join(map(_tag, entry.tags))}</cat:tags>"
    return f'<cat:entry {" ".join(attributes)} xsi:type="cat:entry">{children}</cat:entry>'


def _tag(tag: str) -> str:
    name, equals, value = tag.partition("=")
    if equals:
        return f'<cat:tag name="{_attribute(name)}">{escape(value)}</cat:tag>'
    return f"<cat:tag>{escape(tag)}</cat:tag>"


def _attribute(value: str) -> str:
    return escape(value, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
