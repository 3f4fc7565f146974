"""The records of a zip that stand around its members' bytes, by PKWARE's APPNOTE 6.3.

The ones with 64-bit numbers are written only for a zip that needs them, and then for all of its members. stream-zip was
used before: a zip that it makes ends behind the second header, without a word, if that header ends where one of its
blocks does.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

STORED, DEFLATED = 0, zlib.DEFLATED
# What a field of 32 bits, and the number of members, can say.
MOST_BYTES = 0xFFFFFFFF - 1
MOST_MEMBERS = 0xFFFF - 1

_NAME_IS_UTF8, _SUMS_FOLLOW = 0x0800, 0x0008
_VERSION, _VERSION_WITH_64_BITS = 20, 45
_MADE_ON_UNIX = 3 << 8
# XNAT keeps no times and modes of members (docs/xnat/writing-files.md, "Which zips can be read"); the earliest date
# that a zip can hold.
_TIME, _DATE = 0, 1 << 5 | 1
_MODE = 0o100600 << 16
_SEE_EXTRA = 0xFFFFFFFF
_HEADER = struct.Struct("<4s5H3I2H")
_HEADER_64 = struct.Struct("<2H2Q")
_SUMS = struct.Struct("<4s3I")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_ENTRY_64 = struct.Struct("<2H3Q")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")


@dataclass(frozen=True, kw_only=True)
class Member:
    """What the records say of one member.

    Parameters
    ----------
    name : str
        With ``/`` between its parts.
    method : int
        `STORED` or `DEFLATED`.
    crc32, size_bytes : int
        Of the plain bytes.
    packed_bytes : int
        As many as stand in the zip.
    sums_follow : bool
        The numbers are known only behind the member's bytes. Java reads that of deflated members, and refuses it of
        stored ones (docs/xnat/writing-files.md, "Which zips can be read").
    """

    name: str
    method: int
    crc32: int
    size_bytes: int
    packed_bytes: int
    sums_follow: bool = False


class ZipRecords:
    """Makes the records of one zip, one after another, as its bytes are sent.

    Parameters
    ----------
    is_64 : bool
        Whether the zip needs 64-bit numbers.

    Examples
    --------
    >>> import io, zipfile
    >>> records = ZipRecords(is_64=False)
    >>> member = Member(name="a.txt", method=STORED, crc32=zlib.crc32(b"plain"), size_bytes=5, packed_bytes=5)
    >>> zipped = records.header(member) + b"plain" + records.end()
    >>> zipfile.ZipFile(io.BytesIO(zipped)).read("a.txt"), len(zipped) == stored_length({"a.txt": 5}, is_64=False)
    (b'plain', True)
    """

    def __init__(self, *, is_64: bool) -> None:
        self._is_64 = is_64
        self._version = _VERSION_WITH_64_BITS if is_64 else _VERSION
        self._offset_bytes = 0
        self._members = 0
        self._directory = bytearray()

    def header(self, member: Member) -> bytes:
        """Give what stands before a member's bytes; of one whose sums follow, `sums` is to be called behind them."""
        if member.sums_follow:
            crc32 = size_bytes = packed_bytes = 0
        else:
            crc32, size_bytes, packed_bytes = member.crc32, member.size_bytes, member.packed_bytes
        extra = b""
        if self._is_64:
            extra = _HEADER_64.pack(1, 16, size_bytes, packed_bytes)
            size_bytes = packed_bytes = _SEE_EXTRA
        name = member.name.encode()
        fields = self._version, _flags(member), member.method, _TIME, _DATE, crc32, packed_bytes, size_bytes
        header = _HEADER.pack(b"PK\x03\x04", *fields, len(name), len(extra)) + name + extra
        if not member.sums_follow:
            self._enter(member, header_bytes=len(header))
        return header

    def sums(self, member: Member) -> bytes:
        """Give what stands behind the bytes of a member whose sums follow; 32 bits are enough for what is deflated."""
        sums = _SUMS.pack(b"PK\x07\x08", member.crc32, member.packed_bytes, member.size_bytes)
        self._enter(member, header_bytes=_HEADER.size + len(member.name.encode()), sums_bytes=len(sums))
        return sums

    def end(self) -> bytes:
        """Give what stands behind the last member."""
        at_bytes, directory_bytes, members = self._offset_bytes, len(self._directory), self._members
        records = bytes(self._directory)
        if self._is_64:
            end = members, members, directory_bytes, at_bytes
            records += _END_64.pack(b"PK\x06\x06", 44, self._version, self._version, 0, 0, *end)
            records += _LOCATOR_64.pack(b"PK\x06\x07", 0, at_bytes + directory_bytes, 1)
            at_bytes = directory_bytes = _SEE_EXTRA
            members = 0xFFFF
        return records + _END.pack(b"PK\x05\x06", 0, 0, members, members, directory_bytes, at_bytes, 0)

    def _enter(self, member: Member, *, header_bytes: int, sums_bytes: int = 0) -> None:
        at_bytes, size_bytes, packed_bytes = self._offset_bytes, member.size_bytes, member.packed_bytes
        self._offset_bytes += header_bytes + packed_bytes + sums_bytes
        self._members += 1
        extra = b""
        if self._is_64:
            extra = _ENTRY_64.pack(1, 24, size_bytes, packed_bytes, at_bytes)
            at_bytes = size_bytes = packed_bytes = _SEE_EXTRA
        name = member.name.encode()
        made = _MADE_ON_UNIX | self._version
        fields = made, self._version, _flags(member), member.method, _TIME, _DATE, member.crc32, packed_bytes
        self._directory += _ENTRY.pack(
            b"PK\x01\x02", *fields, size_bytes, len(name), len(extra), 0, 0, 0, _MODE, at_bytes
        )
        self._directory += name + extra


def stored_length(sizes_bytes: dict[str, int], *, is_64: bool) -> int:
    """Give the length of a zip of stored members, of which names and sizes are all that counts."""
    around_bytes = _HEADER.size + _ENTRY.size + (_HEADER_64.size + _ENTRY_64.size if is_64 else 0)
    members_bytes = sum(size + 2 * len(name.encode()) + around_bytes for name, size in sizes_bytes.items())
    return members_bytes + _END.size + (_END_64.size + _LOCATOR_64.size if is_64 else 0)


def _flags(member: Member) -> int:
    return _NAME_IS_UTF8 | (_SUMS_FOLLOW if member.sums_follow else 0)
