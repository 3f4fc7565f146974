"""The page for a browser, which shows what a sandbox holds and what it was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from lxml import html

from tests.sandbox.places import Caller
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import Refuse

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Accept": "text/html"}


@pytest.fixture(params=["", "/xnat"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(context_path=request.param) as sandbox:
        yield sandbox


def page(sandbox: Sandbox) -> html.HtmlElement:
    answer = requests.get(f"{sandbox.url}/xnat-sandbox", headers=FIREFOX, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return html.fromstring(answer.text)


def rows(page: html.HtmlElement) -> list[list[str]]:
    return [
        [cell.text_content().strip() for cell in row.iter("td")]
        for row in page.iter("tr")
        if row.find("td") is not None
    ]


def test_the_page_shows_projects_sessions_faults_and_requests(sandbox: Sandbox) -> None:
    assert "There are none." in page(sandbox).text_content()
    sandbox.add_user("ada", "secret")
    sandbox.add_project("P", secondary_id="hub-1")
    sandbox.add_session("P", "E", subject="S", scans={"1": "xnat:mrScanData", "2": "xnat:mrScanData"})
    sandbox.add_files("P", "E", "1", "NIFTI", {"a": b"1", "b": b"2"})
    sandbox.inject(Refuse(503, path="/nosuch"))
    caller = Caller(sandbox.url, "ada", "secret")
    with caller.session:
        caller("PUT", "/data/projects/Q?name=One", data=b"<a/>5", headers={"Content-Type": "text/xml"})
        caller("GET", "/nosuch")
    shown = page(sandbox)
    assert rows(shown)[0] == ["E", "S", "xnat:mrSessionData", "1, 2", "NIFTI", "2"]
    context = sandbox.url.rpartition("/xnat")[1]
    assert [row for row in rows(shown) if row[-1].isdigit()][-2:] == [
        ["503", "GET", f"{context}/nosuch", "", "0"],
        ["422", "PUT", f"{context}/data/projects/Q?name=One", "ada", "5"],
    ]
    [fault] = [row for row in rows(shown) if row[0].startswith("Refuse(")]
    assert fault[1:] == ["1", "1"]
    text = shown.text_content()
    assert "P (hub-1)" in text
    assert "secret" not in text
    assert len(sandbox.requests) == 2  # looking is no request


def test_what_others_have_written_is_text_on_the_page(sandbox: Sandbox) -> None:
    script = "<script>alert(1)</script>"
    sandbox.add_project("P", secondary_id=script)
    sandbox.add_session("P", "E", subject=script.replace("/", ""))
    requests.get(f"{sandbox.url}/data/{script}", timeout=30)
    shown = page(sandbox)
    assert list(shown.iter("script")) == []
    assert script in shown.text_content()


def test_of_many_requests_the_last_are_shown(sandbox: Sandbox) -> None:
    caller = Caller(sandbox.url, None)
    with caller.session:
        for number in range(210):
            caller("GET", f"/data/number{number}")
    shown = page(sandbox)
    assert "Requests so far: 210" in shown.text_content()
    listed = [row[2].rpartition("/")[2] for row in rows(shown)]
    assert listed == [f"number{number}" for number in range(209, 9, -1)]


def test_the_page_is_for_this_machine_alone(sandbox: Sandbox) -> None:
    address = f"{sandbox.url}/xnat-sandbox"
    assert requests.get(address, headers={"Host": "rebound.example"}, timeout=30).status_code == 403
    assert requests.post(address, timeout=30).status_code == 405
    assert requests.get(f"{address}/", timeout=30).status_code == 200
