"""What an answer of XNAT means: its status, its words, and which of our errors it is.

Status alone proves nothing with XNAT, but every refusal that has a status is recognised here, once, for all requests.
Error pages are HTML in three shapes, never JSON (docs/xnat/requests.md, "Error pages").
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from requests.cookies import RequestsCookieJar

from xnat_upload.archive.addresses import shown_address, without_logins
from xnat_upload.archive.causes import proxy_wants_login
from xnat_upload.errors import (
    AlreadyExistsError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ServerUnavailableError,
    XnatUploadError,
)

# A proxy or an archive that is overloaded, restarting or out of patience. All may come from a proxy in front.
_BUSY = frozenset({408, 429, 502, 503, 504})
# Two writers of one catalog: the loser is told so with a 500 and may try again (docs/xnat/at-once.md, "The catalog is
# compared, not locked"); the third is what 1.10.2 says after three minutes (docs/xnat/versions.md, "What 1.10.2
# changes").
_CATALOG_CONFLICT = (
    "Another thread or process modified",
    "Unable to acquire thread and process locks",
    "Resource catalog is busy",
)
# What an XNAT says that demands a justification of each change and was given none.
_REASON_WANTED = "Justification required"
# What an archive's system says of a full disk, by its kind.
_DISK_FULL = ("No space left on device", "There is not enough space on the disk", "Disk quota exceeded")
# Restlet's page and Tomcat's (docs/xnat/requests.md, "Error pages"), and what stands on those of gateways.
_XNATS_OWN_PAGE = re.compile(r"<h3>|HTTP Status|Apache Tomcat", re.IGNORECASE)
_GATEWAYS_PAGE = re.compile(r"\b403\b|forbidden|denied|blocked|rejected|firewall", re.IGNORECASE)
_SERVER_WORDS = 300
# Where each kind of error page has its message (docs/xnat/requests.md, "Error pages"). Looked for with plain searches:
# a pattern that spans both marks takes seconds for a page of nothing but opening marks. Tomcat's is the first, because
# an old one has its own name in an h3.
_MESSAGE_MARKS = (("<b>message</b>", "</p>"), ("<h3>", "</h3>"), ("<title>", "</title>"))
_ERROR_PAGE_BYTES = 64 * 1024
# What an answer may come to in memory once it is read, beside its text.
_PARSED_BYTES = 160 * 1024 * 1024
_REFUSALS: dict[int, tuple[type[XnatUploadError], str]] = {
    401: (AuthenticationError, "Check user and password, or renew the session that was given."),
    403: (PermissionDeniedError, "Ask an owner of the project for the right to edit it."),
    404: (NotFoundError, "It does not exist, or this user may not see it."),
    409: (AlreadyExistsError, "Choose another name, or use what is there."),
    413: (
        ServerError,
        "A proxy allows no request of that size: raise its limit (client_max_body_size in nginx), or, unless it is one "
        "large file, choose smaller batch_bytes.",
    ),
}


@dataclass(frozen=True)
class Answer:
    """One answer of the archive, read as far as it may be long.

    Parameters
    ----------
    method, url : str
        What was asked, without credentials.
    status : int
        HTTP status.
    content_type : str
        Media type in lower case without parameters; empty where XNAT sent none, which means something.
    body : bytes
        The body.
    content_length : int or None
        As declared; what HEAD is asked for. None if it is not that of the body as it is.
    location, retry_after, challenge : str
        Those headers, the last being ``WWW-Authenticate``; empty if absent.
    charset : str
        As named beside the content type; empty where none is.
    cookies : RequestsCookieJar
        Those that it sets.
    """

    method: str
    url: str
    status: int
    content_type: str
    body: bytes
    content_length: int | None = None
    location: str = ""
    retry_after: str = ""
    challenge: str = ""
    charset: str = ""
    cookies: RequestsCookieJar = field(default_factory=RequestsCookieJar, repr=False)

    @property
    def text(self) -> str:
        """The body as text; XNAT names no charset for JSON, and what cannot be decoded must not hide the rest."""
        return self._decoded(self.body)

    @property
    def is_login_page(self) -> bool:
        """A page to log in or to renew a password, in place of what was asked for.

        See docs/xnat/logging-in.md, "A page in place of an answer".
        """
        if 300 <= self.status < 400:
            return "/app/template/" in self.location
        start = self.body[:200].lstrip().lower()
        return self.status == 200 and start.startswith((b"<html", b"<!doctype html"))

    def json(self) -> Any:
        """Read the body as JSON.

        Raises
        ------
        ServerError
            It is none, for example because it was cut short, or holds so much that no archive can mean it.
        """
        # A dict takes 64 to 232 bytes, a value and its place some 60: a listing of 100,000 files comes to 80 MiB here.
        self.check_memory(250 * self.body.count(b"{") + 60 * (self.body.count(b"[") + self.body.count(b",")))
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise self.error("with something that is not the JSON it should be") from error

    def check_memory(self, parsed_bytes: int) -> None:
        """Refuse to read what would take this much memory: some kilobytes can unpack to gigabytes of empty elements.

        Raises
        ------
        ServerError
            It would be too much.
        """
        if parsed_bytes > _PARSED_BYTES:
            raise self.error("with more elements than an answer of an XNAT has")

    def error(self, complaint: str) -> ServerError:
        """Make the error for an answer that is not what it should be."""
        return ServerError(
            f"{self.method} {self.url} was answered {complaint}: status {self.status}, "
            f"{self.content_type[:80] or 'no content type'}, {len(self.body)} bytes. "
            "Check that the address is that of an XNAT, and nothing in between changes its answers.",
            status=self.status,
            url=self.url,
            server_message=self.message,
        )

    @property
    def message(self) -> str:
        """XNAT's own words, from whichever of its error pages, at most 300 characters."""
        page = self._decoded(self.body[:_ERROR_PAGE_BYTES])
        between = (_between(page, *marks) for marks in _MESSAGE_MARKS)
        text = next((found for found in between if found is not None), page)
        # Cut before it is unescaped: Python refuses to read "&#" with more than 4,300 digits.
        without_tags = re.sub(r"<[^<>]*>", " ", text)[: 4 * _SERVER_WORDS]
        words = without_logins(" ".join(html.unescape(without_tags).split()))
        printable = "".join(character if character.isprintable() else "?" for character in words)
        return printable if len(printable) <= _SERVER_WORDS else printable[:_SERVER_WORDS] + "…"

    @property
    def encoding(self) -> str:
        """How its text is written: ``latin-1`` or ``utf-8``."""
        # Restlet's own until 1.10, and named; other charsets are not known of any server, and some are no mere tables.
        return "latin-1" if self.charset.lower() == "iso-8859-1" else "utf-8"

    def _decoded(self, body: bytes) -> str:
        return body.decode(self.encoding, errors="replace")


