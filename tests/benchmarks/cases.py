"""What is uploaded: how many files, of which size, into how many resources, over which line."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, kw_only=True)
class Case:
    """One upload that every client does.

    Parameters
    ----------
    title : str
        What it is called in the table.
    files, file_bytes : int
        Files in each resource, and the size of each.
    accessions : int
        Sessions, with one resource each.
    latency_ms : float
        Round-trip time that the archive adds to each request.
    repeats : int
        Rounds; the median counts.
    """

    title: str
    files: int
    file_bytes: int
    accessions: int = 1
    latency_ms: float = 0
    repeats: int = 5

    @property
    def total_bytes(self) -> int:
        return self.accessions * self.files * self.file_bytes


CASES = {
    "small": Case(title="1,000 × 100 KiB, 0 ms", files=1000, file_bytes=100 * KIB),
    "small-20ms": Case(title="1,000 × 100 KiB, 20 ms", files=1000, file_bytes=100 * KIB, latency_ms=20),
    "medium": Case(title="200 × 512 KiB, 0 ms", files=200, file_bytes=512 * KIB),
    "many": Case(title="32 accessions × 20 × 256 KiB, 0 ms", files=20, file_bytes=256 * KIB, accessions=32),
    "large": Case(title="1 × 2 GiB, 0 ms", files=1, file_bytes=2048 * MIB, repeats=3),
}


def make_folders(case: Case, folder: Path) -> list[Path]:
    """Fill one folder for each accession with files of random bytes, which no compression makes smaller."""
    folders = []
    for number in range(case.accessions):
        folders.append(folder / f"accession{number:02}")
        folders[-1].mkdir()
        for index in range(case.files):
            with (folders[-1] / f"image{index:05}.dcm").open("wb") as file:
                for _ in range(0, case.file_bytes, 16 * MIB):
                    file.write(os.urandom(min(16 * MIB, case.file_bytes)))
    return folders


def ready_made(case: Case, folder: Path) -> Path:
    """Give what the floor sends for a folder: a zip of it, made now, or its one file."""
    if case.files == 1:
        return next(folder.iterdir())
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path
