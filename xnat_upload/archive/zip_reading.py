"""Reading a zip forwards, as it arrives: the size and MD5 of each member that is wanted, and nothing is kept.

It reads what Java's ZipOutputStream writes, which XNAT packs with: stored members whose headers are complete, and
deflated ones that tell their sizes behind them; names in UTF-8. stream-unzip reads those and many others, but it wants
to fetch the bytes itself, which takes a thread here, and is two more compiled packages for what few switch on.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Generator

from xnat_upload.archive.listing import StoredFile
from xnat_upload.errors import quoted

_MEMBER, _DESCRIPTOR, _DIRECTORY, _END = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06"
_HEADER = struct.Struct("<5H3L2H")  # behind the signature
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIBED_BEHIND = 0x1, 0x8
_IN_ZIP64 = 0xFFFFFFFF
_ZIP64 = 1
# What is unpacked at once: a block of zeros would be a thousand times as long.
_PIECE_BYTES = 64 * 1024

_Reading = Generator[None, None, None]
_Taking = Generator[None, None, bytes]


class BadZipError(Exception):
    """It cannot be read, and why; not a `ValueError`, which would be taken for an answer that is not HTTP."""


class ZipReading:
    """Is given a zip block by block.

    Parameters
    ----------
    name_of : callable
        Gives the name under which a member is to be hashed; None for one that is not wanted.
    """

    def __init__(self, name_of: Callable[[str], str | None]) -> None:
        self.hashed: dict[str, StoredFile] = {}
        self.is_whole = False
        self._name_of = name_of
        self._waiting = b""
        self._reading = self._members()
        next(self._reading)

    def update(self, block: bytes) -> None:
        """Read on.

        Raises
        ------
        BadZipError
            It is none that can be read, or it was altered on its way here.
        """
        if self.is_whole:
            return  # what follows the members lists them once more
        self._waiting += block
        try:
            next(self._reading)
        except StopIteration:
            self.is_whole = True
            self._waiting = b""
        except zlib.error as error:
            raise BadZipError("a member cannot be unpacked") from error

    def _take(self, size_bytes: int) -> _Taking:
        while len(self._waiting) < size_bytes:
            yield
        taken, self._waiting = self._waiting[:size_bytes], self._waiting[size_bytes:]
        return taken

    def _take_some(self, at_most_bytes: int) -> _Taking:
        while not self._waiting:
            yield
        return (yield from self._take(min(at_most_bytes, len(self._waiting))))

    def _members(self) -> _Reading:
        while True:
            signature = yield from self._take(4)
            if signature in (_DIRECTORY, _END):
                return
            if signature != _MEMBER:
                raise BadZipError("it is no zip, or a damaged one")
            yield from self._member()

    def _member(self) -> _Reading:
        header = _HEADER.unpack((yield from self._take(_HEADER.size)))
        _, flags, method, _, _, crc32, packed_bytes, size_bytes, name_bytes, extra_bytes = header
        member = (yield from self._take(name_bytes)).decode("utf-8", "replace")
        extra = yield from self._take(extra_bytes)
        behind = bool(flags & _DESCRIBED_BEHIND)
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or (behind and method == _STORED):
            raise BadZipError(f"its member {quoted(member)} is packed in a way that XNAT does not use")
        content = _Content(hashes=(name := self._name_of(member)) is not None)
        if method == _STORED:
            size_bytes, packed_bytes = _long_sizes(extra, size_bytes, packed_bytes)
            yield from self._stored(content, packed_bytes)
        else:
            packed_bytes = yield from self._deflated(content)
        if behind:
            crc32, size_bytes = yield from self._described(packed_bytes, content.size_bytes)
        if name is None:
            return
        if (content.crc32, content.size_bytes & _IN_ZIP64) != (crc32, size_bytes & _IN_ZIP64):
            raise BadZipError(f"its member {quoted(member)} has another size or CRC than it says")
        if name in self.hashed:
            raise BadZipError(f"it has two members that can be {quoted(name)}")
        self.hashed[name] = StoredFile(content.size_bytes, content.md5, on_disk=True)

    def _stored(self, content: _Content, left_bytes: int) -> _Reading:
        while left_bytes > 0:
            block = yield from self._take_some(left_bytes)
            left_bytes -= len(block)
            content.update(block)

    def _deflated(self, content: _Content) -> Generator[None, None, int]:
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        packed_bytes = 0
        while not unpacker.eof:
            block = yield from self._take_some(_PIECE_BYTES)
            packed_bytes += len(block)
            while block and not unpacker.eof:
                content.update(unpacker.decompress(block, _PIECE_BYTES))
                block = unpacker.unconsumed_tail
        self._waiting = unpacker.unused_data + self._waiting
        return packed_bytes - len(unpacker.unused_data)

    def _described(self, packed_bytes: int, size_bytes: int) -> Generator[None, None, tuple[int, int]]:
        """Read what stands behind a member: CRC and sizes, of eight bytes each where four do not hold them."""
        form = "<4sLQQ" if max(packed_bytes, size_bytes) >= _IN_ZIP64 else "<4sLLL"
        signature, crc32, _, size_told = struct.unpack(form, (yield from self._take(struct.calcsize(form))))
        if signature != _DESCRIPTOR:
            raise BadZipError("it is damaged")
        return crc32, size_told


class _Content:
    """What one member holds."""

    def __init__(self, *, hashes: bool) -> None:
        self.size_bytes = 0
        self.crc32 = 0
        self._md5 = hashlib.md5(usedforsecurity=False) if hashes else None

    @property
    def md5(self) -> str:
        return "" if self._md5 is None else self._md5.hexdigest()

    def update(self, block: bytes) -> None:
        self.size_bytes += len(block)
        if self._md5 is not None:
            self._md5.update(block)
            self.crc32 = zlib.crc32(block, self.crc32)


def _long_sizes(extra: bytes, size_bytes: int, packed_bytes: int) -> tuple[int, int]:
    """Give the sizes of a member; those that four bytes do not hold stand in a field of their own."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _ZIP64:
            longs = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size_bytes = next(longs, size_bytes) if size_bytes == _IN_ZIP64 else size_bytes
            packed_bytes = next(longs, packed_bytes) if packed_bytes == _IN_ZIP64 else packed_bytes
    return size_bytes, packed_bytes
