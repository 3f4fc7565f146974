"""The sandbox in a process and on a core of its own, which can be filled and asked from here."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import requests

from tests.benchmarks.cases import Case
from tests.benchmarks.clients import RESOURCE_ID, SCAN_ID, Destination
from xnat_upload.sandbox import Sandbox

_IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class ArchiveProcess:
    """The other end of the sandbox's process."""

    url: str
    user: str
    password: str
    _pipe: Connection
    _http: requests.Session  # one login for all: XNAT has a thousand of them for a user, and each is kept for minutes

    def new_project(self, accessions: int) -> list[Destination]:
        """Make a fresh project with sessions of one scan each, and forget the requests so far."""
        self._pipe.send(accessions)
        found: list[Destination] = self._pipe.recv()
        return found

    def forget_requests(self) -> None:
        """Count from here."""
        self._pipe.send("forget")
        self._pipe.recv()

    def request_count(self) -> int:
        """Say how many requests have come since the project was made."""
        self._pipe.send("count")
        count: int = self._pipe.recv()
        return count

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        """Send one request of our own."""
        answer = self._http.request(method, self.url + path, timeout=600, **options)  # type: ignore[arg-type]
        answer.raise_for_status()
        return answer

    def stored(self, destination: Destination) -> tuple[int, int]:
        """Give number and bytes of the files that the archive lists."""
        answer = self.ask("GET", f"{destination.resource_path}/files", params={"format": "json"})
        sizes = [int(row["Size"]) for row in answer.json()["ResultSet"]["Result"]]
        return len(sizes), sum(sizes)


@contextmanager
def archive_process(case: Case) -> Iterator[ArchiveProcess]:
    """Run a sandbox in a process of its own while the context lasts, and all that is started meanwhile on other cores.

    An archive is another machine. Where both share all cores, what a client does beside sending takes the archive's
    time, and the kernel now and then runs both in turns on one core: the same upload then takes twice as long. Its
    files are in memory where the system lets them be, since a disk that is busy with something else doubles it too.
    """
    cores = os.sched_getaffinity(0)
    core = {min(cores)}
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, case, core))
    process.start()
    os.sched_setaffinity(0, cores - core or cores)
    try:
        url, user, password = ours.recv()
        with requests.Session() as http:
            http.auth = (user, password)
            yield ArchiveProcess(url, user, password, ours, http)
    finally:
        os.sched_setaffinity(0, cores)
        ours.send(None)
        process.join()


def _serve(pipe: Connection, case: Case, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    if _IN_MEMORY.is_dir():
        tempfile.tempdir = str(_IN_MEMORY)
    with Sandbox(latency_ms=case.latency_ms, bandwidth_mbps=case.bandwidth_mbps) as sandbox:
        pipe.send((sandbox.url, sandbox.user, sandbox.password))
        projects = 0
        while (wish := pipe.recv()) is not None:
            if wish == "count":
                pipe.send(len(sandbox.requests))
            elif wish == "forget":
                sandbox.clear_requests()
                pipe.send("")
            else:
                projects += 1
                pipe.send([_session(sandbox, projects, number) for number in range(wish)])
                sandbox.clear_requests()


def _session(sandbox: Sandbox, project: int, number: int) -> Destination:
    project_id, hub_project_id = f"PROJECT{project}", f"hub-{project}"
    if number == 0:
        sandbox.add_project(project_id, secondary_id=hub_project_id)
    subject, accession_id = f"SUBJECT{number:02}", f"ACCESSION{project}_{number:02}"
    scans = {SCAN_ID: "xnat:ctScanData"}
    experiment_id = sandbox.add_session(
        project_id, accession_id, xsi_type="xnat:ctSessionData", subject=subject, scans=scans
    )
    scan_path = f"/data/projects/{project_id}/subjects/{subject}/experiments/{accession_id}/scans/{SCAN_ID}"
    resource_path = f"{scan_path}/resources/{RESOURCE_ID}"
    return Destination(project_id, hub_project_id, subject, accession_id, experiment_id, resource_path)
