"""Manifests for tests, and what became of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SandboxHospital
from xnat_upload import (
    InvalidManifestError,
)

Row = dict[str, Any]


def row(ward: SandboxHospital, file: str, **cells: Any) -> Row:
    return {
        "hub_project_id": ward.hub_project_id,
        "accession_id": ward.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
        "file": file,
        **cells,
    }


def cohort(ward: SandboxHospital, root: Path, *, sessions: int = 3, files: int = 2) -> list[Row]:
    """Some sessions with two resources each, and their files."""
    rows = []
    for number in range(sessions):
        label = f"ACC{number}"
        ward.sandbox.add_session(ward.project_id, label, xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        for scan_id in ("4", "new"):
            for index in range(files):
                name = f"{label}/{scan_id}/{index}.nii"
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(f"bytes of {name}".encode())
                rows.append(row(ward, name, accession_id=label, scan_id=scan_id, patient=f"patient {number}"))
    return rows


def stored(ward: SandboxHospital, rows: list[Row]) -> dict[str, bytes]:
    """What the archive holds of these rows, by their file."""
    found = {}
    for each in rows:
        files = ward.sandbox.files(ward.project_id, each["accession_id"], each["scan_id"], each["resource_id"])
        name = Path(each["file"]).name
        if name in files:
            found[each["file"]] = files[name]
    return found


def faults_of(ward: SandboxHospital, manifest: Any, root: Path) -> list[str]:
    """Upload what cannot be uploaded; nothing may be asked of the archive."""
    with ward.connect() as uploader:
        ward.sandbox.clear_requests()
        with pytest.raises(InvalidManifestError) as caught:
            uploader.upload_cohort(manifest, root=root)
        assert ward.sandbox.requests == ()
    assert len(str(caught.value)) < 5000
    return [str(fault) for fault in caught.value.faults]
