"""Bytes on their way out: one file, a part of it, a member of an archive, or a whole resource as an archive."""

from __future__ import annotations

import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import partial, reduce
from pathlib import Path
from urllib.parse import unquote_plus

import stream_zip

from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.files import served_path
from xnat_upload.sandbox.store.records import Resource

CONTENT_TYPES = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".html": "text/html",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".xml": "text/xml",
}
BLOCK_BYTES = 1 << 18
_IN_ZIP64 = 0xFFFFFFFF
RANGE = re.compile(r"bytes=(\d*)-(\d*)$")
ARCHIVE_TYPES = ("application/zip", "application/x-tar", "application/x-gtar")


def is_archive_request(request: Request) -> bool:
    """Tell whether the answer is to be a zip or a tar."""
    return request.format in ARCHIVE_TYPES


def file_answer(request: Request, path: Path) -> Answer:
    """Give one file, or the range of it that was asked for; there is no ETag.

    See docs/xnat/listings.md, "Reading one file".
    """
    status = path.stat()
    headers: tuple[tuple[str, str], ...] = (
        *RESTLET_HEADERS,
        ("content-type", CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")),
        ("last-modified", formatdate(status.st_mtime, usegmt=True)),
        ("cache-control", "must-revalidate"),
        ("content-disposition", f'attachment; filename="{path.name}"'),
    )
    if _is_unmodified(request, int(status.st_mtime)):
        return Answer(304, headers)
    wanted = request.headers.get("range")
    if wanted is None:
        return Answer(200, (*headers, ("content-length", str(status.st_size))), _blocks(path, 0, status.st_size))
    if "," in wanted:
        raise Refusal(501)
    match = RANGE.match(wanted.strip())
    if match is None or not any(match.groups()):
        return Answer(200, (*headers, ("content-length", str(status.st_size))), _blocks(path, 0, status.st_size))
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last or status.st_size - 1), status.st_size - 1)
    else:
        start, end = max(status.st_size - int(last), 0), status.st_size - 1
    if start > end:
        return Answer(416, (*RESTLET_HEADERS, ("content-range", f"bytes */{status.st_size}")))
    headers = (
        *headers,
        ("content-range", f"bytes {start}-{end}/{status.st_size}"),
        ("content-length", str(end - start + 1)),
    )
    return Answer(206, headers, _blocks(path, start, end - start + 1))


def _is_unmodified(request: Request, modified: int) -> bool:
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since).timestamp()
    except ValueError:
        return False


