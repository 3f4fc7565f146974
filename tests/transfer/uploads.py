"""Uploads that meet others, or come to an early end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, Hospital
from xnat_upload import (
    Plan,
    Report,
    Uploader,
    UploadRequest,
    XnatUploadError,
)
from xnat_upload.archive.locks import Locks

SMALL_BATCHES = replace(IMPATIENT, batch_files=4, large_file_bytes=30_000)


def send(uploader: Uploader, hospital: Hospital, folder: Path, **options: Any) -> Report:
    arguments: dict[str, Any] = {"scan_id": "4", "resource_id": "SEG", **options}
    return uploader.upload(
        sorted(path.name for path in folder.iterdir()),
        root=folder,
        hub_project_id=hospital.hub_project_id,
        accession_id=hospital.accession_id,
        **arguments,
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


def as_another_process(uploader: Uploader) -> Uploader:
    """Make an uploader know nothing of the others here: within one process they wait for each other."""
    uploader._locks = Locks(f"{uploader.server} of another process")
    return uploader
