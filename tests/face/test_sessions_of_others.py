"""Sessions that belong to others, many uploaders of one process, and processes that fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest
import pyxnat
import requests

from tests.conftest import SandboxHospital
from tests.face.test_where import words
from tests.hospital import IMPATIENT
from xnat_upload import AuthenticationError, MissingFileError, Uploader


def cookie_of(hospital: SandboxHospital) -> str:
    answer = requests.get(hospital.server + "/data/JSESSION", auth=(hospital.user, hospital.password), timeout=10)
    return f"JSESSIONID={answer.text}"


def is_alive(hospital: SandboxHospital, cookie: str) -> bool:
    answer = requests.get(hospital.server + "/data/auth", headers={"Cookie": cookie}, timeout=10)
    return f"User '{hospital.user}'" in answer.text


@pytest.fixture
def balancer(ward: SandboxHospital) -> Iterator[str]:
    """A balancer in front of the ward, which sets a JSESSIONID of its own."""

    class Forward(BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            answer = requests.request(
                self.command, ward.server + self.path, headers=headers, data=body, timeout=10, allow_redirects=False
            )
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Set-Cookie"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Set-Cookie", "JSESSIONID=the_balancers_own; Path=/")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815  as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_an_uploader_for_each_request_keeps_one_writer_in_a_resource(ward: SandboxHospital) -> None:
    cookie = cookie_of(ward)

    def upload(number: int) -> bool:
        with Uploader.connect(ward.server, headers={"Cookie": cookie}, settings=IMPATIENT) as uploader:
            return uploader.upload({f"{number}.nii": os.urandom(60_000)}, **words(ward)).ok

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(upload, range(12)))
    assert len(ward.listing("4", "SEG")) == 12
    assert not [request for request in ward.sandbox.requests if request.status == 500]
    assert is_alive(ward, cookie)


def test_closing_never_ends_a_session_that_was_given(ward: SandboxHospital) -> None:
    cookie = cookie_of(ward)
    with Uploader.connect(ward.server, headers={"Cookie": cookie}, settings=IMPATIENT) as uploader:
        uploader.upload({"a": b"a"}, **words(ward))
    assert is_alive(ward, cookie)


def test_a_balancers_own_session_is_not_taken_for_one_to_end(ward: SandboxHospital, balancer: str) -> None:
    cookie = cookie_of(ward)
    with Uploader.connect(balancer, headers={"Cookie": cookie}, settings=IMPATIENT) as uploader:
        assert uploader.upload({"a": b"a"}, **words(ward)).ok
    assert is_alive(ward, cookie)
    assert "DELETE" not in {request.method for request in ward.sandbox.requests}


def test_empty_headers_never_fall_back_to_the_environments_account(
    ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNAT_HOST", ward.server)
    monkeypatch.setenv("XNAT_USER", ward.user)
    monkeypatch.setenv("XNAT_PASS", ward.password)
    for headers in cast("list[dict[str, str]]", [{}, {"Cookie": ""}]):
        with pytest.raises(AuthenticationError):
            Uploader.connect(ward.server, headers=headers)
    assert not [request for request in ward.sandbox.requests if request.user == ward.user]


def test_local_faults_are_found_before_the_login(ward: SandboxHospital) -> None:
    with Uploader(pyxnat.Interface(ward.server, ward.user, ward.password), settings=IMPATIENT) as uploader:
        ward.sandbox.clear_requests()
        with pytest.raises(MissingFileError):
            uploader.upload("/nowhere/a.nii", **words(ward))
        with pytest.raises(MissingFileError):
            uploader.upload_file("/nowhere/a.nii", **words(ward))
    assert not ward.sandbox.requests


@pytest.mark.skipif(not hasattr(os, "fork"), reason="wants fork")
def test_a_forked_child_shares_no_connection_with_its_parent(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        uploader.upload({"parent": b"before"}, **words(ward))
        with uploader._locks.hold(uploader.locate(ward.accession_id, hub_project_id=ward.hub_project_id)):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    with uploader:
                        status = 0 if uploader.upload({"child": b"c"}, **words(ward, resource_id="CHILD")).ok else 1
                finally:
                    os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        uploader.upload({"parent2": b"after"}, **words(ward))
    logins = [request for request in ward.sandbox.requests if request.path.endswith("/data/auth")]
    assert len(logins) == 2
    assert set(ward.content("4", "CHILD")) == {"child"}


def test_an_uploader_for_each_request_costs_one_login_and_no_list_of_projects(ward: SandboxHospital) -> None:
    for number in range(3):
        with ward.connect() as uploader:
            uploader.upload({f"{number}.nii": b"x"}, **words(ward))
    asked = [f"{request.method} {request.path.rpartition('/data/')[2]}" for request in ward.sandbox.requests]
    assert asked.count("GET projects") == 1
    assert asked.count("GET auth") == 3
