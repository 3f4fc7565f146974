"""Reading a zip the way Java's ZipInputStream does: forwards only, by local headers.

The standard library wants to seek to the central directory at the end, so it cannot
read from a socket.  What this reader accepts and refuses is ``java.util.zip``'s
behaviour (docs/xnat/writing-files.md, "Which zips can be read"): bytes that are no zip hold no members and are no
error; a STORED member must carry its size; a DEFLATE member may carry it behind.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

LOCAL_HEADER = struct.Struct("<IHHHHHIIIHH")
LOCAL_HEADER_SIGNATURE = 0x04034B50
DESCRIPTOR_SIGNATURE = 0x08074B50
ENCRYPTED, DESCRIPTOR_FOLLOWS = 1, 8
STORED, DEFLATED = 0, 8
IN_ZIP64_EXTRA = 0xFFFFFFFF
BLOCK_BYTES = 1 << 18


class BadArchiveError(Exception):
    """The archive is damaged, truncated or of a kind the server cannot read."""


class ByteStream:
    """A file-like reader over blocks, with push-back: all that a forward-only reader needs."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._ahead = memoryview(b"")

    def some(self, limit: int) -> memoryview:
        """Give between 1 and `limit` bytes without copying; empty at the end."""
        while not self._ahead:
            try:
                self._ahead = memoryview(next(self._blocks))
            except StopIteration:
                return self._ahead
        taken, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return taken

    def read(self, size: int) -> bytes:
        """Give exactly `size` bytes, fewer only at the end."""
        parts = []
        while size > 0 and (part := self.some(size)):
            parts.append(bytes(part))
            size -= len(part)
        return b"".join(parts)

    def push_back(self, data: bytes) -> None:
        """Put bytes that were read too far in front again."""
        if data:
            self._ahead = memoryview(data + bytes(self._ahead))


@dataclass(frozen=True)
class Member:
    """One entry of the zip; its bytes must be drained before the next one is asked for."""

    name: str
    blocks: Iterator[bytes]

    @property
    def is_directory(self) -> bool:
        """Directories are the names that end with a slash."""
        return self.name.endswith("/")


def members(source: Iterator[bytes]) -> Iterator[Member]:
    """Yield the members as they come along."""
    stream = ByteStream(source)
    while True:
        header = stream.read(LOCAL_HEADER.size)
        # A stream that ends inside the fixed header ends quietly, as in Java.
        if len(header) < LOCAL_HEADER.size:
            return
        signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = LOCAL_HEADER.unpack(header)
        if signature != LOCAL_HEADER_SIGNATURE:
            # The central directory, or no zip at all.  Whether Tomcat would bear a directory of more
            # than 2 MiB unread is not settled: reading on is the quiet choice.
            while stream.some(BLOCK_BYTES):
                pass
            return
        raw_name, extra = stream.read(name_length), stream.read(extra_length)
        if len(raw_name) < name_length or len(extra) < extra_length:
            raise BadArchiveError("Unexpected end of ZIP input stream")
        if flags & ENCRYPTED:
            raise BadArchiveError("encrypted ZIP entry not supported")
        follows = bool(flags & DESCRIPTOR_FOLLOWS)
        size, packed = _zip64_sizes(extra, size, packed)
        if method == STORED:
            if follows:
                raise BadArchiveError("only DEFLATED entries can have EXT descriptor")
            blocks = _stored(stream, size, crc)
        elif method == DEFLATED:
            blocks = _deflated(stream, None if follows else (crc, packed, size))
        else:
            raise BadArchiveError("unsupported compression method")
        yield Member(raw_name.decode("utf-8"), blocks)
        for _ in blocks:
            pass


def _zip64_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, position)
        if tag == 1 and length >= 16:
            long_size, long_packed = struct.unpack_from("<QQ", extra, position + 4)
            if size == IN_ZIP64_EXTRA:
                size = long_size
            if packed == IN_ZIP64_EXTRA:
                packed = long_packed
        position += 4 + length
    return size, packed


def _stored(stream: ByteStream, size: int, crc: int) -> Iterator[bytes]:
    seen, remaining = 0, size
    while remaining:
        block = bytes(stream.some(min(remaining, BLOCK_BYTES)))
        if not block:
            raise BadArchiveError("unexpected EOF")
        seen = zlib.crc32(block, seen)
        remaining -= len(block)
        yield block
    if seen != crc:
        raise BadArchiveError(f"invalid entry CRC (expected 0x{crc:x} but got 0x{seen:x})")


def _deflated(stream: ByteStream, known: tuple[int, int, int] | None) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-15)
    crc = packed = size = 0
    while not inflater.eof:
        data = inflater.unconsumed_tail
        if not data:
            data = bytes(stream.some(BLOCK_BYTES))
            packed += len(data)
        try:
            block = inflater.decompress(data, BLOCK_BYTES)
        except zlib.error as error:
            raise BadArchiveError(str(error)) from error
        if not data and not block:
            raise BadArchiveError("Unexpected end of ZLIB input stream")
        crc, size = zlib.crc32(block, crc), size + len(block)
        if block:
            yield block
    packed -= len(inflater.unused_data)
    stream.push_back(inflater.unused_data)
    expected = known or _descriptor(stream, size)
    for what, wanted, found in zip(("CRC", "compressed size", "size"), expected, (crc, packed, size), strict=True):
        if wanted != found:
            raise BadArchiveError(f"invalid entry {what} (expected {wanted} but got {found})")


def _descriptor(stream: ByteStream, size: int) -> tuple[int, int, int]:
    # Java takes the long form only for members beyond 4 GiB: forced zip64 on small ones fails.
    layout = struct.Struct("<IQQ" if size > IN_ZIP64_EXTRA else "<III")
    data = stream.read(4)
    if data == struct.pack("<I", DESCRIPTOR_SIGNATURE):
        data = b""
    data += stream.read(layout.size - len(data))
    if len(data) < layout.size:
        raise BadArchiveError("Unexpected end of ZIP input stream")
    crc, packed, found = layout.unpack(data)
    return crc, packed, found