def refusal(answer: Answer, *, doing: str) -> XnatUploadError | None:
    """Say which error a status means, or None if the status is a success.

    Parameters
    ----------
    answer : Answer
        What came.
    doing : str
        What was being done, for the message: "creating the scan".
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    if status == 407:
        return proxy_wants_login(url=answer.url)
    said = f' and said "{answer.message}"' if answer.message else ""
    start = f"While {doing}, the archive answered {status}{said}."
    if status in _BUSY or (status == 500 and any(words in answer.text for words in _CATALOG_CONFLICT)):
        return ServerUnavailableError(
            f"{start} All attempts are used up; try again later.",
            still_working=status in (502, 504),  # of a proxy, which knows no more of the archive's work than we
            retry_after_seconds=_seconds(answer.retry_after),
            status=status,
            url=answer.url,
            server_message=answer.message,
        )
    kind: type[XnatUploadError]
    if 300 <= status < 400:
        kind, way_out = ServerError, _redirect_explained(answer)
    elif status == 507 or any(words in answer.text for words in _DISK_FULL):
        kind, way_out = ServerError, "Its disk is full: let whoever runs it make room, then do the same again."
    elif status == 403 and _is_of_a_gateway(answer.text):
        kind = PermissionDeniedError
        way_out = (
            "This is no page of XNAT's: a gateway or firewall in front of it refuses. Ask whoever runs that to let "
            "this machine and these requests through."
        )
    elif status == 500 and _REASON_WANTED in answer.text:
        kind, way_out = ServerError, "This site wants a reason for each change: give reason='…' here, or to connect()."
    else:
        kind, way_out = _REFUSALS.get(status, (ServerError, "Asking again would bring the same answer."))
    return kind(f"{start} {way_out}", status=status, url=answer.url, server_message=answer.message)


def not_logged_in(answer: Answer) -> AuthenticationError:
    """Make the error for an answer that is a page to log in, whatever its status."""
    return AuthenticationError(
        f"{answer.url} was answered with a page to log in: the session has ended, the password has expired, or a proxy "
        "wants a login of its own. Log in with a browser once, then give fresh credentials.",
        status=answer.status,
        url=answer.url,
    )


def table_rows(answer: Answer) -> list[dict[str, str]]:
    """Give the rows of a table.

    Raises
    ------
    ServerError
        It is none.
    """
    try:
        rows = answer.json()["ResultSet"]["Result"]
    except (KeyError, TypeError) as error:
        raise answer.error("with a table that lacks its rows") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise answer.error("with a table whose rows are none")
    return rows


def _seconds(retry_after: str) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110 §10.2.3)."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after)) if float(retry_after) < 1e9 else None
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    zoned = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return max(0.0, (zoned - datetime.now(timezone.utc)).total_seconds())


def _between(text: str, opening: str, closing: str) -> str | None:
    start = re.search(opening, text, re.IGNORECASE)
    end = re.compile(closing, re.IGNORECASE).search(text, start.end()) if start else None
    return text[start.end() : end.start()] if start and end else None


def _is_of_a_gateway(page: str) -> bool:
    return _XNATS_OWN_PAGE.search(page) is None and _GATEWAYS_PAGE.search(page) is not None


def _redirect_explained(answer: Answer) -> str:
    shown = shown_address(answer.location)
    where = repr(shown) if shown else "an address that cannot be shown" if answer.location else "nowhere"
    start = f"It points to {where}, and redirects are not followed, because credentials would go there too."
    here, there = urlsplit(answer.url), urlsplit(shown)
    if there.hostname in (None, here.hostname) or there.path.endswith(here.path[-5:]):
        return f"{start} Give connect() what stands there before /data, if it is the archive's address."
    return (
        f"{start} {there.hostname} seems to be a single sign-on, which only a browser can pass: give an alias token, "
        "made on XNAT's page of your account, as user and password, or the session of a browser as headers=."
    )
