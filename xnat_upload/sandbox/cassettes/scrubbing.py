"""Taking passwords, cookies, tokens and the server's address out of what was recorded.

What is secret is found where it stands as such, and then removed wherever else it stands: the
answer of ``/data/JSESSION`` is a session's ID, and nothing about it says so.  The same secret
becomes the same placeholder, so that a cookie that was set is the one that was sent.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit

from xnat_upload.sandbox.cassettes.cassette import Body, Headers, Take

_KEY = r"(?:password|passwd|pwd|secret|token|xnat_csrf)"
SECRET_NAME = re.compile(rf".*{_KEY}", re.IGNORECASE)
SECRET_HEADER = re.compile(r".*(?:token|secret|api-?key).*|x-.*auth.*", re.IGNORECASE)
# In a text: name=value of forms and addresses, "name": "value" of JSON and scripts, <name>value</name> of XML.
SECRETS_IN_TEXT = (
    re.compile(rf"({_KEY}=)([^&\s\"'<>]+)", re.IGNORECASE),
    re.compile(rf"({_KEY}[\"']?\s*[:=]\s*[\"'])((?:[^\"'\\]|\\.)+)", re.IGNORECASE),
    re.compile(rf"(<[^<>/]*{_KEY}(?:\s[^<>]*)?>)([^<]+)", re.IGNORECASE),
)
DROPPED_HEADERS = frozenset(
    {"host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via"}
)
SHORTEST = 4  # a shorter secret is removed only where it stands as such
SHORTEST_IN_FILES = 8  # in bytes that are no text, a few of them may be there by chance
SERVER = "http://xnat.recorded.example"


def without_secrets(takes: Iterable[Take], *, origin: str) -> list[Take]:
    """Give the same requests and answers without secrets, and without the address of the server."""
    takes = list(takes)
    found: dict[str, str] = {}
    for take in takes:
        for secret in _secrets_of(take):
            if len(secret) >= SHORTEST and secret not in found:
                found[secret] = f"REMOVED-{len(found) + 1}"
    scrubber = _Scrubber(found, origin)
    return [_scrubbed(take, scrubber) for take in takes]


class _Scrubber:
    """Replaces what was found, in every form in which it may stand."""

    def __init__(self, found: Mapping[str, str], origin: str) -> None:
        forms: dict[str, str] = {}
        for secret, placeholder in found.items():
            for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)):
                forms[form] = placeholder
            forms[json.dumps(secret)[1:-1]] = placeholder
            forms[json.dumps(secret, ensure_ascii=False)[1:-1]] = placeholder
        netloc = urlsplit(origin).netloc
        forms |= {origin: SERVER, netloc: urlsplit(SERVER).netloc}
        self._forms = forms
        self._pattern = _any_of(forms)
        long = [form for form in forms if len(form) >= SHORTEST_IN_FILES]
        self._pattern_in_files = re.compile(_any_of(long).pattern.encode())

    def text(self, text: str) -> str:
        """Scrub a text; where something stands as a secret, also what is too short to be looked for."""
        text = self._pattern.sub(lambda match: self._forms[match[0]], text)
        for pattern in SECRETS_IN_TEXT:
            text = pattern.sub(lambda match: f"{match[1]}{_removed(match[2])}", text)
        return text

    def body(self, body: Body, *, is_form: bool) -> Body:
        """Scrub a body: a text whole, other bytes of what cannot be there by chance."""
        if body.content is None:
            return body
        if (text := body.text) is not None:
            return Body.of(self.text(text).encode())
        if is_form:
            return Body.of(self.text(body.content.decode("latin-1")).encode("latin-1"))
        return Body.of(self._pattern_in_files.sub(lambda match: self._forms[match[0].decode()].encode(), body.content))


def _any_of(forms: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)))


def _secrets_of(take: Take) -> Iterator[str]:
    """Find what stands somewhere as a secret."""
    yield from _of_credentials(take.header("authorization"))
    for cookie in take.header("cookie").split(";"):
        yield cookie.partition("=")[2].strip()
    for name, value in take.answer_headers:
        if name == "set-cookie":
            yield value.partition(";")[0].partition("=")[2].strip()
    for name, value in (*take.headers, *take.answer_headers):
        if SECRET_HEADER.fullmatch(name):
            yield value
    for text in (take.target, take.body.text, take.answer.text):
        yield from _of_text(text or "")


def _of_credentials(value: str) -> Iterator[str]:
    scheme, _, credentials = value.partition(" ")
    yield credentials.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(credentials).decode("utf-8", "replace").partition(":")
        except binascii.Error:
            return
        # Who is called like that is in many answers, and whoever reads the name can guess the password anyway.
        if password != name:
            yield password


def _of_text(text: str) -> Iterator[str]:
    for pattern in SECRETS_IN_TEXT:
        for match in pattern.finditer(text):
            yield unquote_plus(match[2])
            yield html.unescape(match[2])
    if text.lstrip()[:1] in ("{", "["):
        yield from _of_json(text)


def _of_json(text: str) -> Iterator[str]:
    try:
        yield from _of_values(json.loads(text))
    except ValueError:
        return


def _of_values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            # The alias of a token opens nothing by itself, but stands for a login.
            if isinstance(inner, str) and (SECRET_NAME.fullmatch(name) or (name == "alias" and "secret" in value)):
                yield inner
            yield from _of_values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_values(inner)


def _scrubbed(take: Take, scrubber: _Scrubber) -> Take:
    return replace(
        take,
        target=scrubber.text(take.target),
        headers=_scrubbed_headers(take.headers, scrubber),
        body=scrubber.body(take.body, is_form="multipart" in take.header("content-type")),
        answer_headers=_scrubbed_headers(take.answer_headers, scrubber),
        answer=scrubber.body(take.answer, is_form=False),
    )


def _scrubbed_headers(headers: Headers, scrubber: _Scrubber) -> Headers:
    return tuple(
        (name, _scrubbed_value(name, scrubber.text(value))) for name, value in headers if name not in DROPPED_HEADERS
    )


def _scrubbed_value(name: str, value: str) -> str:
    if name in ("authorization", "proxy-authorization"):
        return f"{value.partition(' ')[0]} REMOVED"
    if name == "cookie":
        return "; ".join(_scrubbed_cookie(cookie) for cookie in value.split("; "))
    if name == "set-cookie":
        cookie, semicolon, attributes = value.partition(";")
        return f"{_scrubbed_cookie(cookie)}{semicolon}{attributes}"
    return _removed(value) if SECRET_HEADER.fullmatch(name) else value


def _scrubbed_cookie(cookie: str) -> str:
    name, _, value = cookie.partition("=")
    return f"{name}={_removed(value)}" if value else cookie


def _removed(value: str) -> str:
    return value if re.fullmatch(r"REMOVED-\d+", value) else "REMOVED"