def _blocks(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (block := file.read(min(size, BLOCK_BYTES))):
            size -= len(block)
            yield block


def member_answer(request: Request, path: Path, member: str) -> Answer:
    """Give one member of a stored zip."""
    name = unquote_plus(member)
    with zipfile.ZipFile(path) as archive:
        if name not in archive.namelist():
            raise Refusal(404, "Unable to find file.")
    content_type = CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")
    return Answer(200, (*RESTLET_HEADERS, ("content-type", content_type)), _member_blocks(path, name))


def _member_blocks(path: Path, name: str) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as member:
        while block := member.read(BLOCK_BYTES):
            yield block


def archive_answer(request: Request, resources: list[Resource], *, folder: str = "") -> Answer:
    """Give the files of some resources, or of a folder in them, as one zip or tar; without any file it is 404."""
    files = [found for resource in resources for found in _named_files(request, resource, folder)]
    if not files:
        raise Refusal(404, "Unable to find file.")
    session = request.archive.sessions.get(resources[0].owner.id)
    name = session.label if session else resources[0].owner.id
    kind = request.format
    suffix = {"application/zip": "zip", "application/x-tar": "tar"}.get(kind, "tar.gz")
    headers = (
        *RESTLET_HEADERS,
        ("content-type", kind),
        ("content-disposition", f'attachment; filename="{name}.{suffix}"'),
    )
    pack = partial(_zipped, files) if kind == "application/zip" else partial(_tarred, files, suffix)
    length = [("content-length", str(sum(map(len, pack()))))] if request.face.sizes_archives else []
    return Answer(200, (*headers, *length), pack())


def zip_answer(name: str, files: Iterable[tuple[str, Path]]) -> Answer:
    """Give files under the names they are to have in a zip."""
    headers = (
        *RESTLET_HEADERS,
        ("content-type", "application/zip"),
        ("content-disposition", f'attachment; filename="{name}.zip"'),
    )
    return Answer(200, headers, _zipped(files))


def _named_files(request: Request, resource: Resource, within: str) -> Iterator[tuple[str, Path]]:
    """Give files under their names in an archive: those of a folder are called as in the resource.

    In all other names XNAT replaces IDs wherever they occur in the path (docs/xnat/listings.md, "A whole resource as a
    zip").
    """
    owner, archive = resource.owner, request.archive
    replaced: list[tuple[str, str]] = []
    if owner.level == "scans":
        session = archive.sessions[owner.id]
        scan = archive.scan(session, owner.scan_id)
        kind = re.sub(r"\W", "_", scan.fields.get("type", ""), flags=re.ASCII) if scan else ""
        folder = f"{session.id}/scans/{owner.scan_id}"
        replaced = [(session.id, session.label), (f"/{resource.id}/files/", f"/{resource.label}/files/")]
        if kind:
            replaced.append((f"/{owner.scan_id}/", f"/{owner.scan_id}-{kind}/"))
    elif owner.level == "experiments":
        session = archive.sessions[owner.id]
        folder = session.id
        replaced = [(session.id, session.label), (f"/{resource.id}/files/", f"/{resource.label}/files/")]
    elif owner.level == "reconstructions":
        folder = f"{archive.sessions[owner.id].label}/reconstructions/{owner.reconstruction_id}/{owner.direction}"
    elif owner.level == "assessors":
        assessor = archive.sessions[owner.id]
        folder = f"{assessor.label}/{owner.direction}"
        if "assessor" not in request.params and request.params.get("experiment") not in (assessor.id, assessor.label):
            folder = f"{archive.sessions[assessor.assessed_id].label}/assessors/{assessor.id}/{owner.direction}"
    else:
        folder = owner.id
    catalog_path, reach = archive.catalog_path(resource), archive.reach(resource)
    for entry in archive.catalogs.read(catalog_path, catalog_id=resource.label).entries.values():
        path = served_path(reach, entry) if entry.uri.startswith(within) else None
        if path is not None:
            name = f"{folder}/resources/{resource.id if replaced else resource.label}/files/{entry.uri}"
            yield entry.uri if within else reduce(lambda text, each: text.replace(*each), replaced, name), path


class _Spout(io.RawIOBase):
    """What an archive writer writes into; its content is taken out block by block."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        self._position += len(data)
        return len(data)

    def taken(self) -> bytes:
        """Give what has been written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _zipped(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Pack files as Java does: each is read twice, so that size and CRC stand before its bytes.

    Java takes no name twice, and XNAT closes the zip there: what follows is not in it.
    """

    found: dict[str, Path] = {}
    for name, path in files:
        if name in found:
            break
        found[name] = path

    def members() -> Iterator[stream_zip.MemberFile]:
        for name, path in found.items():
            status = path.stat()
            crc32 = 0
            for block in _blocks(path, 0, status.st_size):
                crc32 = zlib.crc32(block, crc32)
            method = stream_zip.NO_COMPRESSION_32 if status.st_size < _IN_ZIP64 else stream_zip.NO_COMPRESSION_64
            yield (
                name,
                datetime.fromtimestamp(status.st_mtime),
                stat.S_IFREG | 0o644,
                method(status.st_size, crc32),
                _blocks(path, 0, status.st_size),
            )

    yield from stream_zip.stream_zip(members(), chunk_size=_chunk_bytes(found), extended_timestamps=False)


def _chunk_bytes(files: Mapping[str, Path]) -> int:
    """Choose blocks that end behind no header, since stream-zip takes the header there for the end of the zip."""
    sizes = [path.stat().st_size for path in files.values()]
    headers = [
        30 + len(name.encode()) + (20 if size >= _IN_ZIP64 else 0) for name, size in zip(files, sizes, strict=True)
    ]
    runs = [size + header for size, header in zip(sizes, headers[1:], strict=False)]
    return next(number for number in range(BLOCK_BYTES, 0, -1) if all(run % number for run in runs))


def _tarred(files: Iterable[tuple[str, Path]], suffix: str) -> Iterator[bytes]:
    spout = _Spout()
    with tarfile.open(fileobj=spout, mode="w|gz" if suffix == "tar.gz" else "w|") as archive:
        for name, path in files:
            archive.add(path, arcname=name)
            yield spout.taken()
    yield spout.taken()
