"""What type checkers and editors see of the face."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import jedi
import pytest

PROGRAM = """
from pathlib import Path

import pyxnat

from xnat_upload import Report, Resource, Scan, Uploader, UploadRequest

where = {"hub_project_id": "hub", "accession_id": "FAK1", "scan_id": "4", "resource_id": "SEG"}
with Uploader.connect("https://xnat.hospital.example", user="svc", password="secret") as uploader:
    report: Report = uploader.upload("a.nii", **where)
    uploader.upload(["a.nii", Path("b.nii")], root="/data", exist_ok="same", progress=False, **where)
    uploader.upload({"a.nii": Path("b.nii"), "b.nii": b"bytes"}, to=Resource(Scan(uploader.locate("F"), "4"), "SEG"))
    uploader.upload("a.nii", project_id="P1", accession_id=4, scan_id=None, resource_id="SEG", reason="why")
    uploader.plan("a.nii", **where).to_json()
    uploader.upload_many([UploadRequest(files="a.nii", project_id="P1", accession_id="F", scan_id=4, resource_id="S")])
    url: str = uploader.upload_file("a.nii", name="b.nii", to=uploader.locate("F"), resource_id="SEG")
"""
WRONG = """
from xnat_upload import Uploader

uploader = Uploader.connect()
uploader.upload("a.nii", exist_ok="yes", scan_id="4", keep_paths=5)
uploader.upload("a.nii", acession_id="F")
"""
SCRIPTS = Path(sysconfig.get_path("scripts"))
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "{folder}/../cache"],
    "pyright": [str(SCRIPTS / "basedpyright"), "--level", "error", "--pythonpath", sys.executable],
}


def checked(checker: str, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(program)
    (folder / "pyproject.toml").write_text("[tool.mypy]\nignore_missing_imports = true\n")
    command = [part.format(folder=folder) for part in CHECKERS[checker]]
    root = Path(__file__).parents[2]
    return subprocess.run(
        [*command, "program.py"],
        cwd=folder,
        env={"PATH": str(SCRIPTS), "MYPYPATH": str(root), "PYTHONPATH": str(root), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where programs lie: side by side, since a type checker reads the package once and keeps what it found."""
    return tmp_path_factory.mktemp("programs")


@pytest.mark.parametrize("checker", CHECKERS)
def test_programs_as_people_write_them_pass(checker: str, programs: Path) -> None:
    found = checked(checker, PROGRAM, programs / "right")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_is_spelt_wrong_is_seen(checker: str, programs: Path) -> None:
    found = checked(checker, WRONG, programs / "wrong")
    assert found.returncode == 1, found.stdout + found.stderr
    assert {"program.py:5", "program.py:6"} <= set(re.findall(r"program\.py:[56]", found.stdout))


def test_a_notebook_completes_what_connect_gives() -> None:
    program = "from xnat_upload import Uploader\nuploader = Uploader.connect()\nuploader.upl"
    completed = {each.name for each in jedi.Script(program).complete(3, len("uploader.upl"))}
    assert {"upload", "upload_async", "upload_cohort", "upload_file", "upload_many"} <= completed
