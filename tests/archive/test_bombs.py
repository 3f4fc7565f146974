"""Answers that are small on the wire and enormous in memory, and others that no sound server spells so."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.archive.test_odd_answers import SESSION, Conversation, upload
from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from xnat_upload import ServerError, XnatUploadError
from xnat_upload.sandbox.faults import ChunkSize, ContentLength, Fault, GzipBomb

_MEASURE = """
import resource, sys
from tests.hospital import IMPATIENT
from xnat_upload import Uploader, XnatUploadError
uploader = Uploader.connect(sys.argv[1], user=sys.argv[2], password=sys.argv[3], settings=IMPATIENT)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    uploader.locate(sys.argv[4], "FAK09131796")
except XnatUploadError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


@pytest.mark.parametrize(
    "bomb",
    [
        GzipBomb(unpacked_bytes=1 << 28, path="/data/projects"),
        GzipBomb(unpacked_bytes=60 << 20, path="/data/projects"),
        GzipBomb(unpacked_bytes=60 << 20, filling=b"[],", path="/data/projects"),
        GzipBomb(unpacked_bytes=60 << 20, filling=b'{"a":""},', path="/data/projects"),
        GzipBomb(
            unpacked_bytes=60 << 20, start=b"<a>", filling=b"<b/>", content_type="text/xml", path="/experiments/[^/]+$"
        ),
        GzipBomb(
            unpacked_bytes=60 << 20, start=b"<a>", filling=b"<b c='' d=''/>", content_type="text/xml",
            path="/experiments/[^/]+$",
        ),
    ],
)  # fmt: skip
def test_what_unpacks_to_gigabytes_of_elements_costs_little_and_is_an_error(
    ward: SandboxHospital, bomb: GzipBomb
) -> None:
    with ward.sandbox.inject(bomb):
        command = [sys.executable, "-c", _MEASURE, ward.server, ward.user, ward.password, ward.hub_project_id]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    cost_kilobytes, error = ran.stdout.split(" ", 1)
    assert "no answer of an XNAT should have" in error or "more elements than an answer of an XNAT has" in error
    assert int(cost_kilobytes) < 300 * 1024


def test_what_is_packed_twice_is_not_unpacked_at_all(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(b"0" * (64 << 20)))
    packed = answer(twice, headers="Content-Encoding: gzip, gzip\r\n")
    tracemalloc.start()
    try:
        with (
            OddServer(Conversation(projects=packed)) as server,
            pytest.raises(ServerError, match="an encoding that was not asked for: 'gzip, gzip'"),
        ):
            upload(server, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("level", [1, 9])
def test_a_packed_answer_is_read(tmp_path: Path, level: int) -> None:
    body = SESSION.partition(b"\r\n\r\n")[2]
    packed = answer(
        gzip.compress(body, level), content_type="text/xml; charset=utf-8", headers="Content-Encoding: gzip\r\n"
    )
    with OddServer(Conversation(session=packed)) as server, pytest.raises(XnatUploadError, match="does not list it"):
        upload(server, tmp_path)


def test_a_packed_answer_that_breaks_off_is_asked_for_again(tmp_path: Path) -> None:
    whole = gzip.compress(SESSION.partition(b"\r\n\r\n")[2])
    broken = answer(whole[:-9], content_type="text/xml", headers="Content-Encoding: gzip\r\n")
    with OddServer(Conversation(session=broken)) as server, pytest.raises(XnatUploadError, match="broke off"):
        upload(server, tmp_path)
    assert sum(b"/experiments/ACC?" in head for head in server.heads) == IMPATIENT.attempts


@pytest.mark.parametrize(
    "fault",
    [
        ContentLength("9" * 5_000),
        ContentLength("-1"),
        ContentLength("²"),
        ChunkSize("-5"),
        ChunkSize("-1"),
        ChunkSize("x" * 100_000),
        ChunkSize("F" * 5_000),
    ],
)
def test_a_length_that_is_none_ends_in_one_of_our_errors(ward: SandboxHospital, fault: Fault) -> None:
    odd = replace(fault, path="/data/projects", times=None)
    # An answer whose Content-Length is none ends with its connection, and can be read.
    ends = nullcontext() if isinstance(fault, ContentLength) else pytest.raises(XnatUploadError)
    with ward.connect() as uploader, ward.sandbox.inject(odd), ends:
        uploader.locate(ward.hub_project_id, ward.accession_id)


def test_an_unknown_size_is_not_known_and_not_altered(tmp_path: Path) -> None:
    row = {"URI": "/data/experiments/E1/scans/4/resources/7/files/a.nii", "Size": "3", "digest": ""}
    listing = {"ResultSet": {"Result": [row]}}
    packed = answer(b"", content_type="application/octet-stream", headers="Content-Encoding: gzip\r\n")

    class WithoutMd5(Conversation):
        sent = False

        def __call__(self, method: str, path: str) -> bytes:
            if method == "HEAD":
                return packed
            if method == "PUT" and "/files/" in path:
                self.sent = True
            if method == "GET" and "/files" in path and self.sent:
                return answer(json.dumps(listing).encode())
            said = super().__call__(method, path)
            assert isinstance(said, bytes)
            return said

    with OddServer(WithoutMd5()) as server:
        report = upload(server, tmp_path)
    assert report.count("unproven") == 1
    asked = [head for head in server.heads if head.startswith(b"HEAD ")]
    assert all(b"accept-encoding: identity" in head.lower() for head in asked)
    assert asked
