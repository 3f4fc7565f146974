"""Requests are as large as the line makes them, and a fast line is not made to wait for small ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SandboxHospital
from xnat_upload.archive.line import MIB, Line, may_go_at_once

KIB = 1024


def test_an_uploader_that_is_new_knows_the_line_as_the_one_before(ward: SandboxHospital) -> None:
    requests = []
    for number in range(2):
        ward.sandbox.clear_requests()
        with ward.connect() as uploader:
            files = {f"{number}-{index}.nii": bytes(MIB // 4) for index in range(24)}
            uploader.upload(
                files, project_id=ward.project_id, accession_id=ward.accession_id, scan_id="4", resource_id="SEG"
            )
        requests.append(len(ward.sandbox.requests.matching(method="PUT", path="/files/")))
    assert requests == [2, 1]


def test_nothing_is_known_before_the_first_request_so_it_is_small() -> None:
    assert Line().fitting([MIB // 4] * 400, seconds=20) == 7
    assert Line().fitting([100] * 5_000, seconds=20) <= 500, "10 s on storage that needs 20 ms for a file"


@pytest.mark.parametrize("sizes", [[100] * 900, [MIB] * 3, [4 * MIB - 4 * KIB], []])
def test_what_is_hardly_more_than_the_first_request_is_not_divided(sizes: list[int]) -> None:
    assert may_go_at_once(sizes)
    assert Line().fitting(sizes, seconds=20) == len(sizes)


def test_a_slow_line_makes_requests_small_and_a_fast_one_large() -> None:
    slow, fast = Line(), Line()
    slow.learn(files=20, file_bytes=2 * MIB, seconds=16)  # 1 Mbit/s
    fast.learn(files=20, file_bytes=2 * MIB, seconds=0.02)
    sizes = [100 * KIB] * 2_000
    assert slow.fitting(sizes, seconds=20) * 100 * KIB < 2.6 * MIB
    assert fast.fitting(sizes, seconds=20) == len(sizes)


def test_a_line_is_slow_once_it_has_shown_that() -> None:
    assert not Line().is_slow
    hospital, near = Line(), Line()
    hospital.learn(files=10, file_bytes=10 * MIB, seconds=0.9)  # 100 Mbit/s
    near.learn(files=10, file_bytes=10 * MIB, seconds=0.1)
    assert hospital.is_slow
    assert not near.is_slow


def test_slow_storage_makes_requests_of_few_files() -> None:
    line = Line()
    line.learn(files=500, file_bytes=500 * 100, seconds=10)  # 20 ms for each
    assert 900 < line.fitting([100] * 100_000, seconds=20) < 1_100


def test_what_is_too_short_to_tell_changes_nothing() -> None:
    line = Line()
    line.learn(files=1, file_bytes=100 * KIB, seconds=5)
    assert line.fitting([MIB // 4] * 400, seconds=20) == 7


def test_a_line_that_has_become_slower_is_believed_after_a_few_requests() -> None:
    line = Line()
    line.learn(files=1, file_bytes=100 * MIB, seconds=1)
    for _ in range(10):
        line.learn(files=1, file_bytes=10 * MIB, seconds=10)
    assert line.fitting([MIB] * 1000, seconds=20) < 25


@given(st.lists(st.integers(0, 10 * MIB), min_size=1, max_size=50), st.floats(0.001, 100), st.floats(0.001, 100))
def test_at_least_one_file_travels_and_no_more_than_there_are(
    sizes: list[int], seconds: float, learnt_seconds: float
) -> None:
    line = Line()
    assert 1 <= line.fitting(sizes, seconds=seconds) <= len(sizes)
    line.learn(files=len(sizes), file_bytes=sum(sizes), seconds=learnt_seconds)
    assert 1 <= line.fitting(sizes, seconds=seconds) <= len(sizes)
