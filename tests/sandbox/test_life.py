"""Starting, stopping, keeping data; the command line; what a process costs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import requests

from tests.sandbox.places import Caller
from xnat_upload.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "xnat_upload.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as running:
        try:
            yield _first_line(running.stdout), running
        finally:
            running.kill()


def _first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_says_where_it_listens_and_stops_on_a_signal(number: signal.Signals) -> None:
    arguments = ("--user", "root", "--password", "pw", "--account", "ada:secret", "--context-path", "/xnat")
    with process(*arguments, "--latency-ms", "1", "--bandwidth-mbps", "1000") as (line, running):
        assert line.startswith("listening on http://127.0.0.1:")
        url = line.removeprefix("listening on ")
        for login, password in (("root", "pw"), ("ada", "secret")):
            answer = requests.get(f"{url}/data/auth", auth=(login, password), timeout=30)
            assert answer.text == f"User '{login}' is logged in"
        running.send_signal(number)
        assert running.wait(timeout=30) == 0
        assert running.communicate() == ("", "")


def test_process_makes_the_sessions_that_are_asked_for() -> None:
    places = ("--session", "hub:1:ACC1", "--session", "hub:1:ACC2", "--session", "hub 2:ACC1")
    with process("--account", "ada:secret", *places) as (line, _):
        caller = Caller(line.removeprefix("listening on "), "ada", "secret")
        with caller.session:
            rows = caller("GET", "/data/projects?format=json").json()["ResultSet"]["Result"]
            assert {row["secondary_ID"]: row["ID"] for row in rows} == {"hub:1": "PROJECT1", "hub 2": "PROJECT2"}
            for session in ("PROJECT1/experiments/ACC1", "PROJECT1/experiments/ACC2", "PROJECT2/experiments/ACC1"):
                assert caller("GET", f"/data/projects/{session}?format=xml").status_code == 200
            scan = "/data/projects/PROJECT1/subjects/x/experiments/ACC1/scans/4"
            assert caller("PUT", f"{scan}?xsiType=xnat:ctScanData").status_code == 200


def test_process_is_filled_from_files_and_again_after_a_reset(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("projects: {P: {sessions: {E: }}}")
    (tmp_path / "archive" / "Q" / "resources" / "R").mkdir(parents=True)
    seeds = ("--seed", str(tmp_path / "site.yaml"), "--seed", str(tmp_path / "archive"))
    with process(*seeds, "--session", "hub:ACC1") as (line, _):
        caller = Caller(line.removeprefix("listening on "), "admin", "admin")
        with caller.session:
            assert caller("DELETE", "/data/projects/P/subjects/E_subject/experiments/E").status_code == 200
            assert caller("PUT", "/data/projects/MORE").status_code == 200
            assert caller("POST", "/xnat-sandbox/reset").status_code == 200
            assert {row["ID"] for row in caller.rows("/data/projects")} == {"P", "Q", "PROJECT1"}
            assert [row["label"] for row in caller.rows("/data/projects/P/experiments")] == ["E"]


def test_what_cannot_be_in_an_archive_is_refused_where_it_is_added() -> None:
    with Sandbox() as sandbox:
        sandbox.add_user("ada", "secret")
        sandbox.add_project("P")
        sandbox.add_session("P", "A")
        with pytest.raises(ValueError, match="a project 'P' already"):
            sandbox.add_project("P", secondary_id="other")
        with pytest.raises(ValueError, match="a session 'A' in project 'P' already"):
            sandbox.add_session("P", "A")
        with pytest.raises(ValueError, match="one of owner, member, collaborator"):
            sandbox.add_member("P", "ada", role="Member")  # type: ignore[arg-type]
        assert sandbox.add_session("P", "OWN", subject="S", session_id="MY_E1", subject_id="MY_S1") == "MY_E1"
        with pytest.raises(ValueError, match="the ID 'MY_E1' already"):
            sandbox.add_session("P", "B", session_id="MY_E1")
        for subject, subject_id in (("S", "OTHER"), ("T", "MY_S1")):
            with pytest.raises(ValueError, match="one of them is taken"):
                sandbox.add_session("P", "B", subject=subject, subject_id=subject_id)
        with pytest.raises(ValueError, match="type for scan '2', and no such scan"):
            sandbox.add_session("P", "B", scans={"1": "xnat:mrScanData"}, scan_types={"2": "T1w"})
        with pytest.raises(ValueError, match="'CT' is no data type"):
            sandbox.add_session("P", "B", xsi_type="CT")
        with pytest.raises(ValueError, match="'MR' is no data type"):
            sandbox.add_session("P", "B", scans={"1": "MR"})


def test_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "xnat_upload.sandbox", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is taken on 127.0.0.1: choose another with --port, or 0 for a free one.\n"


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart", "click"])
def test_a_missing_package_is_one_sentence_with_the_line_to_type(tmp_path: Path, missing: str) -> None:
    (tmp_path / f"{missing}.py").write_text("raise ModuleNotFoundError('No such module')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "xnat_upload.sandbox", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "The sandbox needs Starlette, uvicorn and python-multipart: pip install 'xnat-upload[sandbox]'"
    ]


def test_bad_account_is_refused() -> None:
    command = [sys.executable, "-m", "xnat_upload.sandbox", "--account", "nobody"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 2
    assert "'nobody' is not NAME:PASSWORD" in done.stderr


def test_temporary_directory_is_removed() -> None:
    with Sandbox() as sandbox:
        project = sandbox.add_project("P")
        sandbox.add_session(project, "A", scans={"1": "xnat:mrScanData"})
        caller = Caller(sandbox.url, "admin", "admin")
        with caller.session:
            path = "/data/experiments/XNAT_E00001/scans/1/resources/R/files"
            caller("PUT", f"{path}/a", files={"file": ("a", b"1")})
            file = Path(caller.rows(f"{path}?locator=absolutePath")[0]["absolutePath"])
        assert file.read_bytes() == b"1"
    assert not file.parents[6].exists()


def test_archive_in_a_directory_is_there_again_after_a_restart(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    path = "/data/experiments/XNAT_E00001/scans/1/resources/R"
    with Sandbox(data=tmp_path, accounts={"ada": "secret"}) as sandbox:
        sandbox.add_project("P", secondary_id="hub", accessibility="protected")
        sandbox.add_project("GONE")
        sandbox.add_member("P", "ada")
        sandbox.add_session("P", "A", subject="S", scans={"1": "xnat:mrScanData"}, modality="MR")
        caller = Caller(sandbox.url, "ada", "secret")
        with caller.session:
            assert caller("PUT", f"{path}?tags=a").status_code == 200
            assert caller("PUT", f"{path}/files/a", data=b"1", headers=headers).status_code == 200
        admin = Caller(sandbox.url, "admin", "admin")
        with admin.session:
            assert admin("DELETE", "/data/projects/GONE").status_code == 200
    with Sandbox(data=tmp_path) as sandbox:
        caller = Caller(sandbox.url, "ada", "secret")
        with caller.session:
            assert [row["ID"] for row in caller.rows("/data/projects")] == ["P"]
            row = caller.rows(path.removesuffix("/R"))[0]
            assert (row["file_count"], row["tags"]) == ("1", "a")
            assert caller("GET", f"{path}/files/a").content == b"1"
            new = caller("PUT", "/data/projects/P/subjects/S/experiments/B?xsiType=xnat:mrSessionData")
            assert new.text == "XNAT_E00002"
        assert sandbox.files("P", "A", "1", "R") == {"a": b"1"}


def test_sandbox_that_does_not_run_says_so() -> None:
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    sandbox.stop()


def test_started_sandbox_cannot_be_started_again() -> None:
    with Sandbox() as sandbox, pytest.raises(RuntimeError, match="running already"):
        sandbox.start()


def test_helpers_name_what_is_missing() -> None:
    with Sandbox() as sandbox:
        with pytest.raises(ValueError, match="There is no project 'P'"):
            sandbox.add_session("P", "A")
        sandbox.add_project("P")
        with pytest.raises(ValueError, match="There is no user 'ada'"):
            sandbox.add_member("P", "ada")
        with pytest.raises(ValueError, match="There is no session 'A'"):
            sandbox.files("P", "A", "1", "R")


def test_stopping_frees_held_writers_and_open_connections() -> None:
    with Sandbox() as sandbox:
        sandbox.add_project("P")
        sandbox.add_session("P", "A", scans={"1": "xnat:mrScanData"})
        hold = sandbox.hold("catalog-read")
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                b"PUT /data/experiments/XNAT_E00001/scans/1/resources/R/files/a HTTP/1.1\r\nHost: x\r\n"
                b"Authorization: Basic YWRtaW46YWRtaW4=\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n123"
            )
            hold.wait_until_reached()
            sandbox.stop()
            assert not answered(connection)


def answered(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except ConnectionResetError:
        return False


def resident_kib(process_id: int, field: str) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise AssertionError(field)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart"])
def test_memory_does_not_grow_with_the_body(kind: str) -> None:
    size = 160 << 20
    with process() as (line, running):
        caller = Caller(line.removeprefix("listening on "), "admin", "admin")
        with caller.session:
            caller("PUT", "/data/projects/P")
            caller("PUT", "/data/projects/P/subjects/S/experiments/E?xsiType=xnat:mrSessionData")
            scan = "/data/experiments/XNAT_E00001/scans/1"
            caller("PUT", f"{scan}?xsiType=xnat:mrScanData")
            before = resident_kib(running.pid, "VmRSS")
            head = (
                b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' if kind == "multipart" else b""
            )
            tail = b"\r\n--x--\r\n" if kind == "multipart" else b""
            body = Zeros(head, size, tail)
            headers = {"Content-Type": "multipart/form-data; boundary=x" if kind == "multipart" else kind}
            answer = caller("PUT", f"{scan}/resources/R/files/a", data=body, headers=headers)
            assert answer.headers["Content-Type"] == "text/plain"
            assert caller("HEAD", f"{scan}/resources/R/files/a").headers["Content-Length"] == str(size)
            assert resident_kib(running.pid, "VmHWM") - before < 64 * 1024


class Zeros:
    """A body of known length that nobody has in memory."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self._head, self._size, self._tail = head, size, tail

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        block = bytes(1 << 20)
        for _ in range(self._size >> 20):
            yield block
        yield self._tail
