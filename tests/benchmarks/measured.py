"""One upload by one client, in a process of its own, measured from inside: ``python -m tests.benchmarks.measured``.

The clock runs from "imported and connected" to "done", and another one from the start of the process until then. Memory
is the highest resident size of that time beyond the size at its beginning, and disk is what the process wrote to files
in that time. The kernel counts both (Linux), so neither a short peak nor a temporary file without a name is missed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.clients import CLIENTS, Destination


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one upload took of the client's machine."""

    ready_seconds: float
    wall_seconds: float
    cpu_seconds: float
    extra_memory_bytes: int
    disk_bytes: int


def cpu_seconds(who: int) -> float:
    """Give the CPU time so far, of this process or of its children."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Upload what the first argument says, and print what that took."""
    wish = json.loads(sys.argv[1])
    jobs = [(Path(folder), Destination(**destination)) for folder, destination in wish["jobs"]]
    with CLIENTS[wish["client"]](wish["server"], wish["user"], wish["password"]) as upload:
        ready = time.time() - wish["started"]
        Path("/proc/self/clear_refs").write_text("5")  # forget the highest size so far
        before = _status("VmRSS")
        written = _written_bytes()
        cpu = cpu_seconds(resource.RUSAGE_SELF)
        started = time.perf_counter()
        upload(jobs)
        wall = time.perf_counter() - started
        measured = Measured(
            ready_seconds=ready,
            wall_seconds=wall,
            cpu_seconds=cpu_seconds(resource.RUSAGE_SELF) - cpu,
            extra_memory_bytes=max(0, _status("VmHWM") - before),
            disk_bytes=_written_bytes() - written,
        )
    # Not on standard output, where the clients write as well.
    os.write(wish["answer"], json.dumps(asdict(measured)).encode())


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


if __name__ == "__main__":
    main()
