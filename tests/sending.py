"""The shortest way to send files in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hospital import Hospital
from xnat_upload import (
    Report,
    Uploader,
)


def send(uploader: Uploader, hospital: Hospital, files: Any, folder: Path, **options: Any) -> Report:
    arguments: dict[str, Any] = {
        "hub_project_id": hospital.hub_project_id,
        "accession_id": hospital.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
        "root": folder,
        **options,
    }
    return uploader.upload(files, **arguments)
