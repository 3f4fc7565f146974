"""What a slow line makes of an upload: requests that end soon, and little that is lost with one of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from xnat_upload import Progress, TransferSettings, Uploader, UploadInterrupted
from xnat_upload.sandbox import Sandbox

KIB = 1024
MIB = 1024 * KIB
PLACE = {"hub_project_id": "hub", "accession_id": "ACC", "scan_id": "4", "resource_id": "IMAGES"}


@pytest.fixture
def forty_images(tmp_path: Path) -> Path:
    """Ten MiB that no compression makes smaller."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.dcm").write_bytes(os.urandom(256 * KIB))
    return folder


def archive(*, bandwidth_mbps: float | None) -> Iterator[Sandbox]:
    with Sandbox(bandwidth_mbps=bandwidth_mbps) as sandbox:
        sandbox.add_project("P", secondary_id="hub")
        sandbox.add_session("P", "ACC", xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        yield sandbox


@pytest.fixture
def slow_archive() -> Iterator[Sandbox]:
    yield from archive(bandwidth_mbps=40)


@pytest.fixture
def near_archive() -> Iterator[Sandbox]:
    yield from archive(bandwidth_mbps=None)


def sent_bytes(sandbox: Sandbox) -> list[int]:
    return [request.body_size for request in sandbox.requests if "/files/" in request.path]


def test_on_a_slow_line_a_request_takes_about_as_long_as_was_wished(slow_archive: Sandbox, forty_images: Path) -> None:
    settings = TransferSettings(batch_seconds=0.4)
    with Uploader.connect(
        slow_archive.url, user=slow_archive.user, password=slow_archive.password, settings=settings
    ) as uploader:
        assert uploader.upload(forty_images, **PLACE).count("stored") == 40
    first, *others = sent_bytes(slow_archive)
    assert first < 2.1 * MIB
    assert len(others) >= 4, "two MiB each, at five million bytes a second"
    assert max(others) < 3 * MIB


def test_on_a_fast_line_few_requests_follow_the_first(near_archive: Sandbox, forty_images: Path) -> None:
    with Uploader.connect(near_archive.url, user=near_archive.user, password=near_archive.password) as uploader:
        assert uploader.plan(forty_images, **PLACE).summary.startswith("40 files to send (10.0 MiB) in at least 1 ")
        assert uploader.upload(forty_images, **PLACE).count("stored") == 40
    assert len(sent_bytes(near_archive)) == 2


def test_who_stops_a_slow_upload_half_way_keeps_what_was_sent(slow_archive: Sandbox, forty_images: Path) -> None:
    stopped_once = threading.Event()

    def stop_half_way(progress: Progress) -> None:
        if progress.bytes_sent > 0.5 * progress.bytes_total and not stopped_once.is_set():
            stopped_once.set()
            os.kill(os.getpid(), signal.SIGINT)

    with Uploader.connect(
        slow_archive.url,
        user=slow_archive.user,
        password=slow_archive.password,
        settings=TransferSettings(batch_seconds=0.4),
    ) as uploader:
        with pytest.raises(UploadInterrupted) as stopped:
            uploader.upload(forty_images, **PLACE, progress=stop_half_way)
        assert stopped.value.report.count("stored") >= 8
        slow_archive.clear_requests()
        again = uploader.upload(forty_images, **PLACE, exist_ok="same")
    assert again.ok
    assert again.count("skipped") == stopped.value.report.count("stored")
    assert len(slow_archive.files("P", "ACC", "4", "IMAGES")) == 40
