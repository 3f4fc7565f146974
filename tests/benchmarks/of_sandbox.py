"""The sandbox's own figures: ``python -m tests.benchmarks.of_sandbox`` prints how fast and how bounded it is."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import requests

MIB = 1 << 20
LARGE_BYTES = 2048 * MIB
MANY_FILES = 100_000


class Zeros:
    """A body of known length that takes no memory."""

    def __len__(self) -> int:
        return LARGE_BYTES

    def __iter__(self) -> Iterator[bytes]:
        block = bytes(MIB)
        for _ in range(LARGE_BYTES // MIB):
            yield block


def peak_mib(process_id: int) -> float:
    """Read the peak of a process's resident memory (Linux)."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def start_seconds() -> float:
    """Time a start within a process that has imported the sandbox; process time, so that waiting does not count."""
    code = (
        "import time; from xnat_upload.sandbox import Sandbox; t = time.process_time()\n"
        "with Sandbox(): print(time.process_time() - t)"
    )
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def many_files() -> bytes:
    """Zip a hundred thousand files of one byte."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(MANY_FILES):
            zipped.writestr(f"{number}.dcm", b"x")
    return archive.getvalue()


def main() -> None:
    print(f"start after import:               {start_seconds():.2f} s of process time")
    server = subprocess.Popen(
        [sys.executable, "-m", "xnat_upload.sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert server.stdout is not None
    url = server.stdout.readline().split()[-1]
    try:
        with requests.Session() as session:
            session.auth = ("admin", "admin")
            base = f"{url}/data/projects/P/subjects/S/experiments/E"
            session.put(f"{url}/data/projects/P").raise_for_status()
            session.put(base, params={"xsiType": "xnat:ctSessionData"}).raise_for_status()
            session.put(f"{base}/scans/1", params={"xsiType": "xnat:ctScanData"}).raise_for_status()
            before = peak_mib(server.pid)
            started = time.perf_counter()
            session.put(f"{base}/scans/1/resources/R/files/large.nii?inbody=true", data=Zeros()).raise_for_status()
            seconds = time.perf_counter() - started
            more_mib = peak_mib(server.pid) - before
            print(f"2 GiB in one body:                {seconds:.1f} s, {more_mib:.0f} MiB more memory")
            many = f"{base}/scans/1/resources/M/files/m.zip?extract=true"
            session.put(many, data=many_files(), headers={"Content-Type": "application/zip"}).raise_for_status()
            started = time.perf_counter()
            listing = session.get(f"{base}/scans/1/resources/M/files?format=json").json()
            seconds = time.perf_counter() - started
            print(f"{len(listing['ResultSet']['Result']):,} files in one resource: listed in {seconds:.1f} s")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
