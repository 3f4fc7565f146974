"""What ``xnat-upload`` tells a job and a person, where, in which words, and with which exit status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import REPOSITORY, environment, logged_in, place
from tests.conftest import SandboxHospital
from tests.documented import DOCS, rows
from xnat_upload.cli.exit_status import MEANINGS, ExitStatus
from xnat_upload.cli.main import run
from xnat_upload.sandbox.faults import Refuse

__all__ = ["logged_in"]

_PYTHON_WORDS = re.compile(r"exist_ok|same call|\b\w+_id\b|keep_paths|upload_many|None\b")


def put(ward: SandboxHospital, *more: str) -> list[str]:
    return ["put", "a.nii", *place(ward), *more]


def test_each_kind_of_failure_has_an_exit_status_and_the_commands_own_words(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ward = logged_in
    ward.sandbox.add_user("visitor", "visitor")
    ward.sandbox.add_member(ward.project_id, "visitor", role="collaborator")
    ward.put("4", "TAKEN", "a.nii", b"theirs")
    ward.put("4", "READ", "b.nii", b"theirs")
    cases = [
        (ExitStatus.NOT_ALL, put(ward), "broken"),
        (ExitStatus.WRONG_USE, ["put", "missing.nii", *place(ward)], None),
        (ExitStatus.CONFLICT, ["put", "a.nii", *place(ward, resource="TAKEN")], None),
        (ExitStatus.CONFLICT, ["put", "a.nii", *place(ward, resource="TAKEN"), "--resume"], None),
        (ExitStatus.NOT_FOUND, ["put", "a.nii", *place(ward, accession="GONE")], None),
        (ExitStatus.NOT_FOUND, ["ls", "--hub-project", "nowhere", "--accession", "A"], None),
        (ExitStatus.TRY_LATER, [*put(ward), "--server", "https://xnat.invalid"], None),
        (ExitStatus.NOT_PERMITTED, ["put", "a.nii", *place(ward, resource="READ")], "visitor"),
        (ExitStatus.NOT_LOGGED_IN, put(ward), "nobody"),
    ]
    for status, command, how in cases:
        with contextlib.ExitStack() as stack, monkeypatch.context() as patch:
            if how == "broken":
                stack.enter_context(ward.sandbox.inject(Refuse(500, path="/files/", method="PUT", times=None)))
            elif how is not None:
                patch.setenv("XNAT_USER", how)
                patch.setenv("XNAT_PASS", how)
            if status is ExitStatus.TRY_LATER:
                patch.setenv("XNAT_HOST", "https://xnat.invalid")
            assert run(command) == status, command
        told = "".join(capfd.readouterr())
        assert "Error: " in told
        assert not _PYTHON_WORDS.search(told), told
    assert {status for status, _, _ in cases} == set(MEANINGS) - {ExitStatus.DONE}


def test_help_and_page_have_the_table_of_exit_statuses(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = " ".join(capfd.readouterr().out.split())
    page = rows(DOCS / "how-to" / "command-line.md")
    for status, meaning in MEANINGS.items():
        assert f"{status.value} {meaning}" in out
        assert [str(status.value), meaning] in page


def test_json_is_one_document_for_every_command(logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]) -> None:
    ward = logged_in
    session = ["--hub-project", ward.hub_project_id, "--accession", ward.accession_id]
    Path("c.csv").write_text(
        "hub_project_id,accession_id,scan_id,resource_id,file\n"
        f"{ward.hub_project_id},{ward.accession_id},4,SEG,a.nii\n{ward.hub_project_id},GONE,4,SEG,b.nii\n"
    )
    found = {}
    for command in (
        put(ward, "--dry-run"),
        ["cohort", "c.csv", "--dry-run"],
        ["check", *session],
        ["ls", *session],
        ["check", "--hub-project", "nowhere"],
        ["cohort", "c.csv"],
    ):
        run([*command, "--json", "--quiet"])
        found[" ".join([command[0], *command[3:4], *command[-1:]])] = json.loads(capfd.readouterr().out)
    dry, cohort, check, ls, nowhere, sent = found.values()
    assert dry["totals"]["send"] == 1
    assert [each["totals"]["send"] for each in cohort["resources"]] == [1]
    assert "GONE" in cohort["errors"][0]
    assert (check["ok"], nowhere["ok"]) == (True, False)
    assert [scan["scan_id"] for scan in ls["scans"]] == ["4"]
    assert sent["totals"]["stored"] == 1


def test_quiet_says_nothing_but_errors(logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(put(logged_in, "--quiet")) == 0
    assert capfd.readouterr() == ("", "")
    assert run(put(logged_in, "--quiet")) == ExitStatus.CONFLICT
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


def test_the_log_file_has_what_a_night_job_wants_and_more_with_debug(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(put(logged_in, "--log-file", "log")) == 0
    log = Path("log").read_text()
    assert "SEG of scan 4: 1 of 1 files sent" in log
    assert "a.nii" not in log
    assert capfd.readouterr().err == ""
    assert run(put(logged_in, "--resume", "--log-file", "log", "--debug")) == 0
    assert f"GET {logged_in.server}/data/projects" in Path("log").read_text().removeprefix(log)


def test_ls_lists_scans_and_resources(logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]) -> None:
    logged_in.put("4", "NIFTI", "x.nii", b"x")
    assert run(["ls", "--project-id", logged_in.project_id, "--accession", logged_in.accession_id]) == 0
    scan, own = capfd.readouterr().out.splitlines()[1:]
    assert scan.split() == ["4", "xnat:ctScanData", "NIFTI"]
    assert own == "Resources of the session itself: none"


def test_what_is_put_can_be_named_chosen_and_given_to_the_session_itself(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    ward = logged_in
    session = ["--project-id", ward.project_id, "--accession", ward.accession_id]
    assert run(["put", "a.nii", *session, "--no-scan", "--resource", "OWN", "--name", "c.nii", "--reason", "why"]) == 0
    assert run(["put", "b.nii", *place(ward, resource="OTHER"), "--resource-format", "NIFTI"]) == 0
    assert any(request.query.get("format") in ("NIFTI", ["NIFTI"]) for request in ward.sandbox.requests)
    files = ward.ask("GET", f"{ward.session_path}/resources/OWN/files?format=json").json()["ResultSet"]["Result"]
    assert [each["Name"] for each in files] == ["c.nii"]
    assert any(request.query.get("event_reason") in ("why", ["why"]) for request in ward.sandbox.requests)
    Path("d").mkdir()
    for name in ("x.nii", "y.nii", "z.txt"):
        (Path("d") / name).write_bytes(name.encode())
    assert run(["put", "d", *place(ward), "--include", "*.nii", "--ignore", "y.*"]) == 0
    assert list(ward.content("4", "SEG")) == ["x.nii"]
    capfd.readouterr()


def test_local_faults_are_found_before_the_login(logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]) -> None:
    logged_in.sandbox.clear_requests()
    assert run(["put", "missing.nii", *place(logged_in)]) == ExitStatus.WRONG_USE
    Path("c.csv").write_text("hub_project_id,accession_id,scan_id,resource_id,file\n1,A,4,SEG,no.nii\n")
    assert run(["cohort", "c.csv"]) == ExitStatus.WRONG_USE
    assert logged_in.sandbox.requests == ()
    capfd.readouterr()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("json_too", [False, True])
def test_what_a_terminal_cannot_show_is_escaped_after_the_report_was_written(
    encoding: str, json_too: bool, logged_in: SandboxHospital, tmp_path: Path
) -> None:
    (tmp_path / "肝臓é.nii").write_bytes(b"x")
    ended = subprocess.run(
        [sys.executable, "-m", "xnat_upload", "put", "肝臓é.nii", *place(logged_in), "--report", "r.csv"]
        + ["--json"] * json_too,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    out = ended.stdout.decode(encoding)
    assert "\\u809d" in out
    if json_too:
        assert json.loads(out)["files"][0]["name"] == "肝臓é.nii"
    assert "肝臓é.nii" in (tmp_path / "r.csv").read_text(encoding="utf-8")


def test_ctrl_d_at_the_prompt_ends_quietly(logged_in: SandboxHospital) -> None:
    without = {name: value for name, value in os.environ.items() if name not in environment(logged_in)}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "xnat_upload", "check", "--server", logged_in.server],
            {**without, "PYTHONPATH": str(REPOSITORY)},
        )
    said = b""
    while b"User at" not in said:
        said += os.read(terminal, 1024)
    os.write(terminal, b"\x04")
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 1024):
            said += more
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == ExitStatus.NOT_LOGGED_IN
    assert len(said.splitlines()) <= 2
    assert b"Error" not in said
    assert b"Traceback" not in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_the_command(shell: str) -> None:
    def asked(**more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", "import sys; from xnat_upload.cli.main import run; sys.exit(run(sys.argv[1:]))"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **more},
            capture_output=True,
            text=True,
        ).stdout

    page = (DOCS / "how-to" / "command-line.md").read_text()
    assert f"_XNAT_UPLOAD_COMPLETE={shell}_source xnat-upload" in page
    assert "xnat-upload" in asked(_XNAT_UPLOAD_COMPLETE=f"{shell}_source") or shell == "bash"
    assert "--hub-project" in asked(
        _XNAT_UPLOAD_COMPLETE="zsh_complete", COMP_WORDS="xnat-upload put --hub", COMP_CWORD="2"
    )
