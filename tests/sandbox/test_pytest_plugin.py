"""The pytest plugin, as a user's project sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USERS_TESTS = """
import requests

def test_one(xnat_sandbox, xnat_project):
    rows = requests.get(f"{xnat_sandbox.url}/data/projects", auth=("admin", "admin")).json()["ResultSet"]["Result"]
    assert [row["ID"] for row in rows] == [xnat_project] == ["TEST1"]
    assert rows[0]["secondary_ID"] == "hub-TEST1"

def test_two(xnat_project):
    assert xnat_project == "TEST2"
"""

UNCONCERNED = """
import sys

def test_nothing_is_imported():
    ours = {name for name in sys.modules if name.startswith("xnat_upload")}
    assert ours == {"xnat_upload", "xnat_upload.pytest_plugin"}
    assert not {"starlette", "uvicorn", "pyxnat", "requests", "lxml", "pandas", "numpy", "tqdm"} & set(sys.modules)
"""


def test_the_plugin_imports_nothing_that_pytest_has_not(tmp_path: Path) -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import xnat_upload.pytest_plugin; "
        "print(*(set(sys.modules) - before))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert set(ran.stdout.split()) == {"xnat_upload", "xnat_upload.pytest_plugin"}


@pytest.mark.parametrize("tests", [USERS_TESTS, UNCONCERNED])
def test_plugin_in_a_project_of_its_own(tmp_path: Path, tests: str) -> None:
    (tmp_path / "test_users_code.py").write_text(tests)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "xnat_upload.pytest_plugin", "-q", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_entry_point_names_the_plugin() -> None:
    found = {one.name: one.value for one in entry_points(group="pytest11")}
    if "xnat_upload" not in found:
        pytest.skip("the package is not installed, only imported")
    assert found["xnat_upload"] == "xnat_upload.pytest_plugin"
