"""A cohort whose dask scheduler dies: what it has done so far is in the report."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dask
import pytest
from distributed import Client

from tests.cohort.manifests import cohort, stored
from tests.cohort.test_cohort import until
from tests.conftest import SandboxHospital
from xnat_upload import Progress, XnatUploadError


def started(stack: ExitStack, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


@pytest.fixture
def cluster(ward: SandboxHospital, tmp_path: Path) -> Iterator[tuple[Client, subprocess.Popen[bytes]]]:
    """A scheduler and a worker, each a process of its own."""
    address = tmp_path / "scheduler.json"
    login = {"XNAT_HOST": ward.server, "XNAT_USER": ward.user, "XNAT_PASS": ward.password}
    place = ("--host", "127.0.0.1", "--scheduler-file", str(address), "--dashboard-address", "127.0.0.1:0")
    with ExitStack() as stack:
        scheduler = started(stack, "distributed.cli.dask_scheduler", "--port", "0", *place)
        until(address.exists)
        started(
            stack, "distributed.cli.dask_worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-nanny",
            "--no-dashboard", **login,
        )  # fmt: skip
        # How long dask looks for a scheduler that is gone, also when its client is closed.
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": "2s"}))
        client = Client(scheduler_file=str(address))
        stack.callback(client.close, timeout=1)
        client.wait_for_workers(1, timeout=30)
        yield client, scheduler


def test_the_report_so_far_is_kept_when_the_scheduler_dies(
    ward: SandboxHospital, tmp_path: Path, cluster: tuple[Client, subprocess.Popen[bytes]]
) -> None:
    client, scheduler = cluster
    rows = cohort(ward, tmp_path, sessions=6)

    def kill_after_the_first(now: Progress) -> None:
        if now.files_done and scheduler.poll() is None:
            scheduler.kill()
            scheduler.wait()
            until(lambda: client.status != "running")

    with ward.connect() as uploader:
        report = uploader.upload_cohort(rows, root=tmp_path, client=client, progress=kill_after_the_first)
        kept = stored(ward, rows)
        again = uploader.upload_cohort(rows, root=tmp_path, exist_ok=True)
    told = [each["file"] for each, file in zip(rows, report.files, strict=True) if file.status == "stored"]
    assert 2 <= len(told) < len(rows)
    assert set(told) <= set(kept)
    assert all("the dask scheduler was lost" in file.reason for file in report.files if not file.ok)
    assert report.count("not sent") >= 2
    assert again.ok


def test_a_scheduler_that_was_lost_before_is_one_of_our_errors(
    ward: SandboxHospital, tmp_path: Path, cluster: tuple[Client, subprocess.Popen[bytes]]
) -> None:
    client, scheduler = cluster
    scheduler.kill()
    until(lambda: client.status != "running")
    with ward.connect() as uploader, pytest.raises(XnatUploadError, match="the dask scheduler was lost"):
        uploader.upload_cohort(cohort(ward, tmp_path, sessions=1), root=tmp_path, client=client)
