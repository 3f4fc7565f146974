"""The pytest plugin, as a user's project sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USERS_TESTS = """
import requests
from xnat_upload.sandbox.faults import Refuse

def users(sandbox):
    return requests.get(f"{sandbox.url}/data/users", auth=("admin", "admin")).json()["ResultSet"]["Result"]

def test_one(xnat_sandbox, xnat_project):
    rows = requests.get(f"{xnat_sandbox.url}/data/projects", auth=("admin", "admin")).json()["ResultSet"]["Result"]
    assert [row["ID"] for row in rows] == [xnat_project] == ["TEST1"]
    assert rows[0]["secondary_ID"] == "hub-TEST1"
    xnat_sandbox.add_user("ada", "secret")
    assert [row["login"] for row in users(xnat_sandbox)] == ["ada", "admin", "guest"]
    xnat_sandbox.keep_bodies()
    xnat_sandbox.inject(Refuse(503))

def test_two(xnat_sandbox, xnat_project):
    assert xnat_project == "TEST2"
    assert xnat_sandbox.requests == ()
    assert [row["login"] for row in users(xnat_sandbox)] == ["admin", "guest"]
    assert xnat_sandbox.requests[0].body is None
    assert requests.get(f"{xnat_sandbox.url}/data/projects/TEST1", auth=("admin", "admin")).status_code == 404
"""

SERVERS_OF_ONES_OWN = """
import pytest, requests

@pytest.fixture
def two(make_xnat_sandbox):
    return make_xnat_sandbox(profile="1.6", user="root"), make_xnat_sandbox()

URLS = []

def test_one(two, xnat_sandbox):
    old, new = two
    assert len({old.url, new.url, xnat_sandbox.url}) == 3
    assert requests.get(f"{old.url}/data/version", auth=("root", "admin")).ok
    URLS.append(old.url)

def test_two():
    with pytest.raises(requests.ConnectionError):
        requests.get(URLS[0])
"""

CLIENTS = """
def test_both(xnat_sandbox, xnat_project, xnat_interface, xnat_session):
    xnat_sandbox.add_session(xnat_project, "ACC1", subject="S")
    assert xnat_interface.select.project(xnat_project).subject("S").exists()
    assert xnat_session.projects[xnat_project].experiments["ACC1"].label == "ACC1"
"""

INI = """
[pytest]
xnat_sandbox_port = {port}
xnat_sandbox_profile = {profile}
xnat_sandbox_site =
    site_id = HOSP
    {setting}
xnat_sandbox_seed = seeds/site.yaml
"""

CONFIGURED = """
import requests

def test_configured(xnat_sandbox, xnat_project, make_xnat_sandbox):
    assert set(xnat_sandbox.files("SOWN")) == set(make_xnat_sandbox().files("SOWN")) == {{"resources/R/files/a"}}
    assert xnat_sandbox.url.endswith(":{port}")
    assert xnat_sandbox.add_session(xnat_project, "A") == "HOSP_E00001"
    for sandbox in (xnat_sandbox, make_xnat_sandbox()):
        assert sandbox.site.checksums is False
        assert requests.get(f"{{sandbox.url}}/data/version", auth=("admin", "admin")).text.startswith("1.6")
"""

UNCONCERNED = """
import sys

def test_nothing_is_imported():
    ours = {name for name in sys.modules if name.startswith("xnat_upload")}
    assert ours == {"xnat_upload", "xnat_upload.pytest_plugin"}
    assert not {"starlette", "uvicorn", "pyxnat", "requests", "lxml", "pandas", "numpy", "tqdm"} & set(sys.modules)
"""


def run(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_users_code.py").write_text(tests)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, *options, "-m", "pytest", "-p", "xnat_upload.pytest_plugin", "-q", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


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


@pytest.mark.parametrize("tests", [USERS_TESTS, UNCONCERNED, SERVERS_OF_ONES_OWN])
def test_plugin_in_a_project_of_its_own(tmp_path: Path, tests: str) -> None:
    done = run(tmp_path, tests, "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr


def test_clients_are_there_and_logged_in(tmp_path: Path) -> None:
    done = run(tmp_path, CLIENTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_that_is_not_installed_skips_the_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\nsys.modules['xnat'] = None\n")
    done = run(tmp_path, CLIENTS, "-W", "error")
    assert "1 skipped" in done.stdout, done.stdout + done.stderr


def test_a_project_configures_its_sandboxes(tmp_path: Path, unused_port: int) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "site.yaml").write_text("projects: {SOWN: {resources: {R: {a: text}}}}")
    (tmp_path / "pytest.ini").write_text(INI.format(port=unused_port, profile="1.6", setting="checksums = false"))
    done = run(tmp_path, CONFIGURED.format(port=unused_port), "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"port": "http"}, "xnat_sandbox_port is 'http', and must be the number of a port."),
        ({"profile": "1.7"}, "xnat_sandbox_profile is '1.7', and must be one of 1.6, 1.8, 1.10, 1.11."),
        ({"setting": "checksums = no"}, "xnat_sandbox_site: checksums is 'no', and must be true or false."),
        ({"setting": "cheksums = true"}, "xnat_sandbox_site: There is no setting 'cheksums' of a site: it is one of"),
        ({"setting": "max_failed_logins = few"}, "max_failed_logins is 'few', and must be a number."),
    ],
)
def test_what_is_configured_wrongly_is_one_sentence(tmp_path: Path, wrong: dict[str, str], sentence: str) -> None:
    values = {"port": "0", "profile": "1.8", "setting": "checksums = true"} | wrong
    (tmp_path / "pytest.ini").write_text(INI.format(**values))
    done = run(tmp_path, CONFIGURED.format(port=0))
    assert done.returncode != 0
    assert sentence in done.stdout


def test_entry_point_names_the_plugin() -> None:
    found = {one.name: one.value for one in entry_points(group="pytest11")}
    if "xnat_upload" not in found:
        pytest.skip("the package is not installed, only imported")
    assert found["xnat_upload"] == "xnat_upload.pytest_plugin"


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
