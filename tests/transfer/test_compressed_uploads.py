"""Uploads over a slow line: fewer bytes travel, and the archive holds what was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.contents import ct, gzipped, mask
from xnat_upload import IncompleteUploadError, Report, TransferSettings, Uploader
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import DropDuring, Fault, FlipByte, ForgetSession, LoseAnswer, Refuse
from xnat_upload.transfer import deflating

MIB = 1024 * 1024
PLACE = {"hub_project_id": "hub", "accession_id": "ACC", "scan_id": "4", "resource_id": "IMAGES"}


@pytest.fixture
def far_archive() -> Iterator[Sandbox]:
    """As far away as a hospital, and on its line."""
    with Sandbox(latency_ms=10, bandwidth_mbps=100) as sandbox:
        sandbox.add_project("P", secondary_id="hub")
        sandbox.add_session("P", "ACC", xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        yield sandbox


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    for number in range(8):
        (folder / f"ct{number}.dcm").write_bytes(ct(number, 0))
    for number in range(3):
        (folder / f"mask{number}").write_bytes(mask(number, 5 * MIB))
    (folder / "volume.nii.gz").write_bytes(gzipped(0, 5 * MIB))
    (folder / "empty").touch()
    return folder


def upload(sandbox: Sandbox, folder: Path, *, settings: TransferSettings, exist_ok: bool = False) -> Report:
    with Uploader.connect(sandbox.url, user=sandbox.user, password=sandbox.password, settings=settings) as uploader:
        return uploader.upload(folder, **PLACE, exist_ok=exist_ok, progress=False)


def assert_holds(sandbox: Sandbox, folder: Path) -> None:
    assert sandbox.files("P", "ACC", "4", "IMAGES") == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_shrinks_is_deflated_and_the_report_says_so(far_archive: Sandbox, study: Path) -> None:
    report = upload(far_archive, study, settings=TransferSettings(pause_seconds=0))
    assert_holds(far_archive, study)
    assert report.count("stored") == 13
    found = {file.name: (file.bytes_on_the_line, file.size_bytes) for file in report.files}
    assert found["volume.nii.gz"][0] == found["volume.nii.gz"][1]
    assert found["empty"] == (0, 0)
    # A single file may travel as it is, if this machine was busy while its sample was deflated.
    for kind, part in (("ct", 0.8), ("mask", 0.2)):
        line_bytes, size_bytes = map(sum, zip(*(found[name] for name in found if name.startswith(kind)), strict=True))
        assert line_bytes < part * size_bytes, kind
    travelled = sum(request.body_size for request in far_archive.requests if "/files/" in request.path)
    assert 0 < travelled - report.bytes_on_the_line < 20_000, "headers, and marks around blocks"
    assert " sent as " in report.summary
    assert report.to_dataframe()["bytes_on_the_line"].sum() == report.bytes_on_the_line


def test_nothing_is_deflated_where_that_was_switched_off(far_archive: Sandbox, study: Path) -> None:
    report = upload(far_archive, study, settings=TransferSettings(compression="never"))
    assert report.bytes_on_the_line == report.bytes_sent
    assert " sent as " not in report.summary
    assert all("transfer-encoding" not in request.headers for request in far_archive.requests)


def test_large_files_that_are_deflated_travel_together(far_archive: Sandbox, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.nii").write_bytes(mask(number, 5 * MIB))
    upload(far_archive, tmp_path, settings=TransferSettings(compression="always"))
    assert len([request for request in far_archive.requests if "/files/" in request.path]) <= 3


@pytest.mark.parametrize("status", [400, 403, 411, 413, 500, 501])
def test_where_requests_of_unknown_length_are_refused_the_files_travel_as_they_are(
    far_archive: Sandbox, study: Path, status: int
) -> None:
    settings = TransferSettings(pause_seconds=0, compression="always")
    with far_archive.inject(Refuse(status, path="/files/", times=1)):
        assert upload(far_archive, study, settings=settings).ok
    assert_holds(far_archive, study)
    sending = [request for request in far_archive.requests if "/files/" in request.path]
    chunked = ["transfer-encoding" in request.headers for request in sending]
    assert chunked == [True] + [False] * (len(sending) - 1)


def test_a_gateway_that_wants_lengths_from_now_on_is_believed(far_archive: Sandbox, study: Path) -> None:
    settings = TransferSettings(pause_seconds=0, compression="always")
    upload(far_archive, study, settings=settings)
    (study / "another").write_bytes(bytes(MIB))
    with far_archive.inject(Refuse(411, path="/files/", times=1)):
        assert upload(far_archive, study, settings=settings, exist_ok=True).ok
    assert_holds(far_archive, study)
    last = next(request for request in reversed(far_archive.requests) if "/files/" in request.path)
    assert "transfer-encoding" not in last.headers


@pytest.mark.parametrize("changed", [{0}, {2}, {0, 1, 2, 3}])
def test_a_large_file_that_has_changed_before_it_was_joined_to_others_stays_behind_alone(
    far_archive: Sandbox, tmp_path: Path, changed: set[int]
) -> None:
    for number in range(4):
        (tmp_path / str(number)).write_bytes(mask(number, 5 * MIB))
    login = {"user": far_archive.user, "password": far_archive.password}
    with Uploader.connect(far_archive.url, **login, settings=TransferSettings(pause_seconds=0)) as uploader:  # type: ignore[arg-type]
        plan = uploader.plan(tmp_path, **PLACE)
        for number in changed:
            (tmp_path / str(number)).write_bytes(b"other bytes")
        with pytest.raises(IncompleteUploadError) as caught:
            uploader.run(plan)
    assert {int(file.name) for file in caught.value.report.files if not file.ok} == changed


def test_files_are_not_joined_beyond_what_a_deflated_zip_can_hold(
    far_archive: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflating, "MOST_BYTES", deflating._GROWTH_BYTES + 12 * MIB)
    for number in range(4):
        (tmp_path / str(number)).write_bytes(mask(number, 5 * MIB))
    upload(far_archive, tmp_path, settings=TransferSettings(compression="always"))
    sending = [request for request in far_archive.requests if "/files/" in request.path]
    assert len(sending) >= 2
    assert all("transfer-encoding" in request.headers for request in sending)


@pytest.mark.parametrize(
    "fault",
    [
        DropDuring(100_000, path="/files/", times=1),
        LoseAnswer(path="/files/", times=1),
        ForgetSession(path="/files/", times=1),
        FlipByte(path="/files/", times=1),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_befalls_a_deflated_request_leaves_no_other_bytes(far_archive: Sandbox, study: Path, fault: Fault) -> None:
    settings = TransferSettings(pause_seconds=0, settle_seconds=0, compression="always")
    with far_archive.inject(fault):
        report = upload(far_archive, study, settings=settings, exist_ok=True)
    assert report.ok
    assert_holds(far_archive, study)
