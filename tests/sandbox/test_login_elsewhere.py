"""Logins that do not live in the cookie: a server that forgets them, and a gateway in front."""

from __future__ import annotations

import requests

from tests.sandbox.places import Caller, Place
from xnat_upload.sandbox.faults import AnswerFalsely, ProxyTimeout


def test_cookie_alone_is_anonymous_where_logins_are_not_kept(place: Place) -> None:
    with place.site(cookie_login=False):
        first = place.admin("GET", "/data/auth")
        assert first.text == "User 'admin' is logged in"
        cookie = {"JSESSIONID": first.cookies["JSESSIONID"]}
        alone = requests.get(f"{place.admin.url}/data/auth", cookies=cookie, timeout=30)
        assert alone.status_code == 401
        both = requests.get(
            f"{place.admin.url}/data/auth", cookies=cookie, auth=("admin", place.sandbox.password), timeout=30
        )
        assert both.status_code == 200
        assert both.cookies["JSESSIONID"] != cookie["JSESSIONID"]


def test_forgotten_logins_do_not_count_as_open_sessions(place: Place) -> None:
    with place.site(cookie_login=False, concurrent_max_sessions=2):
        answers = {place.admin("GET", "/data/auth").status_code for _ in range(5)}
    assert answers == {200}


def test_gateway_wants_the_login_with_each_request(place: Place) -> None:
    session_id = place.admin("GET", "/data/JSESSION").text
    with place.site(gateway_login=True):
        assert place.admin("GET", "/data/auth").status_code == 200
        refused = requests.get(f"{place.admin.url}/data/auth", cookies={"JSESSIONID": session_id}, timeout=30)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Basic realm="hospital gateway"'
        assert "nginx" in refused.text
        assert "JSESSIONID" not in refused.cookies
        wrong = Caller(place.admin.url, "admin", "wrong")
        assert "nginx" in wrong("GET", "/data/auth").text
        wrong.session.close()


def test_request_may_be_done_although_it_is_answered_as_failed(place: Place) -> None:
    with place.sandbox.inject(AnswerFalsely(500, "odd", path="/files/")):
        answer = place.put("a", b"12345")
    assert (answer.status_code, "<h3>odd</h3>" in answer.text) == (500, True)
    assert place.files() == {"a": b"12345"}


def test_proxy_gives_up_while_the_archive_goes_on(place: Place) -> None:
    with place.sandbox.hold("before-catalog-write", within=place.project) as hold:
        with place.sandbox.inject(ProxyTimeout(path="/files/")):
            assert place.put("a", b"12345").status_code == 504
        hold.wait_until_reached()
        assert place.names() == []
        hold.release()
        place.sandbox.wait_until_idle()
    assert place.files() == {"a": b"12345"}
