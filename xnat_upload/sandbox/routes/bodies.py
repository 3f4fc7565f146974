"""How the body of a file PUT becomes files (docs/xnat/writing-files.md, "Body forms")."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.extraction import gunzipped
from xnat_upload.sandbox.store.writing import Incoming

IN_BODY_TYPES = frozenset({
    "application/octet-stream", "text/plain", "text/xml", "application/xml", "text/csv", "application/zip",
    "application/x-tar", "application/x-gtar", "application/x-gzip", "application/gzip", "application/pdf",
    "application/rtf", "image/png", "image/jpeg", "image/tiff", "image/gif", "image/bmp", "image/svg+xml",
    "application/dicom", "application/x-xar", "application/xar", "video/mpeg", "video/mp4", "video/quicktime",
    "video/avi", "video/x-msvideo",
})  # fmt: skip
EXTENSIONS = {
    "text/plain": ".txt",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "application/zip": ".zip",
    "application/x-tar": ".tar",
    "application/x-gzip": ".gz",
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "application/dicom": ".dcm",
}
ZIP = "application/zip"
MAX_FIELD_BYTES = 1 << 20


def incoming_files(request: Request, path: str) -> list[Incoming]:
    """Turn the body into files; an empty list means that XNAT finds nothing to store."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_multipart = kind == "multipart/form-data"
    if request.query.is_true("inbody") or kind in IN_BODY_TYPES:
        if is_multipart:
            raise Refusal(400, _no_data(request))
        if request.body.size <= 0 and not kind:
            raise Refusal(500)  # a NullPointerException: only then is the missing type asked for its name
        if request.body.size <= 0 and not (kind == ZIP and request.face.takes_chunked_zips):
            raise Refusal(
                500,
                "In-body File posts must include the file directly as the body of the message; "
                f"size is {max(request.body.size, 0)}.",
            )
        name = path.rpartition("/")[2] or f"upload{EXTENSIONS.get(kind, '.unsupported')}"
        return [Incoming(name=name, blocks=decoded(request))]
    if is_multipart:
        return parts(request)
    if kind == "application/x-www-form-urlencoded":
        raise Refusal(500, f"the request doesn't contain a multipart/form-data stream, content type header is {kind}")
    return []


def no_data_refusal(request: Request) -> Refusal:
    """Give the refusal of a body that holds nothing to store."""
    return Refusal(400, _no_data(request))


def _no_data(request: Request) -> str:
    if request.body.size == 0:
        return (
            f"You tried to {request.method} to this service, but didn't provide any data (found request entity "
            "size of 0). Please check the format of your service request."
        )
    return (
        f"You tried to {request.method} a payload of {request.body.size} bytes to this service, but didn't provide "
        "any data. If you think you sent data to upload, you can try to "
        f"{request.method} with the query-string parameter inbody=true or use multipart/form-data encoding."
    )


def decoded(request: Request) -> Iterator[bytes]:
    """Give the body without its Content-Encoding: what was sent compressed is stored decompressed.

    See docs/xnat/requests.md, "Request bodies".
    """
    match request.headers.get("content-encoding", "").lower():
        case "gzip":
            return gunzipped(request.body.blocks())
        case "deflate":
            return _inflated(request.body.blocks())
    return request.body.blocks()


def _inflated(blocks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for block in blocks:
        yield inflater.decompress(block)
    yield inflater.flush()


@dataclass
class _Part:
    """One part while it is being received."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    file: BinaryIO | None = None
    path: Path | None = None

    @property
    def disposition(self) -> dict[bytes, bytes]:
        """The parameters of Content-Disposition."""
        return parse_options_header(self.headers.get(b"content-disposition", b""))[1]


class _Receiver:
    """Writes each file part to a temporary file; ordinary form fields are kept beside them."""

    def __init__(self, folder: Path, *, part_header_bytes: int | None) -> None:
        self._folder = folder
        self._part_header_bytes = part_header_bytes
        self._part = _Part()
        self._header: tuple[bytes, bytes] = (b"", b"")
        self.files: list[_Part] = []
        self.fields: list[tuple[str, bytes]] = []
        self.is_complete = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._part = _Part()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _header_end(self) -> None:
        self._part.headers[self._header[0].lower()] = self._header[1]
        self._header = (b"", b"")

    def _open(self) -> None:
        # As they stand in the body: "name: value" and a line break each.
        size = sum(len(name) + len(value) + 4 for name, value in self._part.headers.items())
        if self._part_header_bytes is not None and size > self._part_header_bytes:
            raise Refusal(
                500,
                f"Header section has more than {self._part_header_bytes} bytes (maybe it is not properly terminated)",
            )
        disposition = self._part.disposition
        if b"filename" in disposition:
            self._part.path = self._folder / f"upload_{uuid.uuid4().hex}.tmp"
            self._part.file = self._part.path.open("wb")
            self.files.append(self._part)
        elif disposition.get(b"name") == b"reference":
            raise Refusal(500, "The reference parameter belongs into the query string.")
        else:
            self.fields.append((disposition.get(b"name", b"").decode("utf-8", "replace"), b""))

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.file is not None:
            part.file.write(memoryview(data)[start:end])
        else:
            name, value = self.fields[-1]
            if len(value) + end - start > MAX_FIELD_BYTES:
                raise Refusal(413, f"The form field {name} is longer than {MAX_FIELD_BYTES} bytes.")
            self.fields[-1] = (name, value + data[start:end])

    def _close(self) -> None:
        if self._part.file is not None:
            self._part.file.close()

    def _end(self) -> None:
        self.is_complete = True

    def discard(self) -> None:
        """Throw away what was received."""
        for part in self.files:
            if part.file is not None:
                part.file.close()
            if part.path is not None:
                part.path.unlink(missing_ok=True)


def incoming_form(request: Request) -> tuple[list[Incoming], str]:
    """Turn the body into files, and the fields of a form beside them into a query string."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data" or request.query.is_true("inbody"):
        return incoming_files(request, ""), ""
    received = _received(request)
    return [_arrived(part) for part in received.files], urlencode(received.fields)


def parts(request: Request) -> list[Incoming]:
    """Give the files of a form."""
    return [_arrived(part) for part in _received(request).files]


def _received(request: Request) -> _Receiver:
    """Receive all parts before anything is stored: the target stays as it is until they are complete.

    See docs/xnat/writing-files.md, "Where the bytes go".
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if not boundary:
        raise Refusal(500, "the request was rejected because no multipart boundary was found")
    receiver = _Receiver(request.archive.build_folder, part_header_bytes=request.face.part_header_bytes)
    parser = MultipartParser(boundary, receiver.callbacks())  # type: ignore[arg-type]
    try:
        for block in decoded(request):
            parser.write(block)
        if not receiver.is_complete:
            raise Refusal(500, "Stream ended unexpectedly")
    except MultipartParseError as error:
        receiver.discard()
        raise Refusal(500, str(error)) from error
    except BaseException:
        receiver.discard()
        raise
    return receiver


def _arrived(part: _Part) -> Incoming:
    assert part.path is not None
    name = part.disposition[b"filename"].decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return Incoming(name=name, blocks=_from_file(part.path), arrived=part.path)


def _from_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 18):
            yield block


def discard(files: list[Incoming]) -> None:
    """Remove temporary files that were not moved away."""
    for file in files:
        if file.arrived:
            file.arrived.unlink(missing_ok=True)
