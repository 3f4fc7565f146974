"""The command ``xnat-upload``: exit status, what it prints where, and where it takes the login from."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.cohort.manifests import cohort, stored
from tests.conftest import SandboxHospital
from tests.hospital import Hospital
from xnat_upload.cli.exit_status import ExitStatus
from xnat_upload.cli.main import run
from xnat_upload.sandbox.faults import Refuse

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def logged_in(ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SandboxHospital:
    """The login in the environment, and the current directory one with two files."""
    for name, value in environment(ward).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.nii").write_bytes(b"bytes of a")
    (tmp_path / "b.nii").write_bytes(b"bytes of b")
    return ward


def environment(ward: Hospital) -> dict[str, str]:
    return {"XNAT_HOST": ward.server, "XNAT_USER": ward.user, "XNAT_PASS": ward.password}


def place(ward: Hospital, *, accession: str = "", resource: str = "SEG") -> list[str]:
    return [
        *("--hub-project", ward.hub_project_id),
        *("--accession", accession or ward.accession_id),
        *("--scan", "4", "--resource", resource),
    ]


def started(*arguments: str, ward: SandboxHospital, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "xnat_upload", *arguments],
        env={**os.environ, **environment(ward), "PYTHONPATH": str(REPOSITORY)},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_put_uploads_prints_the_report_and_succeeds(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "a.nii", "b.nii", *place(logged_in)]) == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[-1].startswith("2 stored; 20 bytes sent in")
    assert err == ""
    assert "\x1b" not in out
    assert logged_in.content("4", "SEG") == {"a.nii": b"bytes of a", "b.nii": b"bytes of b"}


def test_put_again_fails_with_one_sentence_and_succeeds_with_exist_ok(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "a.nii", *place(logged_in)]) == 0
    capfd.readouterr()
    assert run(["put", "a.nii", *place(logged_in)]) == ExitStatus.CONFLICT
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Error: 'a.nii' is in resource 'SEG'")
    assert "With --resume," in err
    assert "with --exist-ok, others are replaced" in err
    assert len(err.splitlines()) == 1
    assert run(["put", "a.nii", *place(logged_in), "--json"]) == ExitStatus.CONFLICT
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert (document["names"], document["files"]) == (["a.nii"], [])
    assert err == f"Error: {document['error']}\n"
    assert run(["put", "a.nii", *place(logged_in), "--exist-ok"]) == 0
    assert "1 skipped" in capfd.readouterr().out


def test_put_with_net_takes_the_files_of_the_net(logged_in: SandboxHospital, tmp_path: Path) -> None:
    upload = tmp_path / "images" / "net-1" / "upload" / "sub"
    upload.mkdir(parents=True)
    (upload / "c.nii").write_bytes(b"c")
    arguments = ["put", "sub", *place(logged_in), "--net", "net-1", "--images-dir", "images", "--keep-paths"]
    assert run(arguments) == 0
    assert logged_in.content("4", "SEG") == {"sub/c.nii": b"c"}


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "a.nii", *place(logged_in), "--dry-run"]) == 0
    assert "1 file to send (10 bytes) in 1 request" in capfd.readouterr().out
    assert {request.method for request in logged_in.sandbox.requests} <= {"GET", "HEAD", "DELETE"}
    logged_in.put("4", "SEG", "a.nii", b"theirs")
    assert run(["put", "a.nii", *place(logged_in), "--dry-run"]) == ExitStatus.CONFLICT
    assert "1 refused" in capfd.readouterr().out


def test_json_is_one_document_also_when_not_all_is_stored(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]
) -> None:
    with logged_in.sandbox.inject(Refuse(500, path="/files/", method="PUT", times=None)):
        assert run(["put", "a.nii", *place(logged_in), "--json"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["totals"]["failed"] == 1
    assert err.startswith("Error: 1 of 1 files are not stored")
    assert run(["put", "a.nii", *place(logged_in), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["totals"]["stored"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["put", "missing.nii"], "missing.nii"),
        (["put", "../a.nii"], "'..' component"),
        (["put", "a.nii", "--scan", "ALL"], "'ALL'"),
        (["put", "a.nii", "--net", "n"], "--net needs --images-dir"),
        (["put", "a.nii", "--images-dir", "."], "--images-dir is for --net only"),
        (["put", "a.nii", "--no-scan"], "Name the scan by --scan, or say --no-scan"),
        (["put", "a.nii", "--project-id", "P"], "Choose one"),
        (["put", "a.nii", "b.nii", "--name", "c.nii"], "--name is for one file"),
        (["put", "a.nii", "--log-file", "nowhere/log"], "--log-file nowhere/log cannot be written"),
        (["put", "a.nii", "--report", "nowhere/r.csv"], "--report nowhere"),
        (["ls", "--accession", "A"], "Name the project"),
        (["put", "a.nii", "--server", "ftp://x"], "server address"),
        (["put", "a.nii", "--password", "x"], "No such option"),
        (["put"], "Missing argument"),
        (["cohort", "missing.csv"], "missing.csv"),
        (["check", "--accession", "A"], "--accession needs --hub-project"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_wrong(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    if arguments[0] == "put":
        arguments = ["put", *place(logged_in), *arguments[1:]]
    assert run(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert sentence in err
    assert "Traceback" not in err


def test_not_logged_in_is_status_3(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNAT_PASS", "wrong")
    assert run(["put", "a.nii", *place(logged_in)]) == 3
    monkeypatch.delenv("XNAT_PASS")
    assert run(["check"]) == 3
    err = capfd.readouterr().err
    assert [line[:7] for line in err.splitlines()] == ["Error: ", "Error: "]
    assert "netrc" in err


def test_netrc_is_a_login_for_the_server_that_is_named(
    logged_in: SandboxHospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in environment(logged_in):
        monkeypatch.delenv(name)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {logged_in.user} password {logged_in.password}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert run(["check", "--server", logged_in.server]) == 0
    assert f"logged in  as {logged_in.user}" in capfd.readouterr().out


def test_a_person_at_a_terminal_is_asked_for_what_is_missing(logged_in: SandboxHospital) -> None:
    logged_in.sandbox.add_user("bob", "s3cret-word")
    without = {name: value for name, value in os.environ.items() if name not in environment(logged_in)}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "xnat_upload", "check", "--server", logged_in.server],
            {**without, "PYTHONPATH": str(REPOSITORY)},
        )
    said = b""
    for ask, answer in ((b"User at", "bob"), (b"Password", "s3cret-word")):
        while ask not in said:
            said += os.read(terminal, 1024)
        os.write(terminal, f"{answer}\n".encode())
    while b"stop you" not in said:
        said += os.read(terminal, 1024)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"logged in  as bob" in said
    assert b"s3cret-word" not in said


def test_debug_shows_the_traceback(logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["put", "a.nii", *place(logged_in, accession="GONE"), "--debug"]) == ExitStatus.NOT_FOUND
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("Error: Accession 'GONE' is not in project")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is imitated by Linux's device")
def test_a_cohort_prints_its_report_and_writes_the_manifest_with_its_results(
    logged_in: SandboxHospital, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = cohort(logged_in, tmp_path, sessions=2)
    rows[0]["patient"] = "=cmd"
    with (tmp_path / "cohort.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run(["cohort", "cohort.csv", "--dry-run"]) == 0
    assert capfd.readouterr().out.startswith("8 files for 4 resources: 8 to send, 0 to replace")
    with logged_in.sandbox.inject(Refuse(403, "no right", path="ACC|/resources/SEG$", method="PUT", nth=1)):
        assert run(["cohort", "cohort.csv", "--report", "stored.csv", "--workers", "1"]) == 1
    assert "6 stored, 2 not sent" in capfd.readouterr().out
    with (tmp_path / "stored.csv").open(newline="") as file:
        told = list(csv.DictReader(file))
    assert [row["status"] for row in told].count("stored") == 6
    assert told[0]["patient"] == "'=cmd"
    assert run(["cohort", "cohort.csv", "--exist-ok", "--json", "--report", str(tmp_path)]) == 2  # a directory
    capfd.readouterr()
    assert run(["cohort", "cohort.csv", "--exist-ok", "--json", "--report", "/dev/full"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["totals"]["skipped"] == 6
    assert err.startswith("Error: The report could not be written to /dev/full: No space left")
    assert len(stored(logged_in, rows)) == 8


def test_all_faults_of_a_manifest_are_wrong_use(
    logged_in: SandboxHospital, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cohort.csv").write_text("hub_project_id,accession_id,scan_id,resource_id,file\n1,A,ALL,SEG,no.nii\n")
    assert run(["cohort", "cohort.csv"]) == 2
    err = capfd.readouterr().err
    first, *faults = err.splitlines()
    assert first.startswith("Error: 2 faults in the 1 rows")
    assert [fault[:6] for fault in faults] == ["row 2:", "row 2:"]


def test_check_says_what_would_stop_an_upload(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ["check", "--hub-project", logged_in.hub_project_id, "--accession", logged_in.accession_id]
    assert run(question) == 0
    out = capfd.readouterr().out
    assert "version    1.8" in out
    assert f"project    {logged_in.project_id}, as Owners" in out
    assert "xnat:ctSessionData with 1 scan\n" in out
    assert run(["check", "--hub-project", "nowhere"]) == ExitStatus.NOT_FOUND
    assert "obstacle   No project with the secondary ID 'nowhere'" in capfd.readouterr().out
    assert run([*question[:-1], "GONE"]) == ExitStatus.NOT_FOUND
    assert "obstacle   Accession 'GONE'" in capfd.readouterr().out
    logged_in.sandbox.add_user("reader", "r")
    logged_in.sandbox.add_member(logged_in.project_id, "reader", role="collaborator")
    monkeypatch.setenv("XNAT_USER", "reader")
    monkeypatch.setenv("XNAT_PASS", "r")
    assert run(question) == ExitStatus.NOT_PERMITTED
    assert "who may read it and not edit it" in capfd.readouterr().out
    logged_in.sandbox.add_member(logged_in.project_id, "reader", role="member")
    assert run(question) == 0
    assert {request.method for request in logged_in.sandbox.requests} <= {"GET", "DELETE"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_upload_and_the_report_is_still_printed(
    logged_in: SandboxHospital, tmp_path: Path, how: signal.Signals
) -> None:
    with logged_in.sandbox.hold("bytes-written", within="SEG") as hold:
        process = started("put", "a.nii", *place(logged_in), ward=logged_in, cwd=tmp_path)
        hold.wait_until_reached()
        process.send_signal(how)
        line = process.stderr.readline() if process.stderr else ""
        hold.release()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, "all was stored"
    assert "Interrupted: nothing more is sent" in line
    assert out.splitlines()[-1].startswith("1 stored;")
    assert err.strip().startswith("The upload was interrupted: 1 stored")
    assert "Traceback" not in err


def test_a_reader_that_has_gone_is_no_traceback(logged_in: SandboxHospital, tmp_path: Path) -> None:
    process = started("put", "a.nii", *place(logged_in), ward=logged_in, cwd=tmp_path)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=30)
    assert err == ""


def test_the_sandbox_starts_with_its_own_options_and_stops_with_its_own_status(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "xnat_upload", "sandbox", "--port", "0", "--account", "ada:secret"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.readline()
    assert said.startswith("listening on http://127.0.0.1:")
    answer = requests.get(f"{said.split()[-1]}/data/auth", auth=("ada", "secret"), timeout=10)
    assert "ada" in answer.text
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    process.stdout.close()


@pytest.mark.parametrize("command", [[], ["put"], ["cohort"], ["check"], ["ls"]])
def test_help_has_an_example(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    out = capfd.readouterr().out
    assert ("Example: xnat-upload" if command else "Exit status:") in out
    assert "assword" not in out.replace("XNAT_PASS", "")


def test_without_click_the_line_to_install_it_is_named() -> None:
    code = "import sys; sys.modules['click'] = None; import xnat_upload.cli.main"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert found.returncode == 1
    assert found.stderr.strip() == "xnat-upload needs click: pip install 'xnat-upload[cli]'"


def test_importing_the_library_imports_none_of_what_people_may_not_want() -> None:
    unwanted = {"click", "dask", "distributed", "pyarrow", "pandas"}
    code = f"import sys, xnat_upload; print(sorted({unwanted} & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert found.stdout.strip() == "[]"


def test_a_password_is_never_an_argument_and_never_printed(
    logged_in: SandboxHospital, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in.sandbox.add_user("ada", "s3cret-word")
    logged_in.sandbox.add_member(logged_in.project_id, "ada")
    for name, value in environment(replace(logged_in, user="ada", password="s3cret-word")).items():
        monkeypatch.setenv(name, value)
    assert run(["put", "a.nii", *place(logged_in), "--json"]) == 0
    assert run(["check", "--debug"]) == 0
    assert run(["put", "a.nii", *place(logged_in), "--debug"]) == ExitStatus.CONFLICT
    assert "s3cret-word" not in "".join(capfd.readouterr())
