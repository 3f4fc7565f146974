"""Accounts over HTTP: who may see and make them, and what they can do afterwards."""

from __future__ import annotations

import itertools

import pytest

from tests.sandbox.places import Caller, Place

NUMBERS = itertools.count(1)
USERS = "/xapi/users"


def account(**more: object) -> dict[str, object]:
    name = f"new{next(NUMBERS)}"
    return {
        "username": name,
        "password": "pw",
        "firstName": "N",
        "lastName": "N",
        "email": f"{name}@example.org",
        **more,
    }


def made(place: Place, **more: object) -> tuple[str, Caller]:
    model = account(enabled=True, verified=True, **more)
    answer = place.admin("POST", USERS, json=model)
    assert answer.status_code == 201, answer.text
    return str(model["username"]), Caller(place.sandbox.url, str(model["username"]), "pw")


def can_log_in(caller: Caller) -> bool:
    try:
        return caller("GET", "/data/JSESSION").status_code == 200
    finally:
        caller.session.close()


def test_an_account_that_is_made_is_listed_shown_and_can_log_in(place: Place) -> None:
    name, caller = made(place)
    assert name in place.admin("GET", USERS).json()
    shown = place.admin("GET", f"{USERS}/{name}").json()
    assert (shown["username"], shown["email"], shown["enabled"]) == (name, f"{name}@example.org", True)
    assert "password" not in shown
    for listing in ("profiles", "current"):
        assert shown in place.admin("GET", f"{USERS}/{listing}").json()
    assert place.admin("GET", f"{USERS}/profile/{name}").json() == shown
    assert caller("GET", f"{USERS}/profile").json() == shown
    assert caller("GET", f"{USERS}/username").text == name
    row = next(row for row in place.admin.rows("/data/users") if row["login"] == name)
    assert (row["firstname"], row["email"], row["xdat_user_id"]) == ("N", f"{name}@example.org", str(shown["id"]))
    caller.session.close()


def test_an_account_that_says_nothing_else_cannot_log_in_before_it_is_enabled_and_verified(place: Place) -> None:
    model = account()
    assert place.admin("POST", USERS, json=model).status_code == 201
    name = str(model["username"])
    assert not can_log_in(Caller(place.sandbox.url, name, "pw"))
    assert place.admin("PUT", f"{USERS}/{name}/enabled/true").status_code == 200
    assert not can_log_in(Caller(place.sandbox.url, name, "pw"))
    assert place.admin("PUT", f"{USERS}/{name}/verified/true").status_code == 200
    assert can_log_in(Caller(place.sandbox.url, name, "pw"))
    assert place.admin("PUT", f"{USERS}/{name}/enabled/false").status_code == 200
    assert place.admin("GET", f"{USERS}/{name}/enabled").json() is False
    assert not can_log_in(Caller(place.sandbox.url, name, "pw"))


def test_an_account_is_changed_by_put_and_304_says_that_nothing_is(place: Place) -> None:
    name, _ = made(place)
    change = {"lastName": "Changed", "password": "other"}
    assert place.admin("PUT", f"{USERS}/{name}", json=change).json()["lastName"] == "Changed"
    assert can_log_in(Caller(place.sandbox.url, name, "other"))
    assert place.admin("PUT", f"{USERS}/{name}", json={"lastName": "Changed"}).status_code == 304
    assert place.admin("PUT", f"{USERS}/{name}", json={"username": "other"}).status_code == 400
    assert place.admin("PUT", f"{USERS}/nosuch", json={"lastName": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [({"username": "admin"}, 409), ({"username": "1x"}, 400), ({"email": "nobody"}, 400), ({"firstName": ""}, 400)],
)
def test_what_is_no_new_account_is_refused(place: Place, change: dict[str, object], status: int) -> None:
    assert place.admin("POST", USERS, json=account(**change)).status_code == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", USERS), ("POST", USERS), ("GET", f"{USERS}/profiles"), ("GET", f"{USERS}/current"),
     ("GET", f"{USERS}/admin"), ("PUT", f"{USERS}/admin"), ("PUT", f"{USERS}/owner/enabled/false"),
     ("PUT", f"{USERS}/owner/roles/Administrator"), ("GET", "/data/users"), ("POST", "/xapi/siteConfig")],
)  # fmt: skip
def test_accounts_and_the_site_are_for_administrators(place: Place, method: str, path: str) -> None:
    assert place.callers["owner"](method, path, json={}).status_code == 403


def test_the_role_of_administrator_is_given_and_taken(place: Place) -> None:
    name, _ = made(place)
    role = f"{USERS}/{name}/roles/Administrator"
    assert place.admin("PUT", role).status_code == 200
    assert "Administrator" in place.admin("GET", f"{USERS}/{name}/roles").json()
    assert place.admin("DELETE", role).status_code == 200
    assert "Administrator" not in place.admin("GET", f"{USERS}/{name}/roles").json()
    assert place.admin("DELETE", f"{USERS}/admin/roles/Administrator").status_code == 409
    assert place.admin("PUT", f"{USERS}/{name}/roles/Other").status_code == 501


def test_groups_are_the_roles_in_projects(place: Place) -> None:
    name, caller = made(place)
    group = f"{place.project}_member"
    assert place.admin("PUT", f"{USERS}/{name}/groups", json=[group]).json() == []
    assert place.admin("GET", f"{USERS}/{name}/groups").json() == [group]
    assert caller("GET", place.session).status_code == 200
    assert place.admin("PUT", f"{USERS}/{name}/groups", json=["nosuch_member"]).status_code == 202
    assert place.admin("DELETE", f"{USERS}/{name}/groups/{group}").status_code == 200
    assert caller("GET", place.session).status_code == 404
    assert caller("PUT", f"{USERS}/{name}/groups/{group}").status_code == 403
    caller.session.close()


def test_preferences_change_the_site_or_are_kept(place: Place) -> None:
    with place.site():
        answer = place.admin(
            "POST", "/xapi/siteConfig", json={"requireChangeJustification": True, "adminEmail": "a@b.c"}
        )
        assert answer.status_code == 200
        assert place.sandbox.site.require_change_justification
        assert place.admin("PUT", f"{place.session}?note=n").status_code == 500
        shown = place.admin("GET", "/xapi/siteConfig").json()
        assert (shown["requireChangeJustification"], shown["adminEmail"], shown["initialized"]) == (True, "a@b.c", True)
        assert place.admin("POST", "/xapi/siteConfig/sessionTimeout", data="2 hours").status_code == 200
        assert place.sandbox.site.session_timeout_seconds == 7200
        assert place.admin("GET", "/xapi/siteConfig/sessionTimeout").json() == "120 minutes"
        values = place.admin("GET", "/xapi/siteConfig/values/siteId,adminEmail,nosuch").json()
        assert values == {"siteId": "XNAT", "adminEmail": "a@b.c"}
        assert place.admin("POST", "/xapi/siteConfig", json={"maxFailedLogins": "many"}).status_code == 400
    assert place.admin("GET", "/xapi/siteConfig/nosuch").status_code == 404


def test_the_site_says_how_long_it_runs_and_that_it_has_no_plugins(place: Place) -> None:
    assert "seconds" in place.admin("GET", "/xapi/siteConfig/uptime").json()
    assert "seconds" in place.admin("GET", "/xapi/siteConfig/uptime/display").text
    assert place.admin("GET", "/xapi/plugins").json() == {}
    assert place.admin("GET", "/xapi/plugins/containers").status_code == 404
