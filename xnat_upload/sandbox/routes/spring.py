"""How Spring answers under ``/xapi``, and what it reads there; Restlet has no part in it.

An error is plain text or nothing at all, and a string is sent raw even where the
Content-Type says JSON.
"""

from __future__ import annotations

import json

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.request import Request

MAX_JSON_BYTES = 1 << 20


class SpringRefusal(Refusal):
    """Raised to answer with an error status and plain text, or nothing."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(status, message)
        self.answer = text_answer(status, message) if message else Answer(status, ())


def json_answer(value: object, status: int = 200) -> Answer:
    """Give a value as JSON."""
    return Answer(status, (("content-type", "application/json"),), json.dumps(value).encode())


def string_answer(value: str, content_type: str) -> Answer:
    """Give a string as it is: Spring 4 writes strings in Latin-1 and says so."""
    headers = (("content-type", f"{content_type};charset=ISO-8859-1"),)
    return Answer(200, headers if value else (), value.encode("latin-1", "replace"))


def text_answer(status: int, message: str) -> Answer:
    """Give a message as plain text."""
    return Answer(status, (("content-type", "text/plain"),), message.encode())


def not_found(what: str) -> Answer:
    """Say what is not there."""
    return text_answer(404, f"Unable to find requested file or resource: {what}")


def json_body(request: Request) -> object:
    """Read the body as JSON."""
    if request.body.size > MAX_JSON_BYTES:
        raise SpringRefusal(400, f"The document has {request.body.size} bytes; {MAX_JSON_BYTES} are allowed.")
    try:
        return json.loads(b"".join(request.body.blocks()))
    except ValueError as error:
        raise SpringRefusal(400, f"Could not read JSON: {error}") from error


def json_object(request: Request) -> dict[str, object]:
    """Read the body as a JSON object."""
    value = json_body(request)
    if not isinstance(value, dict):
        raise SpringRefusal(400, "Could not read JSON: an object is expected")
    return value


def check_admin(request: Request) -> None:
    """Refuse everybody but a site administrator."""
    if not request.user.site_admin:
        raise SpringRefusal(403)
