"""What an upload takes for each of its files, on the client's side alone: the sandbox is in another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import SandboxHospital

FEW, MANY = 1_000, 6_000
_MEASURE = """
import gc, sys, tracemalloc
from xnat_upload import TransferSettings, Uploader

settings = TransferSettings(batch_files=500)  # so that what one request takes is the same for few files and many
server, user, password, project_id, accession_id, folder = sys.argv[1:]
with Uploader.connect(server, user=user, password=password, settings=settings) as uploader:
    uploader.locate(accession_id, project_id=project_id)
    gc.collect()
    tracemalloc.start()
    report = uploader.upload(
        folder, project_id=project_id, accession_id=accession_id, scan_id="4", resource_id=folder[-4:], progress=False
    )
    print(tracemalloc.get_traced_memory()[1], report.count("stored"))
"""


def most_bytes(ward: SandboxHospital, folder: Path, *, files: int) -> int:
    """Upload so many files, and give the most memory that it took."""
    folder.mkdir()
    for number in range(files):
        (folder / f"image{number:06}.dcm").write_bytes(b"x" * 300)  # a small integer, Python has once for all
    command = [sys.executable, "-c", _MEASURE, ward.server, ward.user, ward.password, ward.project_id]
    ran = subprocess.run([*command, ward.accession_id, str(folder)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    peak_bytes, stored = map(int, ran.stdout.split())
    assert stored == files
    return peak_bytes


def test_a_file_takes_no_more_than_a_kibibyte_from_its_finding_to_its_report(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    few_bytes, many_bytes = (
        most_bytes(ward, tmp_path / "few_", files=FEW),
        most_bytes(ward, tmp_path / "many", files=MANY),
    )
    bytes_per_file = (many_bytes - few_bytes) / (MANY - FEW)
    assert bytes_per_file <= 1024
