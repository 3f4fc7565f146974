"""The old server's face, and a site under a context path (docs/xnat/versions.md, "What differs on 1.6.4")."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import md5

import pytest
import requests

from tests.sandbox.places import Caller, Place, place_in, zipped
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


def test_sizes_in_listings_are_those_on_the_disk(old: Place) -> None:
    old.put("a", b"x" * 5000)
    old.path_of("a").write_bytes(b"x" * 1234)
    assert old.listed("a")["Size"] == "1234"


def test_catalog_has_digests_that_are_not_renewed(old: Place) -> None:
    old.put("a", b"first")
    old.put("a", b"second", overwrite="true")
    uri = f"/archive{old.resource[5:]}"
    old.admin("POST", f"/data/services/refresh/catalog?options=checksum&resource={uri}")
    assert f'digest="{md5(b"first").hexdigest()}"' in old.admin("GET", old.resource).text
    assert old.files() == {"a": b"second"}


@pytest.mark.parametrize("names", [("a b.nii", "a+b.nii"), ("a+b.nii", "a b.nii")])
def test_two_names_that_are_one_after_decoding_have_one_entry(old: Place, names: tuple[str, str]) -> None:
    first, second = names
    assert old.put_zip({first: b"1", second: b"22"}).status_code == 200
    assert old.names() == [first]
    assert old.orphans() == {second: b"22"}
    assert old.admin("GET", f"{old.resource}/files/a+b.nii").content == b"1"


def test_version_is_told_where_there_is_no_xapi(old: Place) -> None:
    assert old.admin("GET", "/data/version").text == "1.6.4"


@pytest.mark.parametrize("path", ["subjects", "experiments"])
def test_label_does_not_filter_lists(old: Place, path: str) -> None:
    assert len(old.admin.rows(f"/data/projects/{old.project}/{path}?label=nosuch")) == 1


def test_listing_beside_a_writer_is_empty_once(old: Place) -> None:
    old.put("a")
    with ThreadPoolExecutor() as pool, old.sandbox.hold("bytes-written", within=old.project) as hold:
        writing = pool.submit(old.put, "b")
        hold.wait_until_reached()
        reader = Caller(old.sandbox.url, old.sandbox.user, old.sandbox.password)
        with reader.session:
            listings = [len(reader.rows(f"{old.resource}/files")) for _ in range(3)]
        hold.release()
        assert writing.result().status_code == 200
    assert listings == [0, 1, 1]
    assert old.names() == ["a", "b"]


def test_login_does_not_see_a_role_that_is_given_later(old: Place) -> None:
    outsider = old.callers["outsider"]
    assert outsider("GET", old.scan).status_code == 404
    old.sandbox.add_member(old.project, "outsider")
    assert outsider("GET", old.scan).status_code == 404
    outsider.session.cookies.clear()
    assert outsider("GET", old.scan).status_code == 200


def test_project_of_ones_own_is_seen_at_once(old: Place) -> None:
    member = old.callers["member"]
    project = f"OWN{old.project}"
    assert member("GET", "/data/auth").status_code == 200
    assert member("PUT", f"/data/projects/{project}").status_code in (200, 201)
    assert member("GET", f"/data/projects/{project}").status_code == 200


def test_wrong_password_is_told_on_tomcats_own_page(old: Place) -> None:
    page = Caller(old.sandbox.url, "admin", "wrong")("GET", "/data/auth").text
    assert page.index("<b>Message</b> Login attempt failed.") < page.index("<h3>Apache Tomcat/9.0.70</h3>")
    assert page.count("<h3>") == 1


def test_zip_in_chunks_is_refused_in_the_body_and_taken_as_a_form(old: Place) -> None:
    body = zipped({"a": b"1"})
    path = f"{old.resource}/files/x.zip?extract=true"
    refused = old.admin("PUT", path, data=iter([body]), headers={"Content-Type": "application/zip"})
    assert (refused.status_code, old.names()) == (500, [])
    form = requests.Request("PUT", old.sandbox.url, files={"f": ("x.zip", body)}).prepare()
    assert isinstance(form.body, bytes)
    headers = {"Content-Type": form.headers["Content-Type"]}
    assert old.admin("PUT", path, data=iter([form.body]), headers=headers).status_code == 200
    assert old.names() == ["a"]


def test_resource_as_a_zip_has_a_length(old: Place) -> None:
    old.put("a", b"12345")
    answer = old.admin("GET", f"{old.resource}/files?format=zip")
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 5


def test_refresh_of_a_malformed_address_is_an_error_of_the_server(old: Place) -> None:
    assert old.admin("POST", "/data/services/refresh/catalog?resource=/nonsense").status_code == 500
