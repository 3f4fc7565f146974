"""``reset()`` between tests, from Python and by HTTP: nothing of before is left, and nobody else may ask for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.sandbox.places import Caller
from tests.sandbox.stored import stored
from xnat_upload.sandbox import Sandbox, SiteSettings
from xnat_upload.sandbox.faults import Refuse

RESET = "/xnat-sandbox/reset"


@pytest.fixture(params=["", "/xnat"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(accounts={"ada": "secret"}, context_path=request.param) as sandbox:
        yield sandbox


def use(sandbox: Sandbox) -> Caller:
    """Leave something of every kind behind."""
    sandbox.add_user("guest2", "pw")
    sandbox.add_project("P")
    sandbox.add_session("P", "A", scans={"1": "xnat:mrScanData"})
    sandbox.add_files("P", "A", "1", "R", {"a": b"1"})
    sandbox.site = replace(sandbox.site, site_id="OTHER")
    sandbox.inject(Refuse(503, path="/data/nosuch"))
    sandbox.keep_bodies()
    caller = Caller(sandbox.url, "admin", "admin")
    caller("PUT", "/data/projects/Q", data=b"<a/>", headers={"Content-Type": "text/xml"})
    return caller


def reset_by_http(sandbox: Sandbox) -> None:
    answer = requests.post(sandbox.url + RESET, timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("reset", [Sandbox.reset, reset_by_http])
def test_after_a_reset_nothing_of_before_is_left(sandbox: Sandbox, reset: object) -> None:
    assert callable(reset)
    before = stored(sandbox)
    caller = use(sandbox)
    with caller.session:
        cookie = caller("GET", "/data/JSESSION").text
        folder = sandbox._now.archive.root
        reset(sandbox)
        assert list(sandbox.requests) == []
        assert {name.split("/")[2] for name in stored(sandbox)} == {name.split("/")[2] for name in before}
        assert not folder.exists()
        assert caller.rows("/data/projects") == []
        assert caller("GET", "/data/nosuch").status_code == 404  # the fault is out
        assert sandbox.requests[0].body is None
        assert caller("GET", "/data/JSESSION", cookies={"JSESSIONID": cookie}).text != cookie
    assert requests.get(f"{sandbox.url}/data/auth", auth=("ada", "secret"), timeout=30).status_code == 200
    assert requests.get(f"{sandbox.url}/data/auth", auth=("guest2", "pw"), timeout=30).status_code == 401
    sandbox.add_project("P")
    assert sandbox.add_session("P", "A") == "XNAT_E00001"


def test_a_request_that_is_overtaken_changes_nothing_of_the_new_site(sandbox: Sandbox) -> None:
    caller = use(sandbox)
    hold = sandbox.hold("before-catalog-write")
    path = "/data/experiments/XNAT_E00001/scans/1/resources/R/files/late"
    with caller.session:
        thread = threading.Thread(target=caller, args=("PUT", path), kwargs={"files": {"f": ("late", b"2")}})
        thread.start()
        hold.wait_until_reached()
        sandbox.reset()
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert list(sandbox.requests) == []
    assert not [name for name in stored(sandbox) if name.startswith("/projects")]


def test_the_seed_is_sown_at_the_start_and_after_each_reset() -> None:
    def sow(sandbox: Sandbox) -> None:
        sandbox.add_project("SOWN")
        assert requests.get(f"{sandbox.url}/data/projects/SOWN", auth=("admin", "admin"), timeout=30).ok

    with Sandbox(seed=sow) as sandbox:
        sandbox.add_project("MORE")
        assert list(sandbox.requests) == []
        reset_by_http(sandbox)
        assert list(sandbox._now.archive.projects) == ["SOWN"]
        assert list(sandbox.requests) == []


def test_a_seed_that_fails_stops_the_sandbox_and_says_so_to_whoever_resets() -> None:
    projects = ["P", "P"]
    with pytest.raises(ValueError, match="a project 'P' already"), Sandbox(seed=lambda s: sow_all(s, projects)):
        pass
    projects.pop()
    with Sandbox(seed=lambda s: sow_all(s, projects)) as sandbox:
        projects.append("P")
        answer = requests.post(sandbox.url + RESET, timeout=30)
        assert (answer.status_code, answer.text) == (409, "There is a project 'P' already.\n")


def sow_all(sandbox: Sandbox, projects: list[str]) -> None:
    for project in projects:
        sandbox.add_project(project)


def test_a_directory_of_ones_own_is_not_emptied(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.add_project("P")
        with pytest.raises(RuntimeError, match="not emptied"):
            sandbox.reset()
        answer = requests.post(sandbox.url + RESET, timeout=30)
        assert (answer.status_code, str(tmp_path) in answer.text) == (409, True)
        assert list(sandbox._now.archive.projects) == ["P"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Host": "rebound.example:8080"},
        {"Host": "10.0.0.7"},
        {"Host": "[::1"},
    ],
)
def test_no_web_page_of_another_site_resets_it(sandbox: Sandbox, headers: dict[str, str]) -> None:
    sandbox.add_project("P")
    assert requests.post(sandbox.url + RESET, headers=headers, timeout=30).status_code == 403
    assert list(sandbox._now.archive.projects) == ["P"]


def test_nobody_of_another_machine_resets_it() -> None:
    address = own_address()
    with Sandbox(host="0.0.0.0", site=SiteSettings()) as sandbox:
        sandbox.add_project("P")
        port = sandbox.url.rpartition(":")[2]
        for host in ("localhost", address):
            answer = requests.post(f"http://{address}:{port}{RESET}", headers={"Host": host}, timeout=30)
            assert answer.status_code == 403
        assert list(sandbox._now.archive.projects) == ["P"]
        assert requests.post(f"http://127.0.0.1:{port}{RESET}", timeout=30).status_code == 200


def own_address() -> str:
    """An address of this machine that is not loopback: what comes by it comes from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_a_post_resets(sandbox: Sandbox, method: str) -> None:
    sandbox.add_project("P")
    answer = requests.request(method, sandbox.url + RESET, timeout=30)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert list(sandbox._now.archive.projects) == ["P"]
    assert requests.request(method, f"{sandbox.url}/xnat-sandbox/nosuch", timeout=30).status_code == 404
    assert list(sandbox.requests) == []
