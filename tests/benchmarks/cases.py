"""What is uploaded: how many files, of which size, into how many resources, over which line."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.contents import CONTENTS

KIB = 1024
MIB = 1024 * KIB
_PIECE_BYTES = 64 * MIB


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
    content : str
        What the files hold; see `contents`. Of an image it decides about the size, too.
    latency_ms, bandwidth_mbps : float
        Round-trip time that the archive adds to each request, and what its line carries in a second.
    repeats : int
        Rounds; the median counts.
    """

    title: str
    files: int
    file_bytes: int
    accessions: int = 1
    content: str = "noise"
    latency_ms: float = 0
    bandwidth_mbps: float | None = None
    repeats: int = 5


SLOW: Any = {"latency_ms": 20, "bandwidth_mbps": 100, "repeats": 3}
CASES = {
    "small": Case(title="1,000 × 100 KiB, 0 ms", files=1000, file_bytes=100 * KIB),
    "small-20ms": Case(title="1,000 × 100 KiB, 20 ms", files=1000, file_bytes=100 * KIB, latency_ms=20),
    "medium": Case(title="200 × 512 KiB, 0 ms", files=200, file_bytes=512 * KIB),
    "many": Case(title="32 accessions × 20 × 256 KiB, 0 ms", files=20, file_bytes=256 * KIB, accessions=32),
    "large": Case(title="1 × 2 GiB, 0 ms", files=1, file_bytes=2048 * MIB, repeats=3),
    "ct-slow": Case(title="300 CT images, 100 Mbit/s, 20 ms", files=300, file_bytes=MIB // 2, content="ct", **SLOW),
    "masks-slow": Case(
        title="50 masks of 4 MiB, 100 Mbit/s, 20 ms", files=50, file_bytes=4 * MIB, content="mask", **SLOW
    ),
    "gzip-slow": Case(
        title="50 .nii.gz of 4 MiB, 100 Mbit/s, 20 ms", files=50, file_bytes=4 * MIB, content="gzipped", **SLOW
    ),
    "jpeg-slow": Case(
        title="300 JPEG 2000 images, 100 Mbit/s, 20 ms", files=300, file_bytes=MIB // 2, content="jpeg_2000", **SLOW
    ),
    "large-slow": Case(
        title="1 CT volume of 256 MiB, 100 Mbit/s, 20 ms", files=1, file_bytes=256 * MIB, content="ct_volume", **SLOW
    ),
    "ct-fast": Case(title="300 CT images, 0 ms", files=300, file_bytes=MIB // 2, content="ct"),
    "masks-fast": Case(title="50 masks of 4 MiB, 0 ms", files=50, file_bytes=4 * MIB, content="mask"),
}


def make_folders(case: Case, folder: Path) -> list[Path]:
    """Fill one folder for each accession."""
    folders = []
    make = CONTENTS[case.content]
    for number in range(case.accessions):
        folders.append(folder / f"accession{number:02}")
        folders[-1].mkdir()
        for index in range(case.files):
            with (folders[-1] / f"image{index:06}").open("wb") as file:
                for start in range(0, case.file_bytes, _PIECE_BYTES):
                    file.write(make(index, min(_PIECE_BYTES, case.file_bytes - start)))
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
