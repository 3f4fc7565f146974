"""uvicorn's connection with Tomcat's habits, and the handle by which a fault can cut it."""

from __future__ import annotations

from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from xnat_upload.sandbox.routes.answers import TOMCAT_HEADERS, tomcat_html

MAX_HEADER_BYTES = 1 << 16


class _Wire(h11.Connection):
    """Writes an answer's head as Tomcat 9 does.

    Without a reason phrase: the message is only in the body (docs/xnat/requests.md, "Headers of an answer").
    And with capitals in header names, which HTTP does not care about and some clients do.
    """

    def send(self, event: Any) -> Any:
        if isinstance(event, h11.Response):
            headers = [(_capitalised(name), value) for name, value in event.headers]
            event = h11.Response(status_code=event.status_code, headers=headers, reason=b"")
        return super().send(event)


def _capitalised(name: bytes) -> bytes:
    return b"WWW-Authenticate" if name == b"www-authenticate" else name.title()


class TomcatConnection(H11Protocol):
    """One connection; every request finds it in its scope under ``"connection"``."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.conn = _Wire(h11.SERVER, MAX_HEADER_BYTES)
        application = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["connection"] = self
            await application(scope, receive, send)

        self.app = with_connection

    def abort(self) -> None:
        """End the connection as the death of the process would: nothing more is sent or read."""
        self.transport.abort()

    def send_continue(self) -> None:
        """Answer ``Expect: 100-continue`` before anybody has looked at the request.

        See docs/xnat/requests.md, "Request bodies".
        """
        if self.cycle.waiting_for_100_continue:
            interim = h11.InformationalResponse(status_code=100, headers=[], reason="")
            self.transport.write(self.conn.send(interim) or b"")
            self.cycle.waiting_for_100_continue = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP at all with Tomcat's own page."""
        page = tomcat_html(400, "Invalid character found in the request target or header")
        headers = [*TOMCAT_HEADERS, ("connection", "close"), ("content-length", str(len(page)))]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=page), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
