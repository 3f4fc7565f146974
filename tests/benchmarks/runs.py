"""Run each client on the same files, in turns, and keep what each run took."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.archive import ArchiveProcess, archive_process
from tests.benchmarks.cases import Case, make_folders, ready_made
from tests.benchmarks.clients import Destination
from tests.benchmarks.measured import Measured, cpu_seconds

FLOOR = "the floor: curl"
# What takes this long is not repeated: noise is small against it, and the whole would take hours.
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One upload by one client."""

    measured: Measured
    request_count: int
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table: the median of a client's runs.

    Parameters
    ----------
    request_count : int
        All requests, from login to logout.
    times_floor : float
        Median of the ratios, each to the floor of the same round.
    ready_seconds : float
        From the start of a fresh process until the client is imported and connected.
    complete : bool
        Whether the archive lists as many files and bytes as there are, after every run.
    """

    client: str
    runs: int
    request_count: int
    ready_seconds: float
    wall_seconds: float
    times_floor: float
    cpu_seconds: float
    extra_memory_bytes: int
    disk_bytes: int
    complete: bool


def run_case(case: Case, *, clients: Sequence[str], say: Callable[[str], None]) -> list[Line]:
    """Upload the files of a case with each client, in rounds of alternating order."""
    runs: dict[str, dict[int, Run]] = {name: {} for name in (FLOOR, *clients)}
    with tempfile.TemporaryDirectory() as folder, archive_process(case) as archive:
        folders = make_folders(case, Path(folder))
        zips = [ready_made(case, each) for each in folders]
        _run(FLOOR, case, archive, folders=folders, zips=zips)  # not counted: the first upload finds all caches cold
        for number in range(case.repeats):
            order = list(runs) if number % 2 == 0 else list(reversed(runs))
            for name in order:
                slow = any(each.measured.wall_seconds > PATIENCE_SECONDS for each in runs[name].values())
                if slow and name != FLOOR:
                    continue
                run = runs[name][number] = _run(name, case, archive, folders=folders, zips=zips)
                say(f"{case.title}, round {number + 1}: {name}, {run.measured.wall_seconds:.2f} s")
    return [_line(name, runs[name], floor=runs[FLOOR]) for name in runs]


def _run(name: str, case: Case, archive: ArchiveProcess, *, folders: Sequence[Path], zips: Sequence[Path]) -> Run:
    """Upload into a fresh project, look what the archive has of it, and remove it."""
    destinations = archive.new_project(case.accessions)
    measured = _floor(archive, zips, destinations) if name == FLOOR else _client(name)(archive, folders, destinations)
    request_count = archive.request_count()
    stored = [archive.stored(destination) for destination in destinations]
    archive.ask("DELETE", f"/data/projects/{destinations[0].project_id}", params={"removeFiles": "true"})
    complete = stored == [_content_of(folder) for folder in folders]
    return Run(measured=measured, request_count=request_count, complete=complete)


def _content_of(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.iterdir()]
    return len(sizes), sum(sizes)


def _line(name: str, runs: dict[int, Run], *, floor: dict[int, Run]) -> Line:
    measured = [run.measured for run in runs.values()]
    return Line(
        client=name,
        runs=len(runs),
        request_count=max(run.request_count for run in runs.values()),
        ready_seconds=median(each.ready_seconds for each in measured),
        wall_seconds=median(each.wall_seconds for each in measured),
        times_floor=median(
            run.measured.wall_seconds / floor[number].measured.wall_seconds for number, run in runs.items()
        ),
        cpu_seconds=median(each.cpu_seconds for each in measured),
        extra_memory_bytes=int(median(each.extra_memory_bytes for each in measured)),
        disk_bytes=int(median(each.disk_bytes for each in measured)),
        complete=all(run.complete for run in runs.values()),
    )


def _client(name: str) -> Callable[[ArchiveProcess, Sequence[Path], Sequence[Destination]], Measured]:
    def measure(archive: ArchiveProcess, folders: Sequence[Path], destinations: Sequence[Destination]) -> Measured:
        reading, writing = os.pipe()
        wish = {
            "client": name,
            "server": archive.url,
            "user": archive.user,
            "password": archive.password,
            "jobs": [(str(folder), asdict(to)) for folder, to in zip(folders, destinations, strict=True)],
            "answer": writing,
            "started": time.time(),
        }
        command = [sys.executable, "-m", "tests.benchmarks.measured", json.dumps(wish)]
        with open(reading) as answer, tempfile.TemporaryDirectory() as temporary:
            done = subprocess.run(
                command, pass_fds=[writing], env={**os.environ, "TMPDIR": temporary}, capture_output=True, text=True
            )
            os.close(writing)
            if done.returncode:
                raise RuntimeError(f"{name} failed:\n{done.stdout}\n{done.stderr}")
            return Measured(**json.loads(answer.read()))

    return measure


def _floor(archive: ArchiveProcess, bodies: Sequence[Path], destinations: Sequence[Destination]) -> Measured:
    """Send what is ready-made, four at a time and in a session that is there already, into resources that are."""
    session = archive.ask("GET", "/data/JSESSION").text
    zipped = bodies[0].suffix == ".zip"
    kind, query = ("zip", "extract=true") if zipped else ("octet-stream", "inbody=true")
    command = ["curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max", "4"]
    # Curl would ask first whether the body is welcome, and wait for an answer.
    command += ["--header", "Expect:", "--header", f"Content-Type: application/{kind}"]
    command += ["--cookie", f"JSESSIONID={session}"]
    for body, destination in zip(bodies, destinations, strict=True):
        archive.ask("PUT", destination.resource_path)
        command += ["--upload-file", str(body), f"{archive.url}{destination.resource_path}/files/{body.name}?{query}"]
    archive.forget_requests()
    cpu = cpu_seconds(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall = time.perf_counter() - started
    used = cpu_seconds(resource.RUSAGE_CHILDREN) - cpu
    return Measured(ready_seconds=0, wall_seconds=wall, cpu_seconds=used, extra_memory_bytes=0, disk_bytes=0)
