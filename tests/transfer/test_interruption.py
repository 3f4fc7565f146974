"""Uploads that are stopped, cancelled or killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, Hospital
from tests.transfer.uploads import SMALL_BATCHES, folder_with, request_for, send, stored
from xnat_upload import (
    Progress,
    Status,
    Uploader,
    UploadInterrupted,
)
from xnat_upload.sandbox.faults import AnswerLate
from xnat_upload.transfer import interruption
from xnat_upload.transfer.interruption import noted


def test_ctrl_c_stops_and_the_report_says_what_is_stored(ward: SandboxHospital, tmp_path: Path) -> None:
    content = {f"{number:02d}.nii": os.urandom(5_000) for number in range(40)}
    folder_with(tmp_path, **content)
    pressed = threading.Event()

    def press(progress: Progress) -> None:
        if progress.files_done >= 12 and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # the one writer waits here until the main thread has heard of it

    with ward.connect(settings=SMALL_BATCHES) as uploader:
        with pytest.raises(UploadInterrupted) as caught:
            send(uploader, ward, tmp_path, progress=press)
        report = caught.value.report
        archive = stored(ward)
        for file in report.files:
            assert file.ok == (archive.get(file.name) == content[file.name])
        assert 12 <= report.count("stored") < 40
        assert "interrupted" in str(caught.value)
        again = send(uploader, ward, tmp_path, exist_ok=True)
    assert again.count("skipped") == report.count("stored")
    assert stored(ward) == content


def test_after_ctrl_c_nothing_more_is_made_in_the_archive(ward: SandboxHospital, tmp_path: Path) -> None:
    folder_with(tmp_path, seg=b"a segmentation")
    requests = [request_for(ward, tmp_path, scan_id=f"new{number}", resource_id="SEG") for number in range(12)]
    pressed = threading.Event()

    def press(progress: Progress) -> None:
        if progress.files_done and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)  # the one worker waits here until the main thread has heard of it

    with ward.connect(settings=replace(IMPATIENT, workers=1)) as uploader:
        with pytest.raises(UploadInterrupted) as caught:
            uploader.upload_many(requests, progress=press)
        accession = uploader.locate(ward.hub_project_id, ward.accession_id)
    report = caught.value.report
    assert [file.status for file in report.files] == [Status.STORED] + [Status.NOT_SENT] * 11
    assert set(accession.scan_types) == {"4", "new0"}


def test_who_waits_for_its_turn_makes_nothing_after_ctrl_c(ward: SandboxHospital, tmp_path: Path) -> None:
    folder_with(tmp_path, seg=b"a segmentation")
    requests = [request_for(ward, tmp_path, scan_id="4", resource_id=f"R{number}") for number in range(4)]
    late = ward.sandbox.inject(AnswerLate(1.0, method="PUT", path="/resources/R[0-9]$", times=None))
    with ward.connect() as uploader, late, ThreadPoolExecutor(1) as pool:

        def press() -> None:
            while not late.struck:
                time.sleep(0.01)
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)  # sent to the process, another thread may take it

        pool.submit(press)
        with pytest.raises(UploadInterrupted) as caught:
            uploader.upload_many(requests)
        accession = uploader.locate(ward.hub_project_id, ward.accession_id)
    assert len(accession.scans["4"].resources) == 1
    assert caught.value.report.count("not sent") == 4


def test_an_interruption_that_hides_that_a_writer_was_begun_hides_nothing_of_what_it_did(
    ward: SandboxHospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(ThreadPoolExecutor):
        pressed = False

        def submit(self, *arguments: Any, **options: Any) -> Any:
            future = super().submit(*arguments, **options)
            if not Interrupted.pressed:
                Interrupted.pressed = True
                future.result()
                raise KeyboardInterrupt
            return future

    monkeypatch.setattr("xnat_upload.transfer.run.ThreadPoolExecutor", Interrupted)
    folder_with(tmp_path, seg=b"a segmentation")
    with ward.connect() as uploader, pytest.raises(UploadInterrupted) as caught:
        uploader.upload_many([request_for(ward, tmp_path, scan_id="4", resource_id="SEG")])
    assert [(file.name, file.status) for file in caught.value.report.files] == [("seg", "stored")]
    assert len(ward.sandbox.requests.matching(method="PUT", path="/files/")) == 1


def test_a_cancelled_task_stops_its_upload(ward: SandboxHospital, tmp_path: Path) -> None:
    content = {f"{number:02d}.nii": os.urandom(2_000) for number in range(60)}
    folder_with(tmp_path, **content)
    under_way = threading.Event()

    async def cancel(uploader: Uploader) -> None:
        task = asyncio.create_task(
            uploader.upload_async(
                sorted(content),
                root=tmp_path,
                hub_project_id=ward.hub_project_id,
                accession_id=ward.accession_id,
                scan_id="4",
                resource_id="SEG",
                progress=lambda progress: under_way.set(),
            )
        )
        await asyncio.to_thread(under_way.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with ward.connect(settings=replace(SMALL_BATCHES, batch_files=1)) as uploader:
        asyncio.run(cancel(uploader))
        assert len(stored(ward)) < 60
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    assert stored(ward) == content


def upload_and_die(hospital: Hospital, folder: Path, point: tuple[str, int], resource_id: str) -> None:
    """Upload in a process of its own, and kill that process at one point: the n-th request, or after n bytes."""
    import requests

    kind, count = point
    seen = [0]
    original = requests.Session.send

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(self: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
        seen[0] += 1
        if kind == "before request" and seen[0] == count:
            die()
        response = original(self, request, **options)  # type: ignore[arg-type]
        if kind == "after request" and seen[0] == count:
            die()
        return response

    requests.Session.send = counted  # type: ignore[method-assign]

    def watch(progress: Progress) -> None:
        if kind == "bytes" and progress.bytes_sent >= count:
            die()

    settings = replace(SMALL_BATCHES, workers=1)
    with Uploader.connect(
        hospital.server, user=hospital.user, password=hospital.password, settings=settings
    ) as uploader:
        send(uploader, hospital, folder, resource_id=resource_id, exist_ok=True, progress=watch)


def kill_points(number: int, *, bytes_total: int) -> list[tuple[str, int]]:
    rng = random.Random(20261123)
    kinds = ["before request", "after request", "bytes", "bytes"]
    points = []
    for index in range(number):
        kind = kinds[index % 4]
        points.append((kind, rng.randrange(1, bytes_total) if kind == "bytes" else rng.randrange(1, 14)))
    return points


def test_a_killed_upload_is_finished_by_running_it_again_wherever_it_was_killed(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.transfer.test_interruption", "pyxnat", "pandas", "nibabel"])
    hospital = Hospital(**{name: value for name, value in vars(ward).items() if name != "sandbox"})
    sizes = [3_000] * 22 + [90_000, 0]
    died = 0
    for number, point in enumerate(kill_points(50, bytes_total=sum(sizes))):
        content = {f"{index:02d}.nii": random.Random(index).randbytes(size) for index, size in enumerate(sizes)}
        folder = folder_with(tmp_path / f"{number}", **content)
        resource = f"R{number}"
        if number % 2:  # every second one replaces files that are there
            for name in ("00.nii", "22.nii", "23.nii"):
                ward.put("4", resource, name, b"an older version")
        child = processes.Process(target=upload_and_die, args=(hospital, folder, point, resource))
        child.start()
        child.join()
        died += child.exitcode == -signal.SIGKILL
        child.close()
        ward.sandbox.wait_until_idle()  # the archive goes on with what it has received
        with ward.connect(settings=SMALL_BATCHES) as uploader:
            listed_right = {
                name: data for name, data in stored(ward, "4", resource).items() if content.get(name) == data
            }
            again = send(uploader, ward, folder, resource_id=resource, exist_ok=True)
        assert again.ok, point
        assert {file.name for file in again.files if file.status == "skipped"} <= set(listed_right), point
        assert stored(ward, "4", resource) == content, point
        assert ward.sandbox.orphans(ward.project_id, ward.accession_id, "4", resource) == {}, point
    assert died >= 45  # a few points lie behind the last request


@pytest.mark.parametrize("gap_seconds", [0, 0.0005, 0.05])
@pytest.mark.parametrize("call", ["upload", "upload_many", "upload_cohort"])
def test_two_signals_for_one_ctrl_c_end_in_a_report_all_the_same(
    ward: SandboxHospital, tmp_path: Path, gap_seconds: float, call: str
) -> None:
    folder_with(tmp_path, **{f"{number:02d}.nii": os.urandom(5_000) for number in range(40)})
    pressed = threading.Event()

    def press(progress: Progress) -> None:
        if progress.files_done >= 6 and not pressed.is_set():
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(gap_seconds)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    request = replace(request_for(ward, tmp_path, scan_id="4", resource_id="SEG"), files=tmp_path)
    rows = [
        {
            "hub_project_id": ward.hub_project_id,
            "accession_id": ward.accession_id,
            "scan_id": "4",
            "resource_id": f"SEG{number % 10}",
            "file": path.name,
        }
        for number, path in enumerate(sorted(tmp_path.iterdir()))
    ]
    with ward.connect(settings=replace(SMALL_BATCHES, workers=1)) as uploader:
        calls: dict[str, Callable[[], object]] = {
            "upload": lambda: send(uploader, ward, tmp_path, progress=press),
            "upload_many": lambda: uploader.upload_many([request], progress=press),
            "upload_cohort": lambda: uploader.upload_cohort(rows, root=tmp_path, progress=press),
        }
        with pytest.raises(UploadInterrupted) as caught:
            calls[call]()
    assert 0 < caught.value.report.count("stored") < 40
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_press_of_ctrl_c_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_ONE_PRESS_SECONDS", 0)
    with noted(threading.Event()) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_signals_that_the_program_handles_itself_are_left_to_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with noted(threading.Event()) as stop:
            signal.raise_signal(signal.SIGINT)
        assert heard == [signal.SIGINT]
        assert not stop.is_set()
    finally:
        signal.signal(signal.SIGINT, before)
