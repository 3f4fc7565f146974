"""Who gets in, under which session, and what the others are told (docs/xnat/logging-in.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from tests.sandbox.places import Caller, Place
from xnat_upload.sandbox import Sandbox, SiteSettings


@pytest.fixture
def own_sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts={"ada": "secret"}) as sandbox:
        yield sandbox


def get(sandbox: Sandbox, path: str, **settings: object) -> requests.Response:
    return requests.get(sandbox.url + path, allow_redirects=False, timeout=30, **settings)  # type: ignore[arg-type]


def test_basic_login_opens_a_session_that_later_requests_share(place: Place) -> None:
    place.admin.session.cookies.clear()
    first = place.admin("GET", "/data/auth")
    assert first.text == "User 'admin' is logged in"
    assert first.headers["Content-Type"] == "text/plain;charset=ISO-8859-1"
    cookie = first.headers["Set-Cookie"]
    assert re.search(r"JSESSIONID=[0-9A-F]{32}; Path=/; HttpOnly", cookie)
    assert re.search(r'SESSION_EXPIRATION_TIME="\d{13},900000"; Version=1; Path=/', cookie)
    assert "JSESSIONID" not in place.admin("GET", "/data/auth").headers["Set-Cookie"]


def test_jsession_answers_the_anonymous_too(place: Place) -> None:
    answer = place.callers["anonymous"]("GET", "/data/JSESSION")
    assert answer.status_code == 200
    assert re.fullmatch("[0-9A-F]{32}", answer.text)
    assert place.callers["anonymous"]("GET", "/data/auth").status_code == 401


def test_anonymous_request_is_challenged(place: Place) -> None:
    answer = place.callers["anonymous"]("GET", "/data/projects")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="XNAT"'
    assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
    assert "JSESSIONID" in answer.headers["Set-Cookie"]
    assert "SESSION_EXPIRATION_TIME" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/data/projects", "/data/JSESSION", "/xapi/siteConfig/buildInfo"])
def test_wrong_password_is_refused_everywhere_without_a_challenge(place: Place, path: str) -> None:
    answer = get(place.sandbox, path, auth=("admin", "wrong"))
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers
    assert "SESSION_EXPIRATION_TIME" not in answer.headers.get("Set-Cookie", "")
    assert "Your login attempt failed" in answer.text


def test_password_is_not_checked_while_the_session_lives(place: Place) -> None:
    place.admin("GET", "/data/auth")
    place.admin.session.auth = ("admin", "wrong")
    assert place.admin("GET", "/data/auth").status_code == 200


def test_other_users_credentials_replace_the_session(place: Place) -> None:
    before = place.admin("GET", "/data/JSESSION").text
    place.admin.session.auth = ("owner", "o-pw")
    assert place.admin("GET", "/data/auth").text == "User 'owner' is logged in"
    assert place.admin("GET", "/data/JSESSION").text != before


def test_header_without_a_colon_is_500(place: Place) -> None:
    answer = get(place.sandbox, "/data/auth", headers={"Authorization": "Basic YWRtaW4="})
    assert answer.status_code == 500


def test_browser_is_sent_to_the_login_page(place: Place) -> None:
    answer = get(place.sandbox, "/data/projects", headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/app/template/Login.vm")


def test_unknown_jsession_counts_as_anonymous_and_gets_a_new_one(place: Place) -> None:
    answer = get(place.sandbox, "/data/auth", cookies={"JSESSIONID": "F" * 32})
    assert answer.status_code == 401
    assert "JSESSIONID=" in answer.headers["Set-Cookie"]


def test_logged_out_session_is_void(place: Place) -> None:
    session_id = place.admin("GET", "/data/JSESSION").text
    assert place.admin("DELETE", "/data/JSESSION").status_code == 200
    assert get(place.sandbox, "/data/auth", cookies={"JSESSIONID": session_id}).status_code == 401


def test_put_jsession_is_not_allowed(place: Place) -> None:
    answer = place.admin("PUT", "/data/JSESSION")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "DELETE, GET, POST"


def test_narrow_accept_is_406(place: Place) -> None:
    answer = place.admin("GET", "/data/JSESSION", headers={"Accept": "application/json"})
    assert answer.status_code == 406


def test_sessions_expire(own_sandbox: Sandbox) -> None:
    caller = Caller(own_sandbox.url, "ada", "secret")
    with caller.session:
        session_id = caller("GET", "/data/JSESSION").text
    own_sandbox.site = replace(own_sandbox.site, session_timeout_seconds=1e-9)
    assert get(own_sandbox, "/data/auth", cookies={"JSESSIONID": session_id}).status_code == 401


def test_all_sessions_can_be_forgotten(own_sandbox: Sandbox) -> None:
    session_id = get(own_sandbox, "/data/JSESSION", auth=("ada", "secret")).text
    assert get(own_sandbox, "/data/auth", cookies={"JSESSIONID": session_id}).status_code == 200
    own_sandbox.forget_sessions()
    assert get(own_sandbox, "/data/auth", cookies={"JSESSIONID": session_id}).status_code == 401


def test_each_request_without_cookie_costs_a_session_up_to_the_limit(own_sandbox: Sandbox) -> None:
    own_sandbox.site = SiteSettings(concurrent_max_sessions=2)
    statuses = [get(own_sandbox, "/data/auth", auth=("ada", "secret")).status_code for _ in range(3)]
    assert statuses == [200, 200, 401]
    assert get(own_sandbox, "/data/auth", auth=("admin", "admin")).status_code == 200


def test_account_is_locked_after_too_many_failures(own_sandbox: Sandbox) -> None:
    own_sandbox.site = SiteSettings(max_failed_logins=3)
    for _ in range(3):
        get(own_sandbox, "/data/auth", auth=("ada", "wrong"))
    assert get(own_sandbox, "/data/auth", auth=("ada", "secret")).status_code == 401


def test_without_required_login_guests_see_public_projects(own_sandbox: Sandbox) -> None:
    own_sandbox.add_project("OPEN", accessibility="public")
    own_sandbox.add_project("SHUT")
    own_sandbox.site = SiteSettings(require_login=False)
    rows = get(own_sandbox, "/data/projects").json()["ResultSet"]["Result"]
    assert [row["ID"] for row in rows] == ["OPEN"]
    assert get(own_sandbox, "/data/auth").text == "User 'guest' is logged in"
    assert get(own_sandbox, "/data/projects/SHUT?format=xml").status_code == 404


def test_guest_who_misses_an_experiment_gets_no_status_of_its_own(own_sandbox: Sandbox) -> None:
    own_sandbox.site = SiteSettings(require_login=False)
    url = f"{own_sandbox.url}/data/experiments/NOSUCH"
    assert requests.get(url, timeout=30).status_code == 404
    assert requests.delete(url, timeout=30).status_code == 200
    browser = requests.get(url, headers={"User-Agent": "Mozilla/5.0"}, allow_redirects=False, timeout=30)
    assert (browser.status_code, browser.headers["Location"]) == (307, "/app/template/Login.vm")


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_services_auth_takes_a_form_and_gives_a_session(own_sandbox: Sandbox, method: str) -> None:
    url = f"{own_sandbox.url}/data/services/auth"
    answer = requests.request(method, url, data="username=ada&password=secret", timeout=30)
    assert answer.status_code == 200
    assert get(own_sandbox, "/data/auth", cookies={"JSESSIONID": answer.text}).text == "User 'ada' is logged in"
    refused = requests.request(method, url, data="username=ada&password=no", timeout=30)
    assert refused.status_code == 401
    assert "WWW-Authenticate" not in refused.headers


def test_alias_token_stands_for_its_user(place: Place) -> None:
    token = place.callers["owner"]("GET", "/data/services/tokens/issue").json()
    assert set(token) >= {"alias", "secret", "singleUse", "xdatUserId", "estimatedExpirationTime"}
    answer = get(place.sandbox, "/data/auth", auth=(token["alias"], token["secret"]))
    assert answer.text == "User 'owner' is logged in"
    assert get(place.sandbox, "/data/auth", auth=(token["alias"], "wrong")).status_code == 401
    path = f"/data/services/tokens/validate/{token['alias']}/{token['secret']}"
    assert place.callers["owner"]("GET", path).json() == {"valid": "owner"}
    invalidated = place.callers["owner"]("GET", f"/data/services/tokens/invalidate/{token['alias']}")
    assert invalidated.json() == {"result": "OK"}
    assert get(place.sandbox, "/data/auth", auth=(token["alias"], token["secret"])).status_code == 401


def test_alias_tokens_expire(own_sandbox: Sandbox) -> None:
    own_sandbox.site = SiteSettings(alias_token_timeout_seconds=-1)
    token = get(own_sandbox, "/data/services/tokens/issue", auth=("ada", "secret")).json()
    assert get(own_sandbox, "/data/auth", auth=(token["alias"], token["secret"])).status_code == 401


def test_only_administrators_issue_tokens_for_others(place: Place) -> None:
    assert place.callers["owner"]("GET", "/data/services/tokens/issue/user/member").status_code == 403
    token = place.admin("GET", "/data/services/tokens/issue/user/member").json()
    assert token["xdatUserId"] == "member"


def test_browser_needs_a_csrf_token_to_write(place: Place) -> None:
    browser = {"User-Agent": "Mozilla/5.0"}
    assert place.admin("PUT", f"{place.scan}/resources/A", headers=browser).status_code == 500
    token = place.admin("GET", "/data/auth?CSRF=true").text.partition("XNAT_CSRF=")[2]
    path = f"{place.scan}/resources/A?XNAT_CSRF={token}"
    assert place.admin("PUT", path, headers=browser).status_code == 200


def test_build_information_is_open(place: Place) -> None:
    answer = place.callers["anonymous"]("GET", "/xapi/siteConfig/buildInfo")
    assert answer.status_code == 200
    assert answer.json()["version"] == "1.8.11"
    assert all(isinstance(value, str) for value in answer.json().values())


def test_security_headers_are_on_every_answer(place: Place) -> None:
    for path in ("/data/projects", "/data/nosuch"):
        headers = place.admin("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
