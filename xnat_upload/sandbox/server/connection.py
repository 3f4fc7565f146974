"""uvicorn's connection with Tomcat's habits, and the handle by which a fault can cut it."""

from __future__ import annotations

import socket
import struct
from typing import Any

import h11
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from xnat_upload.sandbox.routes.answers import TOMCAT_HEADERS, tomcat_html

MAX_HEADER_BYTES = 1 << 16
DISCARD_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: the kernel sends RST instead of FIN


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
        self.is_aborted = False
        application = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["connection"] = self
            await application(scope, self._to_the_last_byte(receive), send)

        self.app = with_connection

    def _to_the_last_byte(self, receive: Receive) -> Receive:
        """Give what had arrived of a body also when its sender has gone, as Tomcat reads what its kernel holds."""
        cycle = self.cycle
        is_over = False

        async def receive_all() -> Message:
            nonlocal is_over
            if cycle.disconnected and not self.is_aborted and not is_over and (cycle.body or not cycle.more_body):
                message: Message = {"type": "http.request", "body": bytes(cycle.body), "more_body": cycle.more_body}
                cycle.body = bytearray()
            else:
                message = await receive()
            is_over = not message.get("more_body", False)
            return message

        return receive_all

    def abort(self, *, reset: bool = False) -> None:
        """End the connection as the death of the process would: nothing more is sent or read."""
        self.is_aborted = True
        if reset:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_AT_CLOSE)
        self.transport.abort()

    async def write_raw(self, data: bytes) -> bool:
        """Send bytes as they are, behind the back of the HTTP layer; false if nobody is there any more."""
        if self.flow.write_paused:
            await self.flow.drain()
        if self.transport.is_closing():
            return False
        self.transport.write(data)
        return True

    def end_raw(self) -> None:
        """Close behind what was sent raw."""
        self.cycle.disconnected = True  # else uvicorn would add an answer of its own
        self.transport.close()

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
