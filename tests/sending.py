"""The shortest way to send files in a test."""

from __future__ import annotations

from pathlib import Path

from tests.hospital import Hospital
from xnat_upload import (
    Report,
    Uploader,
)


def send(uploader: Uploader, hospital: Hospital, files: object, folder: Path, **options: object) -> Report:
    arguments: dict[str, object] = {
        "hub_project_id": hospital.hub_project_id,
        "accession_id": hospital.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
        "root": folder,
        **options,
    }
    return uploader.upload(files, **arguments)  # type: ignore[arg-type]
