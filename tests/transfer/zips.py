"""Files to be packed, and readers of zips that share no code with what makes them."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests import corpus
from xnat_upload.local.file import Fingerprint, LocalFile, fingerprint, identity_of
from xnat_upload.local.root import Root
from xnat_upload.planning.step import Action, Form, Shipment, Step
from xnat_upload.transfer.sent_body import Body

LARGE = 4096  # what the tests call large, so that their files can be small
ODD_NAMES = [name for name in corpus.FILE_NAMES_KEPT if "/" not in name] + ["masks/left lung.nii.gz", "x_catalog.xml/a"]
CONTENTS = {
    "a.dcm": b"a" * 100,
    "empty.txt": b"",
    "masks/é #+ &.nii.gz": os.urandom(LARGE),
    "large.nii": os.urandom(3 * LARGE + 1),
    "looks like PK.bin": b"PK\x03\x04PK\x01\x02PK\x05\x06PK\x07\x08" * 9,
}


def local_file(folder: Path, name: str, content: bytes) -> LocalFile:
    """A file of that name in the resource; on the disk it is called something plain."""
    path = Path(os.path.realpath(folder)) / f"{hashlib.md5(name.encode()).hexdigest()}.bin"
    path.write_bytes(content)
    root = Root(path.parent, path.parent)
    return LocalFile(name, root, path.name, path.name, len(content), identity_of(path.stat()).packed())


def shipment(
    folder: Path, contents: Mapping[str, bytes], form: Form = Form.ZIP, *, known: Iterable[str] = ()
) -> Shipment:
    files = {name: local_file(folder, name, content) for name, content in contents.items()}
    return Shipment(
        tuple(
            Step(file, Action.SEND, "a test", fingerprint(file) if name in known else None)
            for name, file in files.items()
        ),
        form,
        "a test",
    )


def true_fingerprint(content: bytes) -> Fingerprint:
    return Fingerprint(len(content), hashlib.md5(content).hexdigest(), zlib.crc32(content))


def everything(body: Body) -> bytes:
    return b"".join(body)


def read_from_the_start(data: bytes) -> dict[str, bytes]:
    """Read a zip as Java's ZipInputStream does: by its local headers alone, and strictly."""
    found: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        _, flags, method, _, _, crc32, packed, size, name_bytes, extra_bytes = struct.unpack(
            "<HHHHHIIIHH", data[at + 4 : at + 30]
        )
        at += 30
        name = data[at : at + name_bytes].decode("utf-8")
        extra = data[at + name_bytes : at + name_bytes + extra_bytes]
        at += name_bytes + extra_bytes
        assert not flags & 0x0001, "encrypted"
        assert flags & 0x0800, "the name is not said to be UTF-8"
        if method == 8:
            found[name], at = inflated(data, at, sums_follow=bool(flags & 0x0008), sums=(crc32, packed, size))
            continue
        assert method == 0, "neither stored nor deflated"
        assert not flags & 0x0008, "a data descriptor, which is refused after a stored member"
        if size == packed == 0xFFFFFFFF:
            kind, length = struct.unpack("<HH", extra[:4])
            assert (kind, length) == (1, 16), "no zip64 sizes where they are wanted first"
            size, packed = struct.unpack("<QQ", extra[4:20])
        assert size == packed
        content = data[at : at + size]
        at += size
        assert len(content) == size, "cut short"
        assert zlib.crc32(content) == crc32
        assert name not in found
        found[name] = content
    assert data[at : at + 4] in (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"), "no directory after the members"
    return found


def inflated(data: bytes, at: int, *, sums_follow: bool, sums: tuple[int, int, int]) -> tuple[bytes, int]:
    """Read a deflated member, which ends where its stream says so; give it and where it ends."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    content = inflater.decompress(data[at:])
    assert inflater.eof, "cut short"
    end = len(data) - len(inflater.unused_data)
    if sums_follow:
        assert sums == (0, 0, 0)
        signature, *sums_behind = struct.unpack("<4s3I", data[end : end + 16])
        assert signature == b"PK\x07\x08"
        sums = (sums_behind[0], sums_behind[1], sums_behind[2])
    assert sums == (zlib.crc32(content), end - at, len(content))
    return content, end + 16 * sums_follow


def read_from_the_end(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {member.filename: archive.read(member) for member in archive.infolist()}


class Unseekable(io.RawIOBase):
    """What a zip is streamed into: sizes are written behind each member."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)
