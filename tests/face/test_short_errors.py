"""An error is one sentence: without the way through this library in a script, with the report in a notebook."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from tests.conftest import SandboxHospital
from xnat_upload import TransferSettings, Uploader, UploadInterrupted, XnatUploadError
from xnat_upload.sandbox.faults import Refuse

_FAILURES = ["refused", "unknown host", "wrong password", "conflict", "missing file", "no rights", "not stored", "stop"]
_REFUSED = Refuse(500, path="/files/", method="PUT", times=None)
_IMPATIENT = "TransferSettings(attempts=2, pause_seconds=0.01)"


def code_of(failure: str, ward: SandboxHospital) -> str:
    """A program that fails; it is the same in a script and in a cell."""
    server = {"refused": "http://127.0.0.1:9", "unknown host": "https://xnat.invalid"}.get(failure, ward.server)
    password = "wrong" if failure == "wrong password" else ward.password
    user = ward.user
    if failure == "no rights":
        user = password = f"reader-{ward.project_id}"
        ward.sandbox.add_user(user, password)
        ward.sandbox.add_member(ward.project_id, user, role="collaborator")
    if failure == "conflict":
        ward.put("4", "SEG", "a.nii", b"theirs")
    name = "missing.nii" if failure == "missing file" else "a.nii"
    return (
        "import os, signal\n"
        "from xnat_upload import TransferSettings, Uploader\n"
        "pressed = []\n"
        "def stop(now):\n"
        "    if not pressed:\n"
        "        pressed.append(os.kill(os.getpid(), signal.SIGINT))\n"
        f"with Uploader.connect({server!r}, user={user!r}, password={password!r}, settings={_IMPATIENT}) as uploader:\n"
        f"    uploader.upload({name!r}, hub_project_id={ward.hub_project_id!r}, accession_id={ward.accession_id!r},\n"
        f"        scan_id=4, resource_id='SEG', progress={'stop' if failure == 'stop' else False})\n"
    )


@pytest.fixture(params=_FAILURES)
def failing(request: pytest.FixtureRequest, ward: SandboxHospital, tmp_path: Path, monkeypatch: Any) -> Any:
    (tmp_path / "a.nii").write_bytes(b"bytes of a")
    monkeypatch.chdir(tmp_path)
    fault = ward.sandbox.inject(_REFUSED) if request.param == "not stored" else contextlib.nullcontext()
    with fault:
        yield request.param, code_of(request.param, ward)


def test_a_script_shows_no_more_than_helps(failing: tuple[str, str]) -> None:
    _, code = failing
    with pytest.raises((XnatUploadError, UploadInterrupted)) as raised:
        exec(compile(code, "program", "exec"), {})
    shown = "".join(traceback.format_exception(raised.value)).splitlines()
    # Not the marks that newer Pythons put under a line, nor the further lines of a call.
    lines = [line for line in shown if not line.startswith("    ") or not re.search(r"^ {6}|^[\s~^]+$|^    \)", line)]
    assert len(lines) <= 25, "\n".join(lines)
    assert not [line for line in lines if re.search("tenacity|concurrent/futures|urllib3|requests/", line)]
    assert sum(line.startswith("Traceback") for line in lines) <= 2


def test_a_cell_shows_the_sentence_and_the_report_and_the_traceback_when_asked(
    failing: tuple[str, str], tmp_path: Path
) -> None:
    failure, code = failing
    shown = ran(code, "%tb", folder=tmp_path)
    assert len(shown) == 2
    first, second = shown
    assert "xnat_upload" not in first
    assert first.splitlines()[-1] == "(%tb shows where it was raised.)"
    if failure in ("not stored", "stop"):
        assert re.search("^(failed|stored|not sent) +10 bytes  SEG/a.nii", first, re.MULTILINE)
        assert len(first.splitlines()) <= 8
    else:
        assert len(first.splitlines()) == 3
    if failure == "stop":
        assert "UploadInterrupted" in first
    assert "Traceback (most recent call last)" in second
    assert first.splitlines()[0].split(": ", 1)[1][:60] in second


def ran(*cells: str, folder: Path) -> list[str]:
    """What the cells of a notebook show of their errors."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    ).execute()
    texts = []
    for cell in notebook.cells:
        for output in cell.outputs:
            if output.output_type == "error":
                texts.append(re.sub("\x1b\\[[0-9;]*m", "", "\n".join(output.traceback)))
            elif output.output_type == "stream" and output.name == "stderr":
                assert "Error" not in output.text
    return texts


def test_what_is_no_error_of_this_package_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: Callable[..., None] = lambda *_, **__: 1 / 0  # type: ignore[assignment]  # noqa: E731
    monkeypatch.setattr("xnat_upload.archive.connection.exchange", broken)
    with pytest.raises(ZeroDivisionError) as raised:
        Uploader.connect("http://127.0.0.1:9", user="a", password="b", settings=TransferSettings(attempts=1))
    assert "connection.py" in "".join(traceback.format_exception(raised.value))
