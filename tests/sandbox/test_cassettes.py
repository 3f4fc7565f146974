"""Recording a server, answering in its place, and holding the sandbox against it; the servers are sandboxes here."""

from __future__ import annotations

import base64
import html
import json
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import pyxnat
import requests
import trustme

from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.cassettes import Body, Cassette, Recorded, Replayed, Take, differences
from xnat_upload.sandbox.cassettes.cassette import MOST_BYTES
from xnat_upload.sandbox.cassettes.scrubbing import without_secrets

ROOT = Path(__file__).parents[2]
PASSWORD = "cor-rect ho&rse"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(params=["", "/xnat"])
def server(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(user="boss", password=PASSWORD, context_path=request.param) as server:
        yield server


def work(url: str, password: str = PASSWORD) -> list[requests.Response]:
    """What a client of XNAT does, from the login to the download, with identifiers it has been told."""
    with requests.Session() as session:
        session.trust_env = False
        base = f"{url}/data/projects/P"
        boss = ("boss", password)
        answers = [
            session.get(f"{url}/data/projects", auth=("boss", "wr0ng-password"), allow_redirects=False),
            requests.get(f"{url}/data/projects?format=json", allow_redirects=False, timeout=30),
            session.get(f"{url}/data/JSESSION", auth=boss),
            session.put(base),
            session.put(f"{base}/subjects/S"),
            session.put(f"{base}/subjects/S/experiments/E?xsiType=xnat:mrSessionData"),
        ]
        experiment = f"{url}/data/experiments/{answers[-1].text}"
        answers += [
            session.put(f"{experiment}/scans/4?xsiType=xnat:mrScanData"),
            session.put(f"{experiment}/scans/4/resources/R"),
            session.put(
                f"{experiment}/scans/4/resources/R/files/a b.nii?inbody=true", data=b"\xff\x00T1", headers=BYTES
            ),
            session.put(f"{experiment}/scans/4/resources/R/files/form", files={"f": ("x", b"\xfftext")}),
            session.put(f"{experiment}/scans/4/resources/R/files/chunked", data=iter([b"1", b"2"]), headers=BYTES),
            session.get(f"{experiment}/scans/4/resources/R/files?format=json"),
            session.get(f"{experiment}/scans/4/resources/R/files/a b.nii"),
            session.head(f"{experiment}/scans/4/resources/R/files/a b.nii"),
            session.get(f"{experiment}?format=xml"),
            session.get(f"{base}/experiments?format=csv"),
            session.get(f"{url}/data/services/tokens/issue"),
            session.delete(f"{experiment}/scans/4/resources/R/files/form"),
            session.get(f"{url}/data/nosuch"),
            session.get(url, allow_redirects=False),
        ]
        return answers


def recorded(server: Sandbox) -> tuple[Cassette, list[requests.Response]]:
    with Recorded(server.url) as proxy:
        answers = work(proxy.url)
        return proxy.cassette, answers


def told(answer: requests.Response) -> tuple[int, str, bytes]:
    kind = answer.headers.get("Content-Type", "")
    return answer.status_code, kind, answer.content


def test_a_client_gets_through_the_proxy_what_the_server_says(server: Sandbox) -> None:
    cassette, answers = recorded(server)
    assert [take.status for take in cassette.takes] == [answer.status_code for answer in answers]
    assert server.files("P", "E", "4", "R")["a b.nii"] == b"\xff\x00T1"
    assert answers[12].content == b"\xff\x00T1"
    assert answers[13].headers["Content-Length"] == "4"
    assert answers[-1].headers.get("Location", "/").startswith(("/", "http://127.0.0.1:"))
    assert len(server.requests) == len(answers)
    sent = {name: value for name, value in server.requests[8].headers.items() if name != "host"}
    assert {"content-type": "application/octet-stream", "content-length": "4"}.items() <= sent.items()
    assert server.requests[8].path.endswith("/files/a%20b.nii")
    assert server.requests[10].headers["transfer-encoding"] == "chunked"


def test_nothing_secret_is_in_a_cassette(server: Sandbox, tmp_path: Path) -> None:
    cassette, answers = recorded(server)
    token = answers[16].json()
    secrets = [
        PASSWORD, "wr0ng-password", "cor-rect%20ho%26rse", "cor-rect+ho%26rse",
        base64.b64encode(f"boss:{PASSWORD}".encode()).decode(),
        answers[2].text, token["secret"], token["alias"],
        server.url.removeprefix("http://").partition("/")[0],
    ]  # fmt: skip
    cassette.write(tmp_path / "c.jsonl")
    written = (tmp_path / "c.jsonl").read_text()
    for secret in secrets:
        assert len(secret) > 8
        assert secret not in written, secret
    assert (tmp_path / "c.jsonl").stat().st_mode & 0o077 == 0
    assert Cassette.read(tmp_path / "c.jsonl") == cassette
    # The same secret has the same placeholder: the cookie that was set, the one that was sent, and what was said of it.
    [session_id] = {take.answer.text for take in cassette.takes if take.target.endswith("/JSESSION")}
    assert re.fullmatch(r"REMOVED-\d+", session_id or "")
    assert f"JSESSIONID={session_id}" in cassette.takes[3].header("cookie")


LOGIN = "username=ada&password=pw1"


@pytest.mark.parametrize(
    ("take", "secret"),
    [
        ({"target": "/x?password=pw1"}, "pw1"),
        ({"target": "/x?a=1&XNAT_CSRF=12345678-aa"}, "12345678-aa"),
        ({"target": "/x", "body": Body.of(LOGIN.encode())}, "pw1"),
        ({"target": "/x", "body": Body.of(b"j_password=long%26secret")}, "long%26secret"),
        ({"target": "/x", "body": Body.of(b'{"username": "ada", "password": "p"}')}, '"p"'),
        ({"target": "/x", "body": Body.of(b"<u><xdat:primary_password a='1'>pw1</xdat:primary_password></u>")}, "pw1"),
        ({"target": "/x", "answer": Body.of(b"<script>var csrfToken = 'abc-def';</script>")}, "abc-def"),
        ({"target": "/x", "headers": (("authorization", "Bearer abc"),)}, "abc"),
        ({"target": "/x", "headers": (("cookie", "A=b; SESS=xyz"),)}, "xyz"),
        ({"target": "/x", "headers": (("x-auth-user", "proxy1"),)}, "proxy1"),
        ({"target": "/x", "headers": (("x-forwarded-for", "10.1.2.3"),)}, "10.1.2.3"),
        ({"target": "/x", "answer_headers": (("set-cookie", "S=xyz; Path=/"),)}, "xyz"),
        ({"target": "/x", "answer_headers": (("location", "https://xnat.hospital.example/a"),)}, "hospital"),
    ],
)  # fmt: skip
def test_what_stands_as_a_secret_is_removed(take: dict[str, Any], secret: str) -> None:
    [scrubbed] = without_secrets(
        [Take(**{"method": "POST", "status": 200, **take})], origin="https://xnat.hospital.example"
    )
    assert secret not in f"{vars(scrubbed)}{scrubbed.body.text}{scrubbed.answer.text}"


@pytest.mark.parametrize("encode", [str, quote, quote_plus, html.escape, json.dumps])
def test_a_secret_is_removed_in_every_form_from_wherever_else_it_stands(encode: Callable[[str], str]) -> None:
    password = 'a&b "c/d<é'
    credentials = base64.b64encode(f"ada:{password}".encode()).decode()
    login = Take(
        method="GET", target="/data/JSESSION", status=200, headers=(("authorization", f"Basic {credentials}"),)
    )
    form = encode(password)
    other = Take(
        method="POST", target=f"/x?q={quote(password)}", status=200, body=Body.of(f"<!-- {form} -->".encode()),
        answer=Body.of(b"\xff\xfe" + form.encode()), answer_headers=(("x-what", quote_plus(password)),),
    )  # fmt: skip
    _, scrubbed = without_secrets([login, other], origin="https://xnat.hospital.example")
    assert scrubbed.target == "/x?q=REMOVED-2"
    assert scrubbed.answer_headers == (("x-what", "REMOVED-2"),)
    assert scrubbed.body.text in ("<!-- REMOVED-2 -->", '<!-- "REMOVED-2" -->')
    assert (scrubbed.answer.content or b"").strip(b'"').endswith((b"REMOVED-2", b'REMOVED-2"'))


def test_what_is_no_secret_stays() -> None:
    row = b'{"ResultSet": {"Result": [{"alias": "P_alias", "passwordComplexity": "^.*$"}]}}'
    take = Take(
        method="GET",
        target="/data/projects?columns=alias",
        status=401,
        answer=Body.of(row),
        answer_headers=(("www-authenticate", 'Basic realm="XNAT"'),),
    )
    assert without_secrets([take], origin="https://xnat.hospital.example") == [take]


def test_a_replayed_server_answers_as_the_recorded_one(server: Sandbox, tmp_path: Path) -> None:
    cassette, answers = recorded(server)
    cassette.write(tmp_path / "c.jsonl")
    with Replayed(Cassette.read(tmp_path / "c.jsonl")) as replayed:
        again = work(replayed.url, password="another")
        for first, second in zip(answers, again, strict=True):
            assert second.status_code == first.status_code, first.url
            assert second.headers.get("Content-Type") == first.headers.get("Content-Type")
        assert again[12].content == b"\xff\x00T1"
        assert again[13].headers["Content-Length"] == "4"
        assert again[11].json() == answers[11].json()
        unknown = requests.get(f"{replayed.url}/data/unknown?a=1", timeout=30)
        assert (unknown.status_code, "was not recorded" in unknown.text) == (501, True)


def test_repeated_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    takes = tuple(Take(method="GET", target="/data/x", status=status) for status in (404, 200))
    logged_in = Take(method="GET", target="/data/x", status=201, headers=(("authorization", "Basic REMOVED"),))
    with Replayed(Cassette(takes=(*takes, logged_in))) as replayed:
        got = [requests.get(f"{replayed.url}/data/x", timeout=30).status_code for _ in range(3)]
        assert got == [404, 200, 200]
        assert requests.get(f"{replayed.url}/data/x", auth=("a", "b"), timeout=30).status_code == 201


def test_a_large_body_is_kept_by_its_size_and_md5(server: Sandbox) -> None:
    server.add_project("P")
    large = bytes(MOST_BYTES + 1)
    with Recorded(server.url) as proxy:
        path = "/data/projects/P/resources/R/files/large"
        auth = ("boss", PASSWORD)
        assert requests.put(f"{proxy.url}{path}", data=large, headers=BYTES, auth=auth, timeout=30).status_code == 200
        assert requests.get(f"{proxy.url}{path}", auth=auth, timeout=30).content == large
        cassette = proxy.cassette
    assert [(take.body.content, take.answer.content) for take in cassette.takes] == [(None, b""), (b"", None)]
    assert cassette.takes[0].body.size == cassette.takes[1].answer.size == MOST_BYTES + 1
    with Replayed(cassette) as replayed:
        assert "too large" in requests.get(f"{replayed.url}{path}", auth=("a", "b"), timeout=30).text
    with Sandbox(context_path=cassette.context_path) as sandbox:
        sandbox.add_project("P")
        sandbox.add_files("P", None, None, "R", {"large": large})
        [not_asked] = differences(cassette, sandbox)
        assert str(not_asked).endswith("not asked: recorded 1048577 bytes that were not kept, here nothing")


@pytest.mark.parametrize("profile", ["1.6", "1.8", "1.10", "1.11"])
def test_a_sandbox_is_no_different_from_one_of_its_own_face(profile: Any) -> None:
    with Sandbox(profile=profile, user="boss", password=PASSWORD) as server:
        server.add_project("BEFORE")
        server.add_session("BEFORE", "OLD", scans={"1": "xnat:mrScanData"})  # so that identifiers are others
        cassette, _ = recorded(server)
        server_files = server.files("P", "E", "4", "R")
    with Sandbox(profile=profile) as sandbox:
        assert [str(one) for one in differences(cassette, sandbox)] == []
        assert sandbox.files("P", "E", "4", "R") == server_files


def test_another_face_is_told_by_its_differences() -> None:
    with Sandbox(profile="1.6", user="boss", password=PASSWORD) as server:
        cassette, _ = recorded(server)
    with Sandbox(profile="1.8") as sandbox:
        found = {(one.target.rpartition("/")[2], one.what) for one in differences(cassette, sandbox)}
    assert ("files?format=json", "names in the JSON") in found


def one(status: int = 200, kind: str = "application/json", content: bytes = b"", **more: Any) -> Cassette:
    take = Take(
        method="GET",
        target="/data/projects/P/subjects?format=json",
        headers=(("authorization", "Basic REMOVED"),),
        status=status,
        answer_headers=(("content-type", kind),),
        answer=Body.of(content),
    )
    return Cassette(takes=(take,), **more)


@pytest.mark.parametrize(
    ("cassette", "told"),
    [
        (one(404), "status: recorded 404, here 200"),
        (one(kind="text/xml"), "content type: recorded text/xml, here application/json"),
        (one(), "body: recorded 0 bytes"),
        (
            one(content=b'{"ResultSet": {"Result": [{"ID": "S1", "handedness": ""}]}}'),
            "names in the JSON: recorded ResultSet.Result.handedness, here ResultSet.Result.URI",
        ),
        (one(content=b'{"ResultSet": {"Result": []}}'), "rows: recorded 0, here 1"),
    ],
)
def test_each_difference_is_a_sentence(cassette: Cassette, told: str) -> None:
    with Sandbox() as sandbox:
        sandbox.add_project("P")
        sandbox.add_session("P", "E")
        found = [str(each) for each in differences(cassette, sandbox)]
        assert any(f"1. GET /data/projects/P/subjects?format=json: {told}" in each for each in found), found
        with pytest.raises(ValueError, match="under '/xnat'"):
            differences(one(context_path="/xnat"), sandbox)


def test_pyxnat_is_recorded_and_replayed(server: Sandbox) -> None:
    def client(url: str, password: str) -> list[str]:
        with pyxnat.Interface(server=url, user="boss", password=password) as interface:
            project = interface.select.project("PYX")
            if not project.exists():
                project.create()
            project.resource("R").file("a.txt").insert(str(ROOT / "LICENSE"))
            return list(project.resource("R").files().get())

    with Recorded(server.url) as proxy:
        names = client(proxy.url, PASSWORD)
        cassette = proxy.cassette
    assert names == ["a.txt"]
    with Replayed(cassette) as replayed:
        assert client(replayed.url, "another") == names


class Secured(BaseHTTPRequestHandler):
    """Answers as a server behind TLS does."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Set-Cookie", "JSESSIONID=0123456789; Path=/; Secure; HttpOnly")
        self.send_header("Set-Cookie", "OTHER=9876543210; Domain=127.0.0.1")
        self.send_header("Location", f"https://{self.headers['Host']}/next")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Secured) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}", tmp_path / "ca.pem"
        server.shutdown()
        thread.join()


def test_a_server_behind_tls_is_recorded_and_its_cookies_reach_the_client(
    secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, authority = secured
    with Recorded(url) as distrusting:
        assert requests.get(distrusting.url, timeout=30).status_code == 502
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ROOT / "LICENSE"))
    with Recorded(url, certificates=authority) as proxy, requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{proxy.url}/first", allow_redirects=False)
        assert answer.headers["Location"] == f"{proxy.url}/next"
        session.get(f"{proxy.url}/second", allow_redirects=False)
        [_, second] = proxy.cassette.takes
    assert sorted(second.header("cookie").split("; ")) == ["JSESSIONID=REMOVED-1", "OTHER=REMOVED-2"]
    assert second.answer_header("location") == "http://xnat.recorded.example/next"


def test_a_server_that_does_not_answer_is_a_502_and_not_recorded() -> None:
    with Recorded("http://127.0.0.1:9") as proxy:
        answer = requests.get(f"{proxy.url}/data/projects", timeout=30)
        assert (answer.status_code, "no answer from the server" in answer.text) == (502, True)
        assert proxy.cassette.takes == ()


@pytest.mark.parametrize("text", ["", "{}", "nothing", '{"format": "xnat cassette 2", "context_path": ""}'])
def test_what_is_no_cassette_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.jsonl").write_text(text)
    with pytest.raises(ValueError, match="is no cassette"):
        Cassette.read(tmp_path / "c.jsonl")


def command(*arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "xnat_upload.sandbox.cassettes", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_the_commands_record_replay_and_hold(server: Sandbox, tmp_path: Path) -> None:
    path = str(tmp_path / "c.jsonl")
    with command("record", server.url, path, "--port", "0") as recording:
        assert recording.stdout is not None
        work(recording.stdout.readline().removeprefix("recording at ").strip())
        recording.send_signal(signal.SIGINT)
        assert recording.stdout.read() == f"20 requests in {path}\n"
        assert recording.wait(timeout=30) == 0
    with command("record", server.url, path) as refused:
        assert "is there already" in refused.communicate(timeout=30)[1]
    with command("replay", path, "--port", "0") as replaying:
        assert replaying.stdout is not None
        assert len(work(replaying.stdout.readline().removeprefix("listening on ").strip(), "another")) == 20
        replaying.send_signal(signal.SIGTERM)
        assert replaying.wait(timeout=30) == 0
    with command("hold", path) as holding:
        assert holding.communicate(timeout=60) == ("20 of 20 requests are answered alike.\n", "")
        assert holding.returncode == 0
    with command("hold", path, "--profile", "1.6") as holding:
        assert "names in the JSON" in holding.communicate(timeout=60)[0]
        assert holding.returncode == 1
    lines = (tmp_path / "c.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"format": "xnat cassette 1", "context_path": server.url.partition("/xnat")[1]}
