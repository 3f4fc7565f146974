"""The old server's face, and a site under a context path (docs/xnat/versions.md, "What differs on 1.6.4")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.places import Place, place_in, zipped
from xnat_upload.sandbox import Sandbox


@pytest.fixture(scope="module")
def old_site() -> Iterator[Sandbox]:
    with Sandbox(profile="1.6", context_path="xnat/") as sandbox:
        yield sandbox


@pytest.fixture
def old(old_site: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place_in(old_site, stack)


def test_site_lives_under_its_context_path_and_nowhere_else(old: Place) -> None:
    assert old.sandbox.url.endswith("/xnat")
    assert old.admin("GET", "/data/projects").status_code == 200
    outside = old.admin.session.get(old.sandbox.url.removesuffix("/xnat") + "/data/projects", timeout=30)
    assert outside.status_code == 404


def test_addresses_in_listings_lack_the_context_path_which_stands_beside_them(old: Place) -> None:
    old.put("a")
    result = old.admin("GET", f"{old.resource}/files").json()["ResultSet"]
    assert result["Columns"] == [{"key": "URI", "serverRoot": "/xnat"}]
    assert result["Result"][0]["URI"].startswith("/data/")


def test_cookies_belong_to_the_context_path(old: Place) -> None:
    old.admin.session.cookies.clear()
    cookie = old.admin("GET", "/data/auth").headers["Set-Cookie"]
    assert "; Path=/xnat; HttpOnly" in cookie


def test_browser_is_sent_to_the_login_page_of_the_context(old: Place) -> None:
    answer = old.callers["anonymous"]("GET", "/data/projects", headers={"User-Agent": "Mozilla/5.0"})
    assert answer.headers["Location"] == "/xnat/app/template/Login.vm"


def test_old_server_lists_no_digest(old: Place) -> None:
    old.put("a")
    assert "digest" not in old.admin.rows(f"{old.resource}/files")[0]
    head = old.admin("GET", f"{old.resource}/files?format=csv").text.partition("\n")[0]
    assert head == "Name,Size,URI,collection,file_tags,file_format,file_content,cat_ID"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/xapi/siteConfig/buildInfo", 404), ("PUT", "{S}/scans/1", 417),
     ("PUT", "{S}/scans/1?xsiType=xnat:mrScanData", 200),
     ("PUT", "/data/projects/{P}/experiments/ACC1/resources/L", 405),
     ("PUT", "/data/projects/{P}/experiments/ACC1/resources/L/files/a", 405), ("DELETE", "{S}", 405),
     ("DELETE", "{S}/scans/1/resources/NIFTI/files/nosuch", 200)],
)  # fmt: skip
def test_status_codes_that_differ(old: Place, method: str, path: str, status: int) -> None:
    assert old.admin(method, path.format(S=old.session, P=old.project)).status_code == status


def test_old_server_does_not_know_tgz(old: Place) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    old.admin("PUT", f"{old.resource}/files/x.tgz?extract=true", data=b"x", headers=headers)
    assert old.names() == ["x.tgz"]


@pytest.mark.parametrize("name", ["a%20b", "a%2Bb", "a%25b", "a;b"])
def test_old_server_stores_names_undecoded_and_has_no_firewall(old: Place, name: str) -> None:
    assert old.put(name).status_code == 200
    assert old.names() == [name]


def test_what_holds_on_both(old: Place) -> None:
    assert old.put("a").headers["Content-Type"] == "text/plain"
    assert old.put("a").json() == {"duplicates": ["a"]}
    assert old.admin("PUT", old.resource).status_code == 409
    members = {"masks/é #%+ b.nii": b"1", "α/β.dcm": b""}
    headers = {"Content-Type": "application/zip"}
    path = f"{old.resource}/files/x.zip?extract=true"
    assert old.admin("PUT", path, data=zipped(members), headers=headers).status_code == 200
    assert old.files() == {**members, "a": b"content"}
