"""What is deflated is what becomes smaller on a line that is slow, by what its bytes are, and arrives as it was."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import isal.isal_zlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.contents import ct, gzipped, jpeg_2000, mask
from tests.transfer.test_packing import file_in_form
from tests.transfer.zips import (
    CONTENTS,
    LARGE,
    everything,
    read_from_the_end,
    read_from_the_start,
    shipment,
    true_fingerprint,
)
from xnat_upload.archive.line import Line
from xnat_upload.local.file import BLOCK_BYTES, LocalFile
from xnat_upload.local.source import OpenedFile
from xnat_upload.planning.step import Action, Form, Shipment, Step
from xnat_upload.settings import Compression
from xnat_upload.transfer import deflating
from xnat_upload.transfer.deflating import Deflater, Deflation, deflation_for
from xnat_upload.transfer.packing import pack

MIB = 1024 * 1024


def line(*, mbps: float) -> Line:
    """A line that has been seen to be so fast."""
    known = Line()
    known.learn_rate(100 * MIB, seconds=100 * MIB * 8 / mbps / 1e6)
    return known


@pytest.fixture(params=["isal", "zlib"])
def compressor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    module: ModuleType = isal.isal_zlib if request.param == "isal" else zlib
    monkeypatch.setattr(deflating, "_fastest", module)
    return str(request.param)


@pytest.mark.usefixtures("compressor")
@pytest.mark.parametrize("form", [Form.ZIP, Form.ZIP_IN_FORM])
@pytest.mark.parametrize("always", [True, False])
def test_a_deflated_zip_reads_back_whole_from_its_start_and_from_its_end(
    tmp_path: Path, form: Form, always: bool
) -> None:
    contents = {**CONTENTS, "mask.nii": bytes(100_000), "small mask.nii": bytes(LARGE)}
    body, content_type = pack(
        shipment(tmp_path, contents, form), large_file_bytes=LARGE, deflation=Deflation(line(mbps=10), always=always)
    )
    assert body.size_bytes is None
    for _ in range(2):  # the second time as where a session had ended
        data = everything(body)
        zipped = file_in_form(data, content_type) if form is Form.ZIP_IN_FORM else data
        assert read_from_the_start(zipped) == contents
        assert read_from_the_end(zipped) == contents
        assert body.sent == {name: true_fingerprint(content) for name, content in contents.items()}
        assert body.read_bytes == sum(map(len, contents.values()))
        assert body.line_bytes["mask.nii"] < 1000
        assert body.line_bytes["small mask.nii"] < 100


def test_small_files_that_become_no_smaller_are_stored_beside_others(tmp_path: Path) -> None:
    contents = {"a": os.urandom(LARGE), "b": bytes(LARGE)}
    body, _ = pack(shipment(tmp_path, contents), large_file_bytes=LARGE, deflation=Deflation(line(mbps=10)))
    everything(body)
    assert "a" not in body.line_bytes
    assert body.line_bytes["b"] < 100


def test_a_large_file_that_is_deflated_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_file = LocalFile.open

    def count(self: LocalFile) -> BinaryIO:
        opened.append(self.name)
        return open_file(self)

    monkeypatch.setattr(LocalFile, "open", count)
    contents = {"large": bytes(3 * LARGE)}
    everything(pack(shipment(tmp_path, contents), large_file_bytes=LARGE, deflation=Deflation(Line(), always=True))[0])
    assert opened == ["large"]


@pytest.mark.usefixtures("compressor")
@given(
    kinds=st.lists(st.sampled_from(["zeros", "noise", "text"]), max_size=12),
    paces_mbps=st.lists(st.sampled_from([1, 100, 100_000]), min_size=1, max_size=12),
)
def test_whatever_is_decided_on_the_way_inflates_to_what_was_there(kinds: Sequence[str], paces_mbps: list[int]) -> None:
    blocks = [{"zeros": bytes(5000), "noise": os.urandom(5000), "text": b"XNAT " * 1000}[kind] for kind in kinds]
    known = Line()
    deflater = Deflater(Deflation(known))
    packed = b""
    for number, block in enumerate(blocks):
        known.learn_rate(100 * MIB, seconds=100 * MIB * 8 / paces_mbps[number % len(paces_mbps)] / 1e6)
        deflater._until_sample = min(deflater._until_sample, 2)
        packed += deflater.compress(block)
    packed += deflater.flush()
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    assert inflater.decompress(packed) == b"".join(blocks)
    assert inflater.eof
    assert not inflater.unused_data


def test_a_large_file_is_sent_as_it_is_once_the_line_has_shown_to_be_fast(tmp_path: Path) -> None:
    slow = line(mbps=100)
    content = (bytes(100_000) + os.urandom(162_144)) * 256
    body, _ = pack(shipment(tmp_path, {"large": content}), large_file_bytes=LARGE, deflation=Deflation(slow))
    left = 0
    for number, block in enumerate(body):
        left += len(block)
        if number == 0:
            for _ in range(20):
                slow.learn_rate(100 * MIB, seconds=0.01)
    assert 57 * MIB < left < 60 * MIB, "the first sixteen are deflated to ten"


DECISIONS: list[tuple[str, Callable[[int, int], bytes], float, bool]] = [
    ("a CT on a hospital's line", ct, 100, True),
    ("a CT within a machine", ct, 10_000, False),
    ("a mask on a hospital's line", mask, 100, True),
    ("a mask on a fast line", mask, 1_000, True),
    ("a mask within a machine", mask, 10_000, False),
    ("what gzip has packed", gzipped, 1, False),
    ("what JPEG 2000 has packed", jpeg_2000, 1, False),
]


@pytest.mark.parametrize(("what", "make", "mbps", "expected"), DECISIONS, ids=[each[0] for each in DECISIONS])
@pytest.mark.parametrize("name", ["a.dcm", "a.nii.gz", "a.zip", "a"])
def test_it_is_decided_by_the_bytes_and_the_line_and_not_by_the_name(
    tmp_path: Path, what: str, make: Callable[[int, int], bytes], mbps: float, expected: bool, name: str
) -> None:
    sent = shipment(tmp_path, {name: make(1, MIB // 2)})
    assert (decided(sent, line=line(mbps=mbps)) is not None) is expected, what


def decided(sent: object, *, line: Line, compression: Compression = "auto", before: Deflation | None = None) -> object:
    return deflation_for(sent, line=line, compression=compression, before=before)  # type: ignore[arg-type]


def test_of_a_line_that_is_not_known_it_counts_how_far_it_is(tmp_path: Path) -> None:
    sent = shipment(tmp_path, {"a": bytes(MIB)})
    far, near = Line(), Line()
    far.learn_answer(seconds=0.02)
    near.learn_answer(seconds=0.002)
    assert decided(sent, line=far)
    assert not decided(sent, line=near)


def test_who_says_always_or_never_is_believed(tmp_path: Path) -> None:
    packed = shipment(tmp_path, {"a": gzip.compress(os.urandom(MIB))})
    assert decided(packed, line=line(mbps=100_000), compression="always")
    assert not decided(shipment(tmp_path, {"a": bytes(MIB)}), line=line(mbps=1), compression="never")


@pytest.mark.parametrize(
    ("files", "size_bytes", "expected"),
    [(1, 3 << 30, True), (2, 3 << 30, False), (1, (4 << 30) - MIB, False), (65_534, 0, True), (65_535, 0, False)],
)
def test_a_zip_that_needs_numbers_of_64_bits_is_never_deflated(files: int, size_bytes: int, expected: bool) -> None:
    steps = (Step(OpenedFile(str(number), io.BytesIO(), size_bytes), Action.SEND, "") for number in range(files))
    sent = Shipment(tuple(steps), Form.ZIP, "")
    assert (decided(sent, line=line(mbps=1), compression="always") is not None) is expected


def test_what_has_begun_goes_on_where_it_would_not_be_begun() -> None:
    at_the_limit = line(mbps=80)  # ten bytes in a microsecond
    sample = {"file_bytes": 10_000_000, "deflated_bytes": 1000, "seconds": 0.95}
    assert not at_the_limit.is_slower_than_deflating(**sample)  # type: ignore[arg-type]
    assert at_the_limit.is_slower_than_deflating(**sample, begun=True)  # type: ignore[arg-type]


def test_a_line_that_has_refused_a_request_of_unknown_length_gets_no_more_of_them(tmp_path: Path) -> None:
    refusing, taking = line(mbps=1), line(mbps=1)
    refusing.learn_unknown_length(taken=False)
    taking.learn_unknown_length(taken=True)
    taking.learn_unknown_length(taken=False)
    sent = shipment(tmp_path, {"a": bytes(MIB)})
    assert not decided(sent, line=refusing, compression="always")
    assert decided(sent, line=taking)


@pytest.mark.parametrize(("members", "size_bytes", "large_file_bytes"), [(200, 256 * 1024, MIB), (1, 64 * MIB, MIB)])
def test_deflating_takes_no_memory_by_the_file_or_by_its_size(
    tmp_path: Path, members: int, size_bytes: int, large_file_bytes: int
) -> None:
    content = bytes(size_bytes // 2) + os.urandom(size_bytes // 2)
    sent = shipment(tmp_path, {f"{number}.dcm": content for number in range(members)})
    body, _ = pack(sent, large_file_bytes=large_file_bytes, deflation=Deflation(Line(), always=True))
    tracemalloc.start()
    try:
        for _ in body:
            pass
        assert tracemalloc.get_traced_memory()[1] < 16 * BLOCK_BYTES
    finally:
        tracemalloc.stop()
