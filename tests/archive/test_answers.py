"""What an answer means, in whatever shape XNAT, a proxy or somebody else sends it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnat_upload import (
    AlreadyExistsError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ServerUnavailableError,
)
from xnat_upload.archive.answers import Answer, refusal

RESTLET = (
    "<html>\n<head>\n   <title>Status page</title>\n</head>\n<body>\n<h3>{}</h3><p>You can get technical details "
    '<a href="http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.4.5">here</a>.<br>\nPlease continue your '
    'visit at our <a href="/">home page</a>.\n</p>\n</body>\n</html>\n'
)
TOMCAT = (
    '<!doctype html><html lang="en"><head><title>HTTP Status 401 – Unauthorized</title><style type="text/css">body '
    "{{font-family:Tahoma,Arial,sans-serif;}} h1, h2 {{color:white}}</style></head><body><h1>HTTP Status 401 – "
    'Unauthorized</h1><hr class="line" /><p><b>Type</b> Status Report</p><p><b>Message</b> {}</p><p><b>Description</b> '
    "The request has not been applied.</p></body></html>"
)
OLD_TOMCAT = (
    "<html><head><title>Error report</title></head><body><h1>HTTP Status 401</h1><hr /><h3>Apache Tomcat/9.0.70</h3>"
    "<p><b>Type</b> Status Report</p><p><b>Message</b> {}</p><p><b>Description</b> Not applied.</p></body></html>"
)
TURBINE = "<html><head><title>{}</title></head><body><div>Something went wrong.</div></body></html>"


def answer(
    body: str | bytes = b"",
    *,
    status: int = 500,
    content_type: str = "text/html",
    location: str = "",
    retry_after: str = "",
) -> Answer:
    return Answer(
        method="GET",
        url="https://xnat.example/data/projects",
        status=status,
        content_type=content_type,
        body=body.encode() if isinstance(body, str) else body,
        location=location,
        retry_after=retry_after,
    )


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (RESTLET.format("Unable to identify experiment"), "Unable to identify experiment"),
        (RESTLET.format("two\nlines   and\ttabs"), "two lines and tabs"),
        (RESTLET.format("not escaped: <b>P1</b> & more"), "not escaped: P1 & more"),
        (RESTLET.format(""), ""),
        (RESTLET.upper().format("shouted"), "shouted"),
        (TOMCAT.format("Bad credentials &amp; &lt;b&gt;"), "Bad credentials & <b>"),
        (TOMCAT.format("&#39;x&#x27;"), "'x'"),
        (OLD_TOMCAT.format("Login attempt failed. Please try again."), "Login attempt failed. Please try again."),
        (TURBINE.format("Error"), "Error"),
        ("<h3>never closed<title>but this</title>", "but this"),
        ("plain words", "plain words"),
        ("", ""),
    ],
)
def test_the_servers_own_words_are_found_on_each_kind_of_page(page: str, said: str) -> None:
    assert answer(page).message == said


def test_latin_1_and_other_odd_bytes_do_not_hide_the_rest() -> None:
    assert answer(RESTLET.format("Projekt Süd").encode("latin-1")).message == "Projekt S\ufffdd"
    assert answer(RESTLET.format("a\0b\x1b[2J\u202ec")).message == "a?b?[2J?c"


@pytest.mark.parametrize(("charset", "said"), [("ISO-8859-1", "Süd"), ("utf-8", "S\ufffdd"), ("idna", "S\ufffdd")])
def test_the_charset_that_is_named_is_the_one_it_is_read_in(charset: str, said: str) -> None:
    page = replace(answer(RESTLET.format("Süd").encode("latin-1")), charset=charset)
    assert page.message == said


@pytest.mark.parametrize(
    "page",
    [
        RESTLET.format("x" * 100_000),
        "<h3>" * 100_000,
        "<b>Message</b>" * 10_000,
        "<" * 1_000_000,
        "&#" + "9" * 100_000,
        RESTLET.format("&#x" + "f" * 5_000 + ";"),
        "&" * 1_000_000,
        "\xff" * 1_000_000,
    ],
)
def test_no_page_makes_a_long_message_or_takes_long_to_read(page: str) -> None:
    message = answer(page).message
    assert len(message) <= 301
    assert message.isprintable()


@given(
    st.binary(max_size=400) | st.text(max_size=400).map(lambda text: RESTLET.format(text).encode("utf-8", "replace"))
)
def test_any_bytes_at_all_give_a_printable_message_and_an_error(body: bytes) -> None:
    message = answer(body).message
    assert message.isprintable()
    assert isinstance(refusal(answer(body, status=404), doing="asking"), NotFoundError)


@pytest.mark.parametrize(
    ("status", "kind", "way_out"),
    [
        (400, ServerError, "Asking again would bring the same answer."),
        (401, AuthenticationError, "Check user and password"),
        (403, PermissionDeniedError, "Ask an owner of the project"),
        (404, NotFoundError, "or this user may not see it"),
        (405, ServerError, "Asking again"),
        (406, ServerError, "Asking again"),
        (409, AlreadyExistsError, "Choose another name"),
        (413, ServerError, "smaller batch_bytes"),
        (417, ServerError, "Asking again"),
        (422, ServerError, "Asking again"),
        (500, ServerError, "Asking again"),
        (501, ServerError, "Asking again"),
        (408, ServerUnavailableError, "try again later"),
        (429, ServerUnavailableError, "try again later"),
        (502, ServerUnavailableError, "try again later"),
        (503, ServerUnavailableError, "try again later"),
        (504, ServerUnavailableError, "try again later"),
    ],
)
@pytest.mark.parametrize("body", [RESTLET.format("own words"), TOMCAT.format("own words"), TURBINE.format("own words")])
def test_each_refusal_is_its_error_with_the_servers_words(status: int, kind: type, way_out: str, body: str) -> None:
    error = refusal(answer(body, status=status), doing="creating the scan")
    assert error is not None
    assert type(error) is kind
    assert str(error).startswith(f'While creating the scan, the archive answered {status} and said "own words".')
    assert way_out in str(error)
    assert (error.status, error.url, error.server_message) == (
        status,
        "https://xnat.example/data/projects",
        "own words",
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_no_refusal(status: int) -> None:
    assert refusal(answer("<h3>whatever</h3>", status=status), doing="asking") is None


@pytest.mark.parametrize("status", [0, 99, 199, 301, 302, 307, 399, 400, 499, 599, 600, 999])
def test_every_other_status_is_a_refusal(status: int) -> None:
    error = refusal(answer(status=status), doing="asking")
    assert error is not None
    assert not isinstance(error, ServerUnavailableError)
    assert " and said " not in str(error)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_got_no_answer_means_that_the_archive_may_be_working_still(status: int) -> None:
    error = refusal(answer(status=status), doing="sending files")
    assert isinstance(error, ServerUnavailableError)
    assert error.still_working == (status in (502, 504))
    assert error.may_have_arrived


@pytest.mark.parametrize(
    "words",
    [
        "Another thread or process modified /data/4_catalog.xml since I last read it",
        "Unable to acquire thread and process locks on /data/4_catalog.xml",
        "Resource catalog is busy: /data/4_catalog.xml",
    ],
)
def test_the_loser_of_a_catalog_conflict_may_try_again(words: str) -> None:
    assert isinstance(refusal(answer(RESTLET.format(words)), doing="sending files"), ServerUnavailableError)
    assert isinstance(refusal(answer(RESTLET.format(words), status=400), doing="sending files"), ServerError)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("-5", 0),
        ("999999999", 999999999),
        ("1" * 400, None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("\0", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 99:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +9999", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
        ("Wed, 99999999999999999999 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form_and_garbage_is_none(header: str, seconds: float | None) -> None:
    error = refusal(answer(status=503, retry_after=header), doing="asking")
    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=5)), timezone(timedelta(hours=-8)), None])
def test_retry_after_may_be_a_date_in_any_zone(zone: timezone | None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(timezone.utc) if zone is None else datetime.now(zone)
    date = format_datetime((now + timedelta(hours=1)).replace(tzinfo=zone))
    monkeypatch.setenv("TZ", "America/Los_Angeles")  # a date without a zone is UTC wherever this machine stands
    time.tzset()
    error = refusal(answer(status=429, retry_after=date), doing="asking")
    monkeypatch.undo()
    time.tzset()
    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after_seconds is not None
    assert 3000 < error.retry_after_seconds <= 3600


@given(
    st.text(max_size=60)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,25} Oct \d{1,25} \d\d:\d\d:\d\d [+-]\d{1,25}", fullmatch=True)
)
def test_no_retry_after_at_all_raises(header: str) -> None:
    error = refusal(answer(status=503, retry_after=header), doing="asking")
    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after_seconds is None or error.retry_after_seconds >= 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"ResultSet": {"Result": [{"ID": "P1"',
        RESTLET.format("not JSON").encode(),
        b"<html>",
        b"[" * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 5_000,
        b"\xff\xfe\x00",
        b"\0",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        "\ud800".encode("utf-8", "surrogatepass"),
    ],
)
def test_what_is_no_json_is_a_server_error_that_says_what_came(body: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        answer(body, status=200, content_type="application/json").json()
    assert caught.value.status == 200
    assert f"status 200, application/json, {len(body)} bytes" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_json_is_read_as_utf_8_though_xnat_names_no_charset() -> None:
    value = {"Name": "脳 é \U0001f9e0"}
    assert answer(json.dumps(value, ensure_ascii=False), status=200).json() == value
    assert answer(json.dumps(value), status=200).json() == value


def test_an_answer_without_content_type_says_so() -> None:
    assert "no content type" in str(answer(status=200, content_type="").error("oddly"))


@pytest.mark.parametrize(
    ("page", "is_login"),
    [
        (answer("<!DOCTYPE html><title>Login</title>", status=200), True),
        (answer("\n\n  <HTML>", status=200), True),
        (answer("<h3>an error page is no login page</h3>", status=401), False),
        (answer("<!doctype html>", status=500), False),
        (answer("{}", status=200), False),
        (answer(status=302, location="https://xnat.example/app/template/Login.vm"), True),
        (answer(status=302, location="/xnat/app/template/XDATScreen_UpdateUser.vm"), True),
        (answer(status=302, location="https://elsewhere.example/"), False),
    ],
)
def test_a_login_page_is_known_in_place_of_what_was_asked_for(page: Answer, is_login: bool) -> None:
    assert page.is_login_page == is_login


def test_a_redirect_is_not_followed_and_says_where_it_points_without_its_query() -> None:
    error = refusal(answer(status=302, location="https://other.example/xnat/data?token=secret"), doing="asking")
    assert isinstance(error, ServerError)
    assert "'https://other.example/xnat/data'" in str(error)
    assert "secret" not in str(error)
    long = refusal(answer(status=302, location="https://other.example/" + "x" * 10_000), doing="asking")
    assert len(str(long)) < 600
    assert "It points to nowhere" in str(refusal(answer(status=302), doing="asking"))
