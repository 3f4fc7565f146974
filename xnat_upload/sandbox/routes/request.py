"""A request as a route sees it, with XNAT's own rules for reading parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Protocol
from urllib.parse import parse_qsl

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.logins import HttpSession, Logins
from xnat_upload.sandbox.store.records import User

INTERACTIVE_AGENT = re.compile(r"MSIE|Mozilla|AppleWebKit|Opera")


def is_interactive(agent: str) -> bool:
    """Tell whether XNAT takes a user agent for a person's browser (docs/xnat/logging-in.md, "Who gets in")."""
    return bool(INTERACTIVE_AGENT.search(agent)) and "XNATDesktopClient" not in agent


class Body(Protocol):
    """The bytes of a request, read once, from a worker thread."""

    size: int
    is_chunked: bool

    def blocks(self) -> Iterator[bytes]:
        """Yield them as they arrive."""


class Query:
    """The parameters of a request; their values are XML-escaped on entry.

    See docs/xnat/requests.md, "Parameters are escaped when they come in".
    """

    def __init__(self, query_string: str) -> None:
        pairs = parse_qsl(query_string, keep_blank_values=True)
        self.pairs = tuple((name, escape(value)) for name, value in pairs)

    def joined_with(self, form: str) -> Query:
        """Give these parameters and those of a form, which come first."""
        joined = Query(form)
        joined.pairs += self.pairs
        return joined

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a parameter."""
        return next((value for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> list[str]:
        """Give all values of a parameter."""
        return [value for key, value in self.pairs if key == name]

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def is_true(self, name: str) -> bool:
        """Present and neither ``false`` nor ``0``: so ``overwrite=no`` and ``overwrite=`` are true.

        See docs/xnat/requests.md, "Parameters are escaped when they come in".
        """
        return name in self and self.get(name).lower() not in ("false", "0")

    def is_false(self, name: str) -> bool:
        """Only ``false`` and ``0`` are false."""
        return self.get(name).lower() in ("false", "0")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, after routing and login.

    `params` are the raw path segments, never decoded; `tail` is what the route did
    not match, XNAT's ``filepath``.
    """

    method: str
    path: str
    params: Mapping[str, str]
    tail: str
    query: Query
    headers: Mapping[str, str]
    variant: str
    body: Body
    user: User
    http_session: HttpSession
    archive: Archive
    logins: Logins
    disk: Disk
    context_path: str = ""

    @property
    def format(self) -> str:
        """The media type to answer in: ``?format=`` overrides what was negotiated.

        See docs/xnat/requests.md, "Accept and format".
        """
        wanted = self.query.get("format").lower()
        return FORMATS.get(wanted, wanted) if wanted else self.variant

    @property
    def face(self) -> Face:
        """How the generation of this server answers."""
        return self.archive.face

    @property
    def is_reading(self) -> bool:
        """Whether the method is GET; XNAT counts HEAD among the others where a parent is missing."""
        return self.method == "GET"

    def event_id(self) -> str:
        """Give the ID of the event this request is logged under, or refuse it for want of a reason."""
        if self.archive.site.require_change_justification and not self.query.get("event_reason"):
            raise Refusal(500, "Justification required.")
        given = self.query.get("event_id")
        if given and not (given.isascii() and given.isdigit()):
            raise Refusal(500, f'For input string: "{given}"')  # Integer.valueOf, in SecureResource.getEventId
        return given or str(self.archive.next_row_id("event"))


FORMATS = {
    "xml": "text/xml",
    "json": "application/json",
    "csv": "text/csv",
    "html": "text/html",
    "txt": "text/plain",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "tar.gz": "application/x-gtar",
}


def negotiate(accept: str, variants: tuple[str, ...]) -> str | None:
    """Choose the variant for an Accept header; ``None`` means 406, even where ``?format=`` is given.

    See docs/xnat/requests.md, "Accept and format".
    """
    if not accept.strip():
        return variants[0]
    ranges: list[tuple[str, float]] = []
    for part in accept.split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        ranges.append((media_range.lower(), quality))
    best: tuple[float, str | None] = (0.0, None)
    for variant in variants:
        kind = variant.partition("/")[0]
        for media_range, quality in ranges:
            if media_range in (variant, f"{kind}/*", "*/*", "*") and quality > best[0]:
                best = (quality, variant)
    return best[1]
