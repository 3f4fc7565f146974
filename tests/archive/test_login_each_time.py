"""Logins that do not live in their cookie: found out by the first refusal after a login, and not paid for elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, open_hospital
from tests.odd_server import LOGGED_IN, OddServer, answer
from tests.sending import send
from xnat_upload import AuthenticationError, IncompleteUploadError, NotFoundError, Uploader, UploadRequest
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import AnswerPage, Refuse
from xnat_upload.sandbox.site import Profile, SiteSettings

FORGETS = SiteSettings(cookie_login=False)
SITES: dict[str, tuple[Profile, SiteSettings]] = {
    "1.11 that forgets": ("1.11", FORGETS),
    "1.11 that forgets and has guests": ("1.11", replace(FORGETS, require_login=False)),
    "a gateway": ("1.8", SiteSettings(gateway_login=True)),
    "a gateway before 1.6": ("1.6", SiteSettings(gateway_login=True)),
}


@pytest.fixture(params=SITES)
def wants_login(request: pytest.FixtureRequest) -> Iterator[SandboxHospital]:
    profile, site = SITES[request.param]
    with Sandbox(profile=profile, site=site) as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        sandbox.clear_requests()
        yield SandboxHospital(**vars(hospital), sandbox=sandbox)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.nii").write_bytes(b"%d" % number)
    return tmp_path


def test_files_are_stored_all_the_same(wants_login: SandboxHospital, folder: Path) -> None:
    with wants_login.connect() as uploader:
        assert send(uploader, wants_login, ".", folder).ok
        assert send(uploader, wants_login, ".", folder, scan_id="new").ok
    assert wants_login.content("new", "SEG") == {f"{number}.nii": b"%d" % number for number in range(3)}


def test_a_resource_of_a_public_project_is_written_too(wants_login: SandboxHospital, folder: Path) -> None:
    wants_login.ask("PUT", f"/data/projects/{wants_login.project_id}/accessibility/public").raise_for_status()
    with wants_login.connect() as uploader:
        assert send(uploader, wants_login, ".", folder).ok


def test_a_session_is_found_by_its_project_too(wants_login: SandboxHospital) -> None:
    with wants_login.connect() as uploader:
        assert uploader.locate(project_id=wants_login.project_id, accession_id=wants_login.accession_id)


def test_the_login_goes_along_only_once_that_is_known_to_be_needed(wants_login: SandboxHospital, folder: Path) -> None:
    with wants_login.connect() as uploader:
        send(uploader, wants_login, ".", folder)
    showed = ["authorization" in request.headers for request in wants_login.sandbox.requests]
    first = showed.index(False)
    assert first <= 1
    known = next(index for index in range(first, len(showed)) if all(showed[index:]))
    assert known < 6
    assert all("cookie" in request.headers for request in wants_login.sandbox.requests[known:])


def test_a_changed_cookie_is_taken_over() -> None:
    with Sandbox(profile="1.11", site=FORGETS) as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        with hospital.connect() as uploader:
            uploader.locate(hospital.hub_project_id, hospital.accession_id)
            sandbox.clear_requests()
            for _ in range(5):
                uploader.locate(hospital.hub_project_id, hospital.accession_id)
            sent = [str(request.headers["cookie"]) for request in sandbox.requests]
    assert len(sent) >= 5
    assert len(set(sent)) == len(sent), "each answer brought a new session, and the next request presents it"


def requests_for(hospital: SandboxHospital, folder: Path) -> list[UploadRequest]:
    return [
        UploadRequest(
            files="0.nii",
            root=folder,
            hub_project_id=hospital.hub_project_id,
            accession_id=hospital.accession_id,
            scan_id="4",
            resource_id=f"R{number}",
        )
        for number in range(12)
    ]


def test_a_password_that_is_refused_later_is_refused_once(folder: Path) -> None:
    with Sandbox(profile="1.11", site=FORGETS) as sandbox:
        hospital = open_hospital(sandbox.url, sandbox.user, sandbox.password)
        ward = SandboxHospital(**vars(hospital), sandbox=sandbox)
        with ward.connect(settings=replace(IMPATIENT, workers=1)) as uploader:
            uploader.locate(ward.hub_project_id, ward.accession_id)
            sandbox.clear_requests()
            with sandbox.inject(Refuse(401, times=None)), pytest.raises((AuthenticationError, IncompleteUploadError)):
                uploader.upload_many(requests_for(ward, folder))
            assert [request.status for request in sandbox.requests].count(401) == 1


def test_a_wrong_password_costs_one_failed_login(wants_login: SandboxHospital) -> None:
    with pytest.raises(AuthenticationError):
        replace(wants_login, password="wrong").connect()
    assert [request.status for request in wants_login.sandbox.requests].count(401) == 1


def test_a_gateway_that_refuses_is_not_taken_for_xnat(folder: Path) -> None:
    challenge = answer(
        b"<html><h1>401 Authorization Required</h1></html>",
        status=401,
        content_type="text/html",
        headers='WWW-Authenticate: Basic realm="hospital"\r\n',
    )
    with (
        OddServer(lambda method, path: challenge, login=challenge) as server,
        pytest.raises(AuthenticationError, match="not to be XNAT who refuses, but a gateway in front"),
    ):
        Uploader.connect(server.url, user="ada", password="s3cret")


def test_xnat_that_refuses_is_not_taken_for_a_gateway(wants_login: SandboxHospital, ward: SandboxHospital) -> None:
    with pytest.raises(AuthenticationError) as caught:
        replace(ward, password="wrong").connect()
    assert "gateway" not in str(caught.value)


def test_one_web_page_at_a_renewed_login_is_no_refused_password(ward: SandboxHospital, folder: Path) -> None:
    with ward.connect() as uploader:
        ward.sandbox.forget_sessions()
        with (
            ward.sandbox.inject(AnswerPage(path="/data/auth", html="<!DOCTYPE html><p>Maintenance</p>")),
            pytest.raises(AuthenticationError, match="page to log in"),
        ):
            send(uploader, ward, ".", folder)
        assert send(uploader, ward, ".", folder).ok


def test_a_session_without_credentials_that_is_refused_stays_refused(ward: SandboxHospital) -> None:
    session = {"Cookie": f"JSESSIONID={secrets.token_hex(16)}"}
    with pytest.raises(AuthenticationError):
        Uploader.connect(ward.server, headers=session)
    asked = [request for request in ward.sandbox.requests if request.path == "/data/auth"]
    assert len(asked) == 1


def test_cookies_keep_to_their_path_and_to_https() -> None:
    login = LOGGED_IN.replace(
        b"Set-Cookie: JSESSIONID=A1",
        b"Set-Cookie: JSESSIONID=A1\r\nSet-Cookie: elsewhere=1; Path=/other\r\nSet-Cookie: safe=1; Secure",
    )
    projects = answer(b'{"ResultSet":{"Result":[]}}')
    with OddServer(lambda method, path: projects, login=login) as server:
        with (
            Uploader.connect(server.url, user="ada", password="s3cret") as uploader,
            pytest.raises(NotFoundError, match="secondary ID"),
        ):
            uploader.locate("hub", "ACC")
        sent = [head for head in server.heads if b"/data/projects" in head]
    assert sent
    assert all(b"JSESSIONID=A1" in head for head in sent)
    assert not any(b"elsewhere" in head or b"safe" in head for head in sent)
