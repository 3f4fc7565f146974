"""Which files travel deflated, and the compressor for one of them.

Decided by what the bytes are and how fast the line is, never by a name: a sample of a file is deflated, and it is worth
it if the plain bytes would take the line longer. An archive stores the plain bytes in any case.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

from xnat_upload.archive.line import Line
from xnat_upload.local.source import AnyFile
from xnat_upload.planning.step import Shipment
from xnat_upload.settings import Compression
from xnat_upload.transfer.zip_records import MOST_BYTES, MOST_MEMBERS, stored_length

_fastest: ModuleType
# Of the levels that cost no more time, the one that makes images smallest.
try:
    from isal import isal_zlib as _fastest

    _LEVEL = 2
except ImportError:
    _fastest, _LEVEL = zlib, 1

_RAW = -zlib.MAX_WBITS  # as the members of a zip are
# Out of the middle of a block, since the head of a DICOM file shrinks whatever follows.
_SAMPLE_BYTES = 64 * 1024
_SAMPLED_FILES = 5
# 16 MiB of a file are sent as one sample of it told, then the next is taken.
_BLOCKS_OF_A_SAMPLE = 64
# Deflating can make a little more of what cannot be deflated.
_GROWTH_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Deflation:
    """How the files of one request are deflated.

    Parameters
    ----------
    line : Line
        What is known of the line, also while the request is under way.
    always : bool
        Whatever it is worth.
    """

    line: Line
    always: bool = False

    def suits(self, blocks: Sequence[bytes]) -> bool:
        """Say whether a small file, of which these are all, should be deflated."""
        return self.always or _pays(blocks[len(blocks) // 2 :][:1], line=self.line, begun=True)


def deflation_for(
    shipment: Shipment, *, line: Line, compression: Compression, before: Deflation | None
) -> Deflation | None:
    """Decide whether a request should hold deflated members, and so have no known length; None if it should not.

    Parameters
    ----------
    shipment : Shipment
        Some of its files are sampled; what is found out on the way still counts.
    line : Line
        To the archive.
    compression : str
        What the caller has asked for; see `TransferSettings`.
    before : Deflation, optional
        How the files of the request before this one were deflated.

    Raises
    ------
    ChangedFileError
        A file that is sampled is not the one that was planned.
    """
    if compression == "never" or not line.takes_unknown_length or not may_be_deflated(shipment):
        return None
    if compression == "always":
        return Deflation(line, always=True)
    if line.is_too_fast_to_deflate:
        return None
    every = max(1, len(shipment.steps) // _SAMPLED_FILES)
    samples = [_first_block(step.file) for step in shipment.steps[::every]]
    return Deflation(line) if _pays(samples, line=line, begun=before is not None) else None


def may_be_deflated(shipment: Shipment) -> bool:
    """Say whether a zip of these files does without 64-bit numbers, deflated or not."""
    sizes_bytes = {step.file.name: step.file.size_bytes for step in shipment.steps}
    return len(sizes_bytes) <= MOST_MEMBERS and stored_length(sizes_bytes, is_64=False) <= MOST_BYTES - _GROWTH_BYTES


def deflated(blocks: Iterable[bytes]) -> bytes:
    """Deflate a small file."""
    compressor = _fastest.compressobj(level=_LEVEL, wbits=_RAW)
    return b"".join((*map(compressor.compress, blocks), compressor.flush()))


class Deflater:
    """The compressor of one large member: it deflates block by block, as long as that pays, and else stores.

    A deflate stream may hold stored blocks, and go on with another compressor's from any byte where one was flushed.
    """

    def __init__(self, deflation: Deflation) -> None:
        self._deflation = deflation
        self._deflates = True
        self._compressor: Any = None
        self._until_sample = 0

    def compress(self, block: bytes) -> bytes:
        """Give what there is to be sent by now."""
        if self._until_sample:
            self._until_sample -= 1
            return self._compressor.compress(block)  # type: ignore[no-any-return]
        self._until_sample = _BLOCKS_OF_A_SAMPLE
        ended = self._begin(deflating=True)
        started = time.perf_counter()
        sample: bytes = self._compressor.compress(block) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        seconds = time.perf_counter() - started
        self._deflates = self._deflation.always or self._deflation.line.is_slower_than_deflating(
            len(block), deflated_bytes=len(sample), seconds=seconds, begun=self._deflates
        )
        return ended + sample + (b"" if self._deflates else self._begin(deflating=False))

    def flush(self) -> bytes:
        """End the stream, and give the rest of it."""
        if self._compressor is None:
            self._begin(deflating=True)
        return self._compressor.flush()  # type: ignore[no-any-return]

    def _begin(self, *, deflating: bool) -> bytes:
        ended = b"" if self._compressor is None else self._compressor.flush(zlib.Z_SYNC_FLUSH)
        # Stored blocks are made by zlib in either case: at level 0 it copies, and isal deflates.
        self._compressor = (
            _fastest.compressobj(level=_LEVEL, wbits=_RAW) if deflating else zlib.compressobj(0, wbits=_RAW)
        )
        return ended


def _pays(blocks: Sequence[bytes], *, line: Line, begun: bool) -> bool:
    sampled_bytes = deflated_bytes = 0
    seconds = 0.0
    for block in blocks:
        start = max(0, (len(block) - _SAMPLE_BYTES) // 2)
        sample = block[start : start + _SAMPLE_BYTES]
        started = time.perf_counter()
        deflated_bytes += len(deflated([sample]))
        seconds += time.perf_counter() - started
        sampled_bytes += len(sample)
    return line.is_slower_than_deflating(sampled_bytes, deflated_bytes=deflated_bytes, seconds=seconds, begun=begun)


def _first_block(file: AnyFile) -> bytes:
    blocks = file.blocks()
    try:
        return b"".join(islice(blocks, 1))
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            close()
