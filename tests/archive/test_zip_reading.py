"""A zip is hashed while it arrives, whatever blocks it comes in, and what is damaged proves nothing."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import subprocess
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import stream_zip
from hypothesis import given
from hypothesis import strategies as st

from tests.transfer.zips import Unseekable
from xnat_upload.archive.listing import StoredFile
from xnat_upload.archive.zip_reading import BadZipError, ZipReading

CONTENTS = {
    "a.nii": b"abc" * 1000,
    "empty": b"",
    "sub/é #+ b.dcm": random.Random(7).randbytes(70_000),
    "zeros": bytes(300_000),
}
STORED_TO_MD5 = {
    name: StoredFile(len(content), hashlib.md5(content).hexdigest(), on_disk=True) for name, content in CONTENTS.items()
}


def stored(*, long: bool) -> bytes:
    kind = stream_zip.NO_COMPRESSION_64 if long else stream_zip.NO_COMPRESSION_32
    return b"".join(
        stream_zip.stream_zip(
            (name, datetime(2026, 1, 1), 0o100644, kind(len(content), zlib.crc32(content)), [content])
            for name, content in CONTENTS.items()
        )
    )


def deflated() -> bytes:
    target = Unseekable()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in CONTENTS.items():
            archive.writestr(name, content)
    return bytes(target.written)


ZIPS = {"stored": stored(long=False), "stored, with long sizes": stored(long=True), "deflated": deflated()}


def read(blocks: Iterable[bytes], name_of: Callable[[str], str | None] = str) -> ZipReading:
    reading = ZipReading(name_of)
    for block in blocks:
        reading.update(block)
    return reading


def blocks_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("kind", ZIPS)
@pytest.mark.parametrize("size", [1, 7, 16 * 1024, 1 << 30])
def test_each_member_is_hashed_whatever_blocks_it_comes_in(kind: str, size: int) -> None:
    reading = read(blocks_of(ZIPS[kind], size))
    assert reading.hashed == STORED_TO_MD5
    assert reading.is_whole


@pytest.mark.parametrize("kind", ZIPS)
def test_only_what_is_wanted_is_hashed_and_under_its_own_name(kind: str) -> None:
    reading = read([ZIPS[kind]], {"a.nii": "another"}.get)
    assert reading.hashed == {"another": STORED_TO_MD5["a.nii"]}
    assert reading.is_whole


@pytest.mark.parametrize("kind", ZIPS)
def test_what_breaks_off_is_not_whole_and_proves_what_came_before_it(kind: str) -> None:
    data = ZIPS[kind]
    for end in range(0, data.index(b"PK\x01\x02"), 997):
        reading = read([data[:end]])
        assert not reading.is_whole
        assert reading.hashed.items() <= STORED_TO_MD5.items()
        assert len(reading.hashed) < len(CONTENTS)


@pytest.mark.parametrize("kind", ZIPS)
@given(seed=st.integers(0, 1 << 32))
def test_a_byte_that_flips_on_the_way_proves_nothing_false(kind: str, seed: int) -> None:
    data = bytearray(ZIPS[kind])
    rng = random.Random(seed)
    at = rng.randrange(data.index(b"PK\x01\x02"))
    data[at] ^= 1 << rng.randrange(8)
    reading = ZipReading(str)
    with contextlib.suppress(BadZipError):
        reading.update(bytes(data))
    for name, found in reading.hashed.items():
        # A flipped name is that of no file, and what is found under the right one is right.
        assert found == STORED_TO_MD5.get(name, found)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (b"<html>no zip", "no zip"),
        (ZIPS["stored"].replace(b"abcabc", b"abXabc", 1), "'a.nii' has another size or CRC"),
        (ZIPS["stored"][:6] + b"\x01" + ZIPS["stored"][7:], "packed in a way that XNAT does not use"),
        (ZIPS["stored"][:8] + b"\x0c" + ZIPS["stored"][9:], "packed in a way that XNAT does not use"),
    ],
)
def test_a_zip_that_cannot_be_relied_on_is_said_to_be_so(damaged: bytes, said: str) -> None:
    with pytest.raises(BadZipError, match=said):
        read([damaged])


def test_two_members_of_one_name_prove_nothing() -> None:
    with pytest.raises(BadZipError, match="two members that can be 'x'"):
        read([ZIPS["deflated"]], lambda _: "x")


def test_memory_does_not_grow_with_a_member() -> None:
    def zeros() -> Iterator[bytes]:
        packer = zlib.compressobj(wbits=-15)
        yield b"PK\x03\x04" + bytes((20, 0, 8, 8, 8, 0)) + bytes(16) + b"\x01\x00\x00\x00z"
        for _ in range(256):
            yield packer.compress(bytes(1 << 20))
        yield packer.flush()

    tracemalloc.start()
    try:
        reading = read(zeros())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not reading.is_whole
    assert peak < 8 << 20


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java here")
def test_what_java_packs_is_read(tmp_path: Path) -> None:
    given_files: list[str] = []
    for number, (name, content) in enumerate(CONTENTS.items()):
        (tmp_path / str(number)).write_bytes(content)
        given_files += [name.encode().hex(), str(tmp_path / str(number))]
    program = Path(__file__).with_name("PackWithJava.java")
    subprocess.run(["java", str(program), str(tmp_path / "zip"), *given_files], timeout=120, check=True)
    for method in ("0", "8"):
        reading = read(blocks_of((tmp_path / f"zip{method}").read_bytes(), 16 * 1024))
        assert reading.hashed == STORED_TO_MD5
        assert reading.is_whole
