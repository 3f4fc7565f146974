"""Answers, and the three shapes in which XNAT says no (docs/xnat/requests.md, "Error pages")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Protocol

DEFAULT_MESSAGES = {
    400: "The request could not be understood by the server due to malformed syntax",
    401: "The request requires user authentication",
    403: "The server understood the request, but is refusing to fulfill it",
    404: "The server has not found anything matching the request URI",
    405: "The method specified in the request is not allowed for the resource identified by the request URI",
    409: "The request could not be completed due to a conflict with the current state of the resource",
    412: "The precondition given in one or more of the request-header fields evaluated to false "
    "when it was tested on the server",
    417: "The expectation given in the request header could not be met by this server",
    422: "The server understands the content type of the request entity and the syntax of the request entity "
    "is correct but was unable to process the contained instructions",
    500: "The server encountered an unexpected condition which prevented it from fulfilling the request",
    501: "The server does not support the functionality required to fulfill the request",
    503: "The server is currently unable to handle the request due to a temporary overloading or "
    "maintenance of the server",
}

RESTLET_HEADERS = (("server", "Noelios-Restlet-Engine/1.1.10"), ("accept-ranges", "bytes"))


TOMCAT_HEADERS = (("content-type", "text/html;charset=utf-8"), ("content-language", "en"))


@dataclass(frozen=True)
class Answer:
    """A status, headers in lower case, and a body: known bytes, or blocks that are sent chunked."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = RESTLET_HEADERS
    body: bytes | Iterable[bytes] = b""

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Give the same answer with more headers."""
        return Answer(self.status, (*self.headers, *headers), self.body)


class Addressed(Protocol):
    """A request, as far as an answer to it must know it."""

    @property
    def path(self) -> str:
        """Its path, without the context path."""

    @property
    def context_path(self) -> str:
        """The servlet context."""


class Refusal(Exception):
    """Raised by a route to answer with an error status and a message, as a page unless `answer` is replaced."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.answer = status_page(status, message)


def empty() -> Answer:
    """Give XNAT's usual sign of success: 200, no body, not even a Content-Type."""
    return Answer()


def text(value: str, *, status: int = 200) -> Answer:
    """Give a plain string, in Latin-1 as Restlet's string representations are."""
    headers = (*RESTLET_HEADERS, ("content-type", "text/plain;charset=ISO-8859-1"))
    return Answer(status, headers, value.encode("latin-1", "replace"))


def stream(content_type: str, blocks: Iterable[bytes], *, status: int = 200) -> Answer:
    """Give a body of unknown length; XNAT names no charset here."""
    return Answer(status, (*RESTLET_HEADERS, ("content-type", content_type)), blocks)


def created_address(request: Addressed, name: str) -> Answer:
    """Give the address of something made by POST, in a header and as text."""
    uri = f"{request.context_path}{request.path.rstrip('/')}/{name}"
    return text(uri).with_headers(("location", uri))


def status_page(status: int, message: str = "") -> Answer:
    """Give Restlet's status page: the message unescaped in a heading, never in the reason phrase."""
    page = (
        "<html>\n<head>\n   <title>Status page</title>\n</head>\n<body>\n"
        f"<h3>{message or DEFAULT_MESSAGES.get(status, '')}</h3>"
        '<p>You can get technical details <a href="http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html'
        f'#sec10.{status // 100}.{status % 100 + 1}">here</a>.<br>\n'
        'Please continue your visit at our <a href="/">home page</a>.\n</p>\n</body>\n</html>\n'
    )
    headers = (*RESTLET_HEADERS, ("content-type", "text/html;charset=ISO-8859-1"))
    return Answer(status, headers, page.encode("latin-1", "replace"))


def tomcat_html(status: int, message: str = "") -> bytes:
    """Give the text of Tomcat's own error page."""
    title = f"HTTP Status {status} – {_phrase(status)}"
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title></head><body><h1>{title}</h1>'
        f"<p><b>Type</b> Status Report</p><p><b>Message</b> {escape(message or _phrase(status))}</p>"
        "</body></html>"
    ).encode()


def tomcat_page(status: int, message: str = "") -> Answer:
    """Give Tomcat's own error page."""
    return Answer(status, TOMCAT_HEADERS, tomcat_html(status, message))


def error_vm_page(message: str) -> Answer:
    """Give the page of exceptions that no filter catches."""
    page = f"<html><head><title>Error</title></head><body><h1>Error</h1><p>{escape(message)}</p></body></html>"
    return Answer(500, (("content-type", "text/html;charset=UTF-8"),), page.encode())


def bodyless(answer: Answer) -> Answer:
    """Give what HEAD gets in place of an error page: the status and nothing else."""
    return Answer(answer.status, (("content-type", "text/html;charset=utf-8"),))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
