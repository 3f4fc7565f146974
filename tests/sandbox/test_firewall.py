"""Which request targets never reach XNAT (docs/xnat/requests.md, "What the firewall refuses")."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from tests.sandbox.places import connect
from xnat_upload.sandbox import Sandbox

BASIC = "Basic YWRtaW46YWRtaW4="


def raw_get(sandbox: Sandbox, target: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=30)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.putheader("Authorization", BASIC)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def raw_exchange(sandbox: Sandbox, request: bytes) -> bytes:
    with connect(sandbox) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


@pytest.mark.parametrize(
    "segment", ["a%2Fb", "a%2fb", "a%5Cb", "a\\b", "a%00b", "a%zz", "a%", 'a"b', "a<b", "a[b", "a|b"]
)
def test_connector_refuses_a_segment_with_400(shared_sandbox: Sandbox, segment: str) -> None:
    status, headers, page = raw_get(shared_sandbox, f"/data/experiments/{segment}")
    assert status == 400
    assert headers["Connection"] == "close"
    assert "<title>HTTP Status 400" in page


@pytest.mark.parametrize("target", ["/data/experiments/a b", "/data/experiments/\xe9", "/data/projects?x=\xe9"])
def test_raw_blanks_and_raw_bytes_are_400(shared_sandbox: Sandbox, target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1")
    answer = raw_exchange(shared_sandbox, request)
    assert answer.startswith(b"HTTP/1.1 400 \r\n")
    assert b"<title>HTTP Status 400" in answer


@pytest.mark.parametrize(
    "path",
    ["/data/experiments/a;b=c", "/data/experiments/a%3Bb", "/data/experiments/a%25b", "/data/experiments/%2e%2e",
     "/data/experiments/..", "/data/./projects", "/data//projects", "/data/projects//experiments/E"],
)  # fmt: skip
def test_firewall_rejects_a_path_with_500(shared_sandbox: Sandbox, path: str) -> None:
    status, headers, _ = raw_get(shared_sandbox, path)
    assert status == 500
    assert headers["Connection"] == "close"


@pytest.mark.parametrize(
    "segment",
    ["a%20b", "a+b", "a%2Bb", "a%23b", "a%3Fb", "%C3%A9", "%FF", "%0A", "a.b", "a..b", "a:b", "@", "a,b", "a=b", "a'b",
     "(a)", "a*", "a!", "$a", "~a"],
)  # fmt: skip
def test_harmless_segment_is_passed_on_verbatim(shared_sandbox: Sandbox, segment: str) -> None:
    assert raw_get(shared_sandbox, f"/data/experiments/{segment}?format=xml")[0] == 404


def test_identifier_is_never_decoded(shared_sandbox: Sandbox) -> None:
    project = shared_sandbox.add_project("Never_decoded")
    encoded = project.replace("N", "%4E")
    assert raw_get(shared_sandbox, f"/data/projects/{project}?format=xml")[0] == 200
    assert raw_get(shared_sandbox, f"/data/projects/{encoded}?format=xml")[0] == 404


@pytest.mark.parametrize("query", ["label=%2F", "label=%25", "label=..", "label=;"])
def test_query_is_not_looked_at(shared_sandbox: Sandbox, query: str) -> None:
    assert raw_get(shared_sandbox, f"/data/projects?{query}")[0] == 200


def test_status_line_carries_no_reason_phrase(shared_sandbox: Sandbox) -> None:
    request = b"GET /data/nosuch HTTP/1.1\r\nHost: x\r\nAuthorization: " + BASIC.encode()
    answer = raw_exchange(shared_sandbox, request + b"\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 \r\n")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/PROJECTS", 404), ("/data/%70rojects", 404), ("/DATA/projects", 404), ("/data/version", 404),
     ("/data/projectsXYZ", 200), ("/data/projects/", 200), ("/REST/projects", 200), ("/data/archive/projects", 200),
     ("/REST/archive/projects", 200), ("/data/JSESSIONfoo", 200), ("/data/archive/JSESSION", 404)],
)  # fmt: skip
def test_routes_match_by_prefix_and_by_case(shared_sandbox: Sandbox, path: str, status: int) -> None:
    assert raw_get(shared_sandbox, path)[0] == status
