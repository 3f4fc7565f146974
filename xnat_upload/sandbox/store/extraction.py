"""``extract=true``: which names are archives, and what becomes of their members.

See docs/xnat/writing-files.md, "Archives".
"""

from __future__ import annotations

import codecs
import contextlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from xnat_upload.sandbox.store import zipstream
from xnat_upload.sandbox.store.zipstream import BLOCK_BYTES, BadArchiveError, ByteStream, Member

UTF_8_NAME = 0x800  # the flag of a zip's member

Format = Literal["zip", "tar", "tgz", "gz"]

ENDINGS: dict[str, Format] = {
    ".tar": "tar",
    ".xar": "tar",
    ".tgz": "tgz",
    ".tar.gz": "tgz",
    ".zip": "zip",
    ".zar": "zip",
    ".gz": "gz",
}


def format_of(name: str, *, knows_tgz: bool) -> Format | None:
    """Recognise an archive by its name alone, case-sensitively; 1.6 does not know ``.tgz``."""
    for ending, archive_format in ENDINGS.items():
        if name.endswith(ending) and (knows_tgz or ending != ".tgz"):
            return archive_format
    return None


def members(name: str, archive_format: Format, source: Iterator[bytes]) -> Iterator[Member]:
    """Yield what the archive called `name` holds, while it arrives."""
    match archive_format:
        case "zip":
            return zipstream.members(source)
        case "tar":
            return _tar_members(source)
        case "tgz":
            return _tar_members(gunzipped(source))
        case "gz":
            return iter([Member(name.removesuffix(".gz"), _as_text(gunzipped(source)))])


def members_of_file(name: str, archive_format: Format, path: Path) -> Iterator[Member]:
    """Yield what an archive on disk holds: a zip by its directory, if it has one, and all else from front to back."""
    with contextlib.ExitStack() as stack:
        if archive_format == "zip":
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
            except zipfile.BadZipFile:
                pass
            else:
                for info in archive.infolist():
                    is_utf_8 = bool(info.flag_bits & UTF_8_NAME)
                    name = info.filename if is_utf_8 else info.filename.encode("cp437").decode("utf-8")
                    yield Member(name, _zip_blocks(archive, info))
                return
        file = stack.enter_context(path.open("rb"))
        yield from members(name, archive_format, iter(partial(file.read, BLOCK_BYTES), b""))


def _zip_blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as content:
        yield from iter(partial(content.read, BLOCK_BYTES), b"")


def gunzipped(source: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip on the way."""
    inflater = zlib.decompressobj(31)
    try:
        for data in source:
            pending = data
            while pending:
                block = inflater.decompress(pending, BLOCK_BYTES)
                pending = inflater.unconsumed_tail
                if block:
                    yield block
                if inflater.eof:
                    pending, inflater = inflater.unused_data, zlib.decompressobj(31)
    except zlib.error as error:
        raise BadArchiveError(str(error)) from error


def _as_text(blocks: Iterator[bytes]) -> Iterator[bytes]:
    # XNAT passes a lone .gz through a Reader and a Writer, which destroys binary content.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", True).encode()


class _Pipe(io.RawIOBase):
    """What tarfile's stream mode reads from."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._stream = ByteStream(blocks)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)


def _tar_members(source: Iterator[bytes]) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=_Pipe(source), mode="r|") as tar:
            for info in tar:
                if info.isdir():
                    yield Member(info.name.rstrip("/") + "/", iter(()))
                else:
                    # Links become empty regular files: only their header is read.
                    yield Member(info.name, _tar_blocks(tar, info))
    except tarfile.ReadError as error:
        raise BadArchiveError(str(error)) from error


def _tar_blocks(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(info) if info.isreg() else None
    if content is None:
        return
    read: Callable[[], bytes] = lambda: content.read(BLOCK_BYTES)  # noqa: E731
    yield from iter(read, b"")
