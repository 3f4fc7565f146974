"""Two clients and one resource."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import open_hospital
from tests.transfer.uploads import SMALL_BATCHES, as_another_process, both, folder_with, plan_for, send, stored
from xnat_upload import (
    AlreadyExistsError,
    IncompleteUploadError,
    Progress,
    Report,
    Scan,
    Status,
)
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import Fault, LoseAnswer, Refuse


def test_a_name_whose_bytes_another_client_is_just_writing_is_neither_taken_nor_called_stored(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    ours, theirs = (
        folder_with(tmp_path / "ours", seg=b"our bytes"),
        folder_with(tmp_path / "theirs", seg=b"their bytes"),
    )
    with ward.connect() as first, as_another_process(ward.connect()) as second, ThreadPoolExecutor(1) as pool:
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
    with ward.connect() as first, as_another_process(ward.connect()) as second:
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
    with ward.connect() as first, as_another_process(ward.connect()) as second:
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
    with ward.connect() as first, as_another_process(ward.connect()) as second:
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
    monkeypatch.setattr("xnat_upload.archive.exchange._ANSWER_BYTES", 200_000)  # no answer is longer, but a file may be
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


@pytest.mark.parametrize("theirs", [b"their byte", b"theirs", b"bytes of theirs, and more of them"])
def test_bytes_that_two_have_torn_between_them_are_told_and_listed_as_they_are(tmp_path: Path, theirs: bytes) -> None:
    folder = folder_with(tmp_path / "ours", seg=b"our bytes.")
    with Sandbox(data=tmp_path / "archive") as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        ward = SandboxHospital(**vars(hospital), sandbox=sandbox)
        ward.put("4", "SEG", "other", b"was there")
        with ward.connect() as uploader:
            plan = plan_for(uploader, ward, folder)
            ward.put("4", "SEG", "seg", theirs)
            (path,) = (tmp_path / "archive").rglob("seg")
            torn = b"our b" + path.read_bytes()[5:]
            path.write_bytes(torn)
            told = pytest.raises(IncompleteUploadError, match="the bytes are neither theirs nor ours now")
            with sandbox.inject(Refuse(503, method="PUT", path="/files/")), told:
                uploader.run(plan)
        assert ward.listing("4", "SEG")["seg"]["digest"] == hashlib.md5(torn).hexdigest()


@pytest.mark.parametrize("round_", range(24))
def test_two_uploaders_race_for_one_name_and_at_most_one_wins(
    ward: SandboxHospital, tmp_path: Path, round_: int
) -> None:
    size = [10, 40_000][round_ % 2]  # a zip, and a plain body
    one, two = random.Random(1).randbytes(size), random.Random(2).randbytes(size)
    first_folder, second_folder = folder_with(tmp_path / "one", seg=one), folder_with(tmp_path / "two", seg=two)
    with (
        ward.connect(settings=SMALL_BATCHES) as first,
        as_another_process(ward.connect(settings=SMALL_BATCHES)) as second,
    ):
        ends = both(lambda: send(first, ward, first_folder), lambda: send(second, ward, second_folder))
    winners = [end for end in ends if isinstance(end, Report)]
    losers = [end for end in ends if not isinstance(end, Report)]
    assert len(winners) <= 1
    assert all(isinstance(loser, (AlreadyExistsError, IncompleteUploadError)) for loser in losers)
    there = {**ward.sandbox.orphans(ward.project_id, ward.accession_id, "4", "SEG"), **stored(ward)}
    if winners and there["seg"] != (one if ends[0] is winners[0] else two):
        # The loser's bytes came to lie over the winner's, or among them: data files are not locked. It says so, and the
        # listing says what is there.
        assert ("the bytes are ours now" if there["seg"] in (one, two) else "neither theirs nor ours") in str(losers[0])
        assert ward.listing("4", "SEG")["seg"]["digest"] == hashlib.md5(there["seg"]).hexdigest()


@pytest.mark.parametrize("round_", range(6))
def test_two_uploaders_create_one_scan_and_one_resource_and_both_files_are_stored(
    ward: SandboxHospital, tmp_path: Path, round_: int
) -> None:
    folders = [folder_with(tmp_path / "one", a=b"first"), folder_with(tmp_path / "two", b=b"second")]
    with ward.connect() as first, as_another_process(ward.connect()) as second:
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
