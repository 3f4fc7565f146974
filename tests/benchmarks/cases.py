"""What is uploaded: how many files, of which size, into how many resources, over which line."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.clients import AS_THEY_ARE, OURS, SERVICES
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
    clients : tuple of str
        Who takes part; all peers and this library if it is empty.
    """

    title: str
    files: int
    file_bytes: int
    accessions: int = 1
    content: str = "noise"
    latency_ms: float = 0
    bandwidth_mbps: float | None = None
    repeats: int = 3
    clients: tuple[str, ...] = ()


BOTH = (OURS, AS_THEY_ARE)
SLOW: Any = {"latency_ms": 20, "bandwidth_mbps": 100, "repeats": 2}
ONE_ZIP = (OURS, "xnatctl upload_directory", "xnatpy upload_dir", "pyxnat Resource.put")
CASES = {
    "small": Case(title="1,000 × 100 KiB", files=1000, file_bytes=100 * KIB),
    "small-20ms": Case(
        title="1,000 × 100 KiB, 20 ms", files=1000, file_bytes=100 * KIB, latency_ms=20, clients=ONE_ZIP
    ),
    "medium": Case(title="200 × 512 KiB", files=200, file_bytes=512 * KIB),
    "many": Case(title="32 accessions × 20 × 256 KiB", files=20, file_bytes=256 * KIB, accessions=32),
    "many-20ms": Case(
        title="32 accessions × 20 × 256 KiB, 20 ms",
        files=20,
        file_bytes=256 * KIB,
        accessions=32,
        latency_ms=20,
        clients=ONE_ZIP,
    ),
    "large": Case(title="1 × 1 GiB", files=1, file_bytes=1024 * MIB, repeats=2),
    "ct": Case(title="300 CT images", files=300, file_bytes=MIB // 2, content="ct", clients=BOTH),
    "ct-slow": Case(
        title="300 CT images, 100 Mbit/s, 20 ms",
        files=300,
        file_bytes=MIB // 2,
        content="ct",
        clients=(*BOTH, *ONE_ZIP[1:]),
        **SLOW,
    ),
    "masks": Case(title="50 masks of 4 MiB", files=50, file_bytes=4 * MIB, content="mask", clients=BOTH),
    "masks-slow": Case(
        title="50 masks of 4 MiB, 100 Mbit/s, 20 ms",
        files=50,
        file_bytes=4 * MIB,
        content="mask",
        clients=(*BOTH, *ONE_ZIP[1:]),
        **SLOW,
    ),
    "gzip-slow": Case(
        title="50 .nii.gz of 4 MiB, 100 Mbit/s, 20 ms",
        files=50,
        file_bytes=4 * MIB,
        content="gzipped",
        clients=BOTH,
        **SLOW,
    ),
    "jpeg-slow": Case(
        title="300 JPEG 2000 images, 100 Mbit/s, 20 ms",
        files=300,
        file_bytes=MIB // 2,
        content="jpeg_2000",
        clients=BOTH,
        **SLOW,
    ),
    "volume-slow": Case(
        title="1 CT volume of 128 MiB, 100 Mbit/s, 20 ms",
        files=1,
        file_bytes=128 * MIB,
        content="ct_volume",
        clients=BOTH,
        **SLOW,
    ),
    "growth-1000": Case(title="1,000 × 1 KiB", files=1_000, file_bytes=KIB, clients=ONE_ZIP),
    "growth-10000": Case(title="10,000 × 1 KiB", files=10_000, file_bytes=KIB, clients=ONE_ZIP),
    "growth-100000": Case(title="100,000 × 1 KiB", files=100_000, file_bytes=KIB, repeats=1, clients=ONE_ZIP),
    "services": Case(
        title="30 calls of a service, 2 × 100 KiB each, 20 ms",
        files=2,
        file_bytes=100 * KIB,
        accessions=30,
        latency_ms=20,
        clients=SERVICES,
    ),
}
DRAWN = ("small", "small-20ms", "many", "large", "ct-slow", "masks-slow")
GROWTH = ("growth-1000", "growth-10000", "growth-100000")


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
