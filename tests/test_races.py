"""Two uploaders at once, and uploads that end before their time."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, Hospital
from xnat_upload import (
    AlreadyExistsError,
    IncompleteUploadError,
    Plan,
    Progress,
    Report,
    Scan,
    Status,
    Uploader,
    UploadInterrupted,
    UploadRequest,
    XnatUploadError,
)
from xnat_upload.sandbox.faults import AnswerLate, Fault, LoseAnswer, Refuse

SMALL_BATCHES = replace(IMPATIENT, batch_files=4, large_file_bytes=30_000)


def send(uploader: Uploader, hospital: Hospital, folder: Path, **options: object) -> Report:
    arguments = {"scan_id": "4", "resource_id": "SEG", **options}
    return uploader.upload(
        sorted(path.name for path in folder.iterdir()),
        root=folder,
        hub_project_id=hospital.hub_project_id,
        accession_id=hospital.accession_id,
        **arguments,  # type: ignore[arg-type]
    )


def plan_for(uploader: Uploader, hospital: Hospital, folder: Path, *, exist_ok: bool = False) -> Plan:
    return uploader.plan(
        sorted(path.name for path in folder.iterdir()),
        root=folder,
        hub_project_id=hospital.hub_project_id,
        accession_id=hospital.accession_id,
        scan_id="4",
        resource_id="SEG",
        exist_ok=exist_ok,
    )


def request_for(hospital: Hospital, folder: Path, *, scan_id: str, resource_id: str) -> UploadRequest:
    return UploadRequest(
        files="seg",
        root=folder,
        hub_project_id=hospital.hub_project_id,
        accession_id=hospital.accession_id,
        scan_id=scan_id,
        resource_id=resource_id,
    )


def stored(ward: SandboxHospital, scan_id: str = "4", resource_id: str = "SEG") -> dict[str, bytes]:
    return ward.sandbox.files(ward.project_id, ward.accession_id, scan_id, resource_id)


def folder_with(path: Path, **content: bytes) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (path / name).write_bytes(data)
    return path


def both(first: Callable[[], Report], second: Callable[[], Report]) -> list[Report | XnatUploadError]:
    """Run two uploads at the same time and give how each ended."""
    ready = threading.Barrier(2)

    def run(act: Callable[[], Report]) -> Report | XnatUploadError:
        ready.wait()
        try:
            return act()
        except XnatUploadError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, [first, second]))


def test_a_name_whose_bytes_another_client_is_just_writing_is_neither_taken_nor_called_stored(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    ours, theirs = (
        folder_with(tmp_path / "ours", seg=b"our bytes"),
        folder_with(tmp_path / "theirs", seg=b"their bytes"),
    )
    with ward.connect() as first, ward.connect() as second, ThreadPoolExecutor(1) as pool:
        with ward.sandbox.hold("bytes-written") as hold:
            winner = pool.submit(send, first, ward, theirs)
            hold.wait_until_reached()
            with pytest.raises(IncompleteUploadError, match="unlisted bytes") as caught:
                send(second, ward, ours)
        assert winner.result().ok
    assert not caught.value.report.ok
    assert stored(ward) == {"seg": b"their bytes"}


@pytest.mark.parametrize("size_bytes", [10, 6_000_000])  # the answer to a large one comes before its body was read
def test_a_name_that_another_client_stored_after_the_plan_is_a_conflict(
    ward: SandboxHospital, tmp_path: Path, size_bytes: int
) -> None:
    ours = folder_with(tmp_path / "ours", seg=bytes(size_bytes))
    theirs = folder_with(tmp_path / "theirs", seg=b"their bytes")
    with ward.connect() as first, ward.connect() as second:
        send(second, ward, folder_with(tmp_path / "before", other=b"was there"))
        plan = plan_for(first, ward, ours)
        send(second, ward, theirs)
        with pytest.raises(AlreadyExistsError, match="another client") as caught:
            first.run(plan)
    assert caught.value.names == ("seg",)
    assert caught.value.report is not None
    assert caught.value.report.files[0].status == Status.FAILED
    assert stored(ward) == {"other": b"was there", "seg": b"their bytes"}


def test_a_resource_that_another_client_made_after_the_plan_is_looked_into_before_anything_is_sent(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    ours = folder_with(tmp_path / "ours", new=b"ours", seg=b"our bytes")
    theirs = folder_with(tmp_path / "theirs", seg=b"their bytes")
    with ward.connect() as first, ward.connect() as second:
        plan = plan_for(first, ward, ours)
        send(second, ward, theirs)
        ward.sandbox.clear_requests()
        with pytest.raises(AlreadyExistsError, match="nothing was sent") as caught:
            first.run(plan)
    assert caught.value.names == ("seg",)
    assert not any("/files/" in request.path for request in ward.sandbox.requests)
    assert stored(ward) == {"seg": b"their bytes"}


def test_what_another_client_stored_alike_after_the_plan_is_not_sent_again(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    ours = folder_with(tmp_path / "ours", new=b"ours", same=b"the same", seg=b"our bytes")
    theirs = folder_with(tmp_path / "theirs", same=b"the same", seg=b"their bytes")
    with ward.connect() as first, ward.connect() as second:
        plan = plan_for(first, ward, ours, exist_ok=True)
        send(second, ward, theirs)
        report = first.run(plan)
    assert {file.name: (file.status, file.attempts) for file in report.files} == {
        "new": (Status.STORED, 1),
        "same": (Status.SKIPPED, 0),
        "seg": (Status.STORED, 1),
    }
    assert stored(ward) == {"new": b"ours", "same": b"the same", "seg": b"our bytes"}


@pytest.mark.parametrize("removed", ["file", "resource"])
def test_what_another_client_removed_after_the_plan_is_not_called_skipped(
    ward: SandboxHospital, tmp_path: Path, removed: str
) -> None:
    folder = folder_with(tmp_path / "ours", a=b"was there", b=b"is new", c=b"was there too")
    ward.put("4", "SEG", "a", b"was there")
    ward.put("4", "SEG", "c", b"was there too")
    with ward.connect() as uploader:
        plan = plan_for(uploader, ward, folder, exist_ok=True)
        assert [step.action.value for step in plan.steps] == ["skip", "send", "skip"]
        path = ward.resource_path("4", "SEG")
        ward.ask("DELETE", path if removed == "resource" else f"{path}/files/a")
        report = uploader.run(plan)
    expected = ["stored", "stored", "stored" if removed == "resource" else "skipped"]
    assert [file.status.value for file in report.files] == expected
    assert stored(ward) == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_progress_comes_to_its_end_though_less_is_sent_than_was_planned(ward: SandboxHospital, tmp_path: Path) -> None:
    ours = folder_with(tmp_path / "ours", same=bytes(50_000), new=b"new")
    said: list[Progress] = []
    with ward.connect() as uploader:
        plan = plan_for(uploader, ward, ours, exist_ok=True)
        ward.put("4", "SEG", "same", bytes(50_000))
        assert uploader.run(plan, progress=said.append).ok
    assert said[-1] == Progress(files_done=2, files_total=2, bytes_sent=50_003, bytes_total=50_003)


@pytest.mark.parametrize("elsewhere", ["session", "other scan", "assessor"])
def test_a_resource_of_that_label_elsewhere_is_not_taken_for_the_one(
    ward: SandboxHospital, tmp_path: Path, elsewhere: str
) -> None:
    folder = folder_with(tmp_path, seg=b"a segmentation")
    ward.create_scan("5")
    place = {"session": ward.session_path, "other scan": f"{ward.session_path}/scans/5"}
    if elsewhere == "assessor":
        place["assessor"] = f"{ward.session_path}/assessors/QC1"
        ward.ask("PUT", place["assessor"], params={"xsiType": "xnat:qcManualAssessorData"})
    assert ward.ask("PUT", f"{place[elsewhere]}/resources/SEG").status_code == 200
    ward.sandbox.clear_requests()
    with ward.connect() as uploader:
        assert send(uploader, ward, folder).ok
    asked = [request for request in ward.sandbox.requests if request.path.endswith("/scans/4/resources/SEG/files")]
    assert [request.method for request in asked] == ["GET"]  # to verify; there was nothing to look up before


def test_a_resource_that_was_made_in_spite_of_a_500_is_looked_into(ward: SandboxHospital, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "ours", seg=b"our bytes")
    with ward.connect() as uploader:
        plan = plan_for(uploader, ward, folder)
        ward.put("4", "SEG", "seg", b"their bytes")
        refused = ward.sandbox.inject(Refuse(500, method="PUT", path="/resources/SEG$"))
        with refused, pytest.raises(AlreadyExistsError, match="nothing was sent"):
            uploader.run(plan)
    assert stored(ward) == {"seg": b"their bytes"}


def test_create_resource_that_lost_its_answer_is_no_conflict_with_itself(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        scan = Scan(uploader.locate(ward.hub_project_id, ward.accession_id), "4")
        with ward.sandbox.inject(LoseAnswer(method="PUT", path="/resources/SEG$")):
            assert uploader.create_resource(scan, "SEG").label == "SEG"
        with pytest.raises(AlreadyExistsError):
            uploader.create_resource(scan, "SEG")


@pytest.mark.parametrize(
    ("theirs", "reading", "reason"),
    [
        (b"their bytes", None, "meanwhile"),
        (b"<html>their page</html>", None, "meanwhile"),
        (bytes(300_000), None, "meanwhile"),
        (b"their bytes", Refuse(500, method="GET", path="files/seg"), "could not be seen"),
    ],
)
def test_another_clients_file_is_a_conflict_whatever_is_in_it(
    ward: SandboxHospital,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    theirs: bytes,
    reading: Fault | None,
    reason: str,
) -> None:
    monkeypatch.setattr("xnat_upload.exchange._ANSWER_BYTES", 200_000)  # no answer is longer, but a file may be
    folder = folder_with(tmp_path / "ours", seg=b"our bytes")
    ward.put("4", "SEG", "other", b"was there")
    with ward.connect() as uploader:
        plan = plan_for(uploader, ward, folder)
        ward.put("4", "SEG", "seg", theirs)
        with ward.sandbox.inject(Refuse(503, method="PUT", path="/files/")), ExitStack() as faults:
            if reading is not None:
                faults.enter_context(ward.sandbox.inject(reading))
            with pytest.raises(AlreadyExistsError) as caught:
                uploader.run(plan)
    assert caught.value.names == ("seg",)
    assert caught.value.report is not None
    assert reason in caught.value.report.files[0].reason
    assert stored(ward)["seg"] == theirs


@pytest.mark.parametrize("round_", range(24))
def test_two_uploaders_race_for_one_name_and_at_most_one_wins(
    ward: SandboxHospital, tmp_path: Path, round_: int
) -> None:
    size = [10, 40_000][round_ % 2]  # a zip, and a plain body
    one, two = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
    first_folder, second_folder = folder_with(tmp_path / "one", seg=one), folder_with(tmp_path / "two", seg=two)
    with ward.connect(settings=SMALL_BATCHES) as first, ward.connect(settings=SMALL_BATCHES) as second:
        ends = both(lambda: send(first, ward, first_folder), lambda: send(second, ward, second_folder))
    winners = [end for end in ends if isinstance(end, Report)]
    losers = [end for end in ends if not isinstance(end, Report)]
    assert len(winners) <= 1
    assert all(isinstance(loser, (AlreadyExistsError, IncompleteUploadError)) for loser in losers)
    there = {**ward.sandbox.orphans(ward.project_id, ward.accession_id, "4", "SEG"), **stored(ward)}
    assert there["seg"] in (one, two)
    if winners and there["seg"] != (one if ends[0] is winners[0] else two):
        # The loser's bytes came to lie over the winner's. It says so, and the listing says what is there.
        assert "the bytes are ours now" in str(losers[0])
        assert ward.listing("4", "SEG")["seg"]["digest"] == hashlib.md5(there["seg"]).hexdigest()


@pytest.mark.parametrize("round_", range(6))
def test_two_uploaders_create_one_scan_and_one_resource_and_both_files_are_stored(
    ward: SandboxHospital, tmp_path: Path, round_: int
) -> None:
    folders = [folder_with(tmp_path / "one", a=b"first"), folder_with(tmp_path / "two", b=b"second")]
    with ward.connect() as first, ward.connect() as second:
        ends = both(
            lambda: send(first, ward, folders[0], scan_id=f"new{round_}"),
            lambda: send(second, ward, folders[1], scan_id=f"new{round_}"),
        )
        assert all(isinstance(end, Report) for end in ends), ends
        accession = first.locate(ward.hub_project_id, ward.accession_id)
    assert sorted(accession.scan_types) == ["4", f"new{round_}"]
    rows = ward.ask("GET", f"{ward.session_path}/scans/new{round_}/resources?format=json").json()["ResultSet"]["Result"]
    assert [row["label"] for row in rows] == ["SEG"]
    assert stored(ward, f"new{round_}") == {"a": b"first", "b": b"second"}


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
    assert len(accession.resource_labels["4"]) == 1
    assert caught.value.report.count("not sent") == 4


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
    processes.set_forkserver_preload(["tests.test_races", "pyxnat", "pandas", "nibabel"])
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
