"""A server that is being restarted while files travel: time and not five attempts decides, and the waits are told."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hospital import IMPATIENT, open_hospital
from tests.sending import send
from xnat_upload import ServerUnavailableError, TransferSettings
from xnat_upload.sandbox import Sandbox


class Waits(logging.Handler):
    """Says when so many waits have been told."""

    def __init__(self, number: int) -> None:
        super().__init__(logging.INFO)
        self._left = number
        self.told = threading.Event()
        self.levels: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.add(record.levelname)
        self._left -= 1
        if not self._left:
            self.told.set()


def test_an_upload_outlasts_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nii").write_bytes(b"abc")
    with Sandbox(data=tmp_path / "archive") as first:
        hospital, port = open_hospital(first.url, first.user, first.password), int(first.url.rpartition(":")[2])
        settings = replace(IMPATIENT, attempts=TransferSettings().attempts)
        with hospital.connect(settings=settings) as uploader, ThreadPoolExecutor(1) as pool:
            uploader.locate(hospital.hub_project_id, hospital.accession_id)
            first.stop()
            waits = Waits(20)
            log = logging.getLogger("xnat_upload.archive.retry")
            monkeypatch.setattr(log, "level", logging.INFO)
            log.addHandler(waits)
            uploading = pool.submit(send, uploader, hospital, "a.nii", tmp_path)
            assert waits.told.wait(30)
            log.removeHandler(waits)
            with Sandbox(data=tmp_path / "archive", port=port):
                assert uploading.result(timeout=30).ok
                assert hospital.content("4", "SEG") == {"a.nii": b"abc"}
    assert waits.levels == {"INFO"}


def test_patience_ends_with_the_time_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"abc")
    with Sandbox() as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        settings = replace(IMPATIENT, attempts=TransferSettings().attempts, total_seconds=0.5)
        with hospital.connect(settings=settings) as uploader:
            sandbox.stop()
            with pytest.raises(ServerUnavailableError, match="Check that the archive is up"):
                send(uploader, hospital, "a.nii", tmp_path)
