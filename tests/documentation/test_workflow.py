"""The workflow page as far as no engine is needed: its errors, and the script of the Nextflow process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import xnat_upload
from tests.documented import (
    ACCESSIONS,
    DOCS,
    EXAMPLES,
    HUB_PROJECT_ID,
    DocumentedHospital,
    open_documented_hospital,
    rows,
)
from xnat_upload.cli.exit_status import ExitStatus, status_of
from xnat_upload.sandbox import Sandbox

WORKFLOW = EXAMPLES / "workflow"


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[DocumentedHospital]:
    with Sandbox() as sandbox:
        yield open_documented_hospital(sandbox, tmp_path)


def statuses() -> dict[str, ExitStatus]:
    errors = {name: getattr(xnat_upload, name) for name in xnat_upload.__all__ if name.endswith("Error")}
    return {name: status_of(kind.__new__(kind)) for name, kind in errors.items() if name != "XnatUploadError"}


def test_each_example_retries_the_errors_that_may_pass_and_no_other() -> None:
    may_pass = {name for name, status in statuses().items() if status in (ExitStatus.NOT_ALL, ExitStatus.TRY_LATER)}
    for program in ("airflow_dag.py", "prefect_flow.py"):
        retried = re.search(r"^MAY_PASS = \((.*)\)$", (WORKFLOW / program).read_text(), re.MULTILINE)
        assert retried
        assert set(retried[1].split(", ")) == may_pass
    assert "task.exitStatus in [1, 7] ? 'retry'" in (WORKFLOW / "main.nf").read_text()


def test_the_table_of_errors_has_the_exit_status_of_each() -> None:
    documented = {
        name: int(cells[1])
        for cells in rows(DOCS / "how-to" / "workflow-engine.md")
        if cells[1].isdigit()
        for name in re.findall(r"`(\w+Error)`", cells[0])
    }
    assert documented == {name: statuses()[name] for name in documented}
    assert len(documented) == 5


def test_the_script_of_the_nextflow_process_stores_its_input_and_may_run_twice(
    hospital: DocumentedHospital, tmp_path: Path
) -> None:
    ran = run_nextflow_script(hospital, tmp_path / "first")
    assert ran.returncode == 0, ran.stderr
    assert set(hospital.stored("SEG")) == {"seg.nii.gz"}
    assert ",stored," in (tmp_path / "first" / "stored.csv").read_text()

    again = run_nextflow_script(hospital, tmp_path / "second")
    assert again.returncode == 0, again.stderr
    assert ",skipped," in (tmp_path / "second" / "stored.csv").read_text()


def run_nextflow_script(hospital: DocumentedHospital, work: Path) -> subprocess.CompletedProcess[str]:
    """Do what Nextflow does for a task: a work directory with the inputs, and the script run by bash."""
    work.mkdir()
    process = (WORKFLOW / "main.nf").read_text()
    assert "stageInMode 'copy'" in process  # by default it is a link, and those that leave the directory are refused
    shutil.copy(hospital.folder / "out" / "seg.nii.gz", work)
    script = re.search(r'script:\s+"""\n(.*?)"""', process, re.DOTALL)
    assert script
    values = {"mask": "seg.nii.gz", "params.hub_project": HUB_PROJECT_ID, "accession": ACCESSIONS[0]}
    text = re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], script[1]).replace("\\\n", "")
    command = work / "xnat-upload"  # as an installation puts it on the PATH
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m xnat_upload "$@"\n')
    command.chmod(0o755)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=work,
        env={**os.environ, **hospital.environment, "PATH": f"{work}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
