"""Requests that go on in the archive after their client has given them up, over real sockets.

The worst ways that `tests/transfer/model` found through the transfer as it was, played once more with the sandbox's
holds: a slow request whose answer is lost, and another one that breaks on the way.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, Hospital
from tests.transfer.uploads import folder_with, send, stored
from xnat_upload import IncompleteUploadError, Progress, Report, Status, Uploader
from xnat_upload.sandbox.faults import AnswerFalsely, DiskFull, DropAt, DropDuring, LoseAnswer, RepeatRequest
from xnat_upload.sandbox.injection import InjectedFault

SENDING = {"method": "PUT", "path": "/files/"}
PATIENCE = replace(IMPATIENT, read_timeout_seconds=0.5, settle_seconds=0.2)
SHAPES = {
    "small": ([300_000], PATIENCE),
    "large": ([300_000], replace(PATIENCE, large_file_bytes=20_000)),
    "batch of ten": ([30_000] * 10, PATIENCE),
}


def files(folder: Path, sizes: list[int], *, seed: int = 1) -> dict[str, bytes]:
    rng = random.Random(seed)
    content = {f"{number}.nii": rng.randbytes(size) for number, size in enumerate(sizes)}
    folder_with(folder, **content)
    return content


def report_of(uploader: Uploader, ward: Hospital, folder: Path, **options: object) -> Report:
    try:
        return send(uploader, ward, folder, **options)
    except IncompleteUploadError as error:
        return cast("Report", error.report)


def assert_true(ward: SandboxHospital, report: Report, content: dict[str, bytes]) -> None:
    """When all requests have ended, what was told stored is there, and the listing tells what is there."""
    ward.sandbox.wait_until_idle()
    there = stored(ward)
    for file in report.files:
        assert not file.ok or there.get(file.name) == content[file.name], f"{file.name} is called {file.status}"
    for name, row in ward.listing("4", "SEG").items():
        assert row["digest"] == hashlib.md5(there[name]).hexdigest(), name


@contextmanager
def released_once_struck(ward: SandboxHospital, fault: InjectedFault) -> Iterator[None]:
    """Hold the first request before it writes its entries, until a fault has struck another one."""
    over = threading.Event()
    with ward.sandbox.hold("before-catalog-write") as hold, ThreadPoolExecutor(1) as pool:

        def release() -> None:
            while not fault.struck and not over.wait(0.02):
                pass
            hold.release()

        pool.submit(release)
        try:
            yield
        finally:
            over.set()


@pytest.mark.parametrize("exist_ok", [False, True])
@pytest.mark.parametrize("ends", ["timeout", "reset"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_slow_request_whose_answer_is_lost_and_a_second_that_breaks_leave_no_false_report(
    ward: SandboxHospital, tmp_path: Path, shape: str, ends: str, exist_ok: bool
) -> None:
    sizes, settings = SHAPES[shape]
    content = files(tmp_path, sizes)
    if ends == "reset":
        ward.sandbox.inject(DropAt("before-catalog-write", reset=True, **SENDING))  # type: ignore[arg-type]
    second = ward.sandbox.inject(DropDuring(100_000, nth=2, **SENDING))  # type: ignore[arg-type]
    with ward.connect(settings=settings) as uploader, second:
        with released_once_struck(ward, second):
            report = report_of(uploader, ward, tmp_path, exist_ok=exist_ok)
        assert second.struck == 1
        assert_true(ward, report, content)
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    assert stored(ward) == content


def upload_for_ever(hospital: Hospital, folder: Path) -> None:
    with hospital.connect() as uploader:
        send(uploader, hospital, folder)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_client_that_is_killed_while_its_request_goes_on_is_run_again_without_a_false_report(
    ward: SandboxHospital, tmp_path: Path, shape: str
) -> None:
    sizes, settings = SHAPES[shape]
    content = files(tmp_path, sizes)
    hospital = Hospital(**{name: value for name, value in vars(ward).items() if name != "sandbox"})
    processes = multiprocessing.get_context("forkserver")
    with ward.sandbox.hold("before-catalog-write") as hold:
        child = processes.Process(target=upload_for_ever, args=(hospital, tmp_path))
        child.start()
        hold.wait_until_reached(timeout_seconds=30)
        child.kill()
        child.join()
        child.close()
        second = ward.sandbox.inject(DropDuring(100_000, **SENDING))  # type: ignore[arg-type]
        with ward.connect(settings=settings) as uploader, second, ThreadPoolExecutor(1) as pool:
            running = pool.submit(report_of, uploader, ward, tmp_path, exist_ok=True)
            while not second.struck and not running.done():
                threading.Event().wait(0.02)
            hold.release()
            report = running.result()
    assert_true(ward, report, content)
    with ward.connect(settings=settings) as uploader:
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    assert stored(ward) == content


@pytest.mark.parametrize("point", ["catalog-read", "file-opened", "bytes-written"])
@pytest.mark.parametrize("kind", ["new", "replaced"])
def test_a_request_that_comes_late_to_any_step_does_no_harm_to_what_was_stored_since(
    ward: SandboxHospital, tmp_path: Path, kind: str, point: str
) -> None:
    folder = tmp_path / "files"
    if kind == "replaced":
        files(folder, [300_000], seed=2)
        with ward.connect() as uploader:
            send(uploader, ward, folder)
    content = files(folder, [300_000])
    with ward.connect(settings=PATIENCE) as uploader:
        with ward.sandbox.hold(point) as hold:  # type: ignore[arg-type]
            report = report_of(uploader, ward, folder, exist_ok=True)
            assert report.files[0].attempts > 1
            hold.release()
        assert_true(ward, report, content)
        assert report.ok
    assert stored(ward) == content


@pytest.mark.parametrize("answer", ["500", "lost"])
def test_a_replacement_that_the_archive_breaks_off_leaves_no_listing_that_lies(
    ward: SandboxHospital, tmp_path: Path, answer: str
) -> None:
    folder = tmp_path / "files"
    files(folder, [30_000, 30_000], seed=2)
    with ward.connect(settings=replace(PATIENCE, attempts=1)) as uploader:
        assert send(uploader, ward, folder).ok
        content = files(folder, [30_000, 30_000])
        broken = ward.sandbox.inject(DiskFull(40_000, **SENDING))  # type: ignore[arg-type]
        if answer == "lost":
            ward.sandbox.inject(LoseAnswer(**SENDING))  # type: ignore[arg-type]
        with broken:
            report = report_of(uploader, ward, folder, exist_ok=True)
        assert broken.struck == 1
        assert not report.ok
        assert_true(ward, report, content)
        again = send(uploader, ward, folder, exist_ok=True)
        assert again.ok
    assert stored(ward) == content


@pytest.mark.parametrize("large_file_bytes", [20_000, 1_000_000])
def test_a_file_that_another_client_corrects_during_the_upload_is_told_and_not_mended_over(
    ward: SandboxHospital, tmp_path: Path, large_file_bytes: int
) -> None:
    content = files(tmp_path, [30_000] * 4)

    def correct(progress: Progress) -> None:
        if progress.files_done == 2 and stored(ward).get("0.nii") == content["0.nii"]:
            ward.put("4", "SEG", "0.nii", b"corrected by another client")

    settings = replace(IMPATIENT, batch_files=1, large_file_bytes=large_file_bytes)
    with ward.connect(settings=settings) as uploader:
        report = report_of(uploader, ward, tmp_path, progress=correct)
        assert [file.status for file in report.files] == [Status.FAILED] + [Status.STORED] * 3
        assert "another client has replaced them" in report.files[0].reason
        assert stored(ward)["0.nii"] == b"corrected by another client"
        replaced = send(uploader, ward, tmp_path, exist_ok=True)
    assert replaced.files[0].status is Status.STORED
    assert stored(ward) == content


def test_with_exist_ok_the_report_tells_who_has_won(ward: SandboxHospital, tmp_path: Path) -> None:
    content = files(tmp_path, [30_000] * 3)

    def correct(progress: Progress) -> None:
        if progress.files_done == 2 and stored(ward).get("0.nii") == content["0.nii"]:
            ward.put("4", "SEG", "0.nii", b"another client's")

    with ward.connect(settings=replace(IMPATIENT, batch_files=1)) as uploader:
        report = send(uploader, ward, tmp_path, exist_ok=True, progress=correct)
    assert report.files[0].status is Status.STORED
    assert "sent once more, because the archive has other bytes than were sent: another client's" in (
        report.files[0].reason
    )
    assert stored(ward) == content


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_request_that_a_proxy_repeats_is_not_taken_for_another_clients(
    ward: SandboxHospital, tmp_path: Path, shape: str, at_once: bool
) -> None:
    sizes, settings = SHAPES[shape]
    content = files(tmp_path, sizes)
    repeated = ward.sandbox.inject(RepeatRequest(at_once=at_once, **SENDING))  # type: ignore[arg-type]
    with ward.connect(settings=replace(settings, read_timeout_seconds=10)) as uploader, repeated:
        report = report_of(uploader, ward, tmp_path)
        assert repeated.struck == 1
        assert_true(ward, report, content)
        assert at_once or report.ok, report.files[0].reason
        assert not any("another client" in file.reason for file in report.files)
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    assert stored(ward) == content


@pytest.mark.parametrize("large_file_bytes", [20_000, 1_000_000])
def test_a_replacement_that_was_done_and_answered_with_500_is_found_and_the_usual_case_asks_no_more(
    ward: SandboxHospital, tmp_path: Path, large_file_bytes: int
) -> None:
    files(tmp_path, [30_000], seed=2)
    with ward.connect(settings=replace(IMPATIENT, large_file_bytes=large_file_bytes)) as uploader:
        send(uploader, ward, tmp_path)
        content = files(tmp_path, [30_000])
        with ward.sandbox.inject(AnswerFalsely(500, **SENDING)) as falsely:  # type: ignore[arg-type]
            report = report_of(uploader, ward, tmp_path, exist_ok=True)
        assert falsely.struck == 1
        assert report.files[0].status is Status.STORED
        assert stored(ward) == content
        files(tmp_path, [30_000], seed=3)
        ward.sandbox.clear_requests()
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    asked = [request.path.rpartition("/")[2] for request in ward.sandbox.requests if "/scans/4" in request.path]
    assert asked.count("files") == 2, "one listing to plan, one to prove"
    assert not any("refresh" in request.path for request in ward.sandbox.requests)
