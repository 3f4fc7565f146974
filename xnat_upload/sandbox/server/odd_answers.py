"""Answers as no sound server spells them: dripped, endless, or with lengths that are none."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain, repeat

from starlette.types import Message, Scope, Send

from xnat_upload.sandbox.faults import (
    AnswerBytes,
    ChunkSize,
    ContentLength,
    DripAnswer,
    EndlessTrailers,
    GzipBomb,
    InterimAnswers,
    OddAnswer,
)
from xnat_upload.sandbox.server.exchange import Exchange

PIECE_BYTES = 1 << 16


class OddSending:
    """Collects the answer of one request, and sends it as `fault` says."""

    def __init__(self, fault: OddAnswer, scope: Scope, send: Send) -> None:
        self._fault = fault
        self._connection = scope["connection"]
        self._exchange: Exchange = scope["exchange"]
        self._is_head = scope["method"] == "HEAD"
        self._start: Message | None = None
        self._body: list[bytes] = []

    async def collect(self, message: Message) -> None:
        """Take a message that was to be sent."""
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body.append(message.get("body", b""))

    async def finish(self) -> None:
        """Send the answer, piece by piece, until the client has it or has gone."""
        if self._start is None:
            return  # the line broke before
        body = b"" if self._is_head else b"".join(self._body)
        self._exchange.record(self._start["status"])
        for piece in pieces(self._fault, self._start, body):
            if not await self._connection.write_raw(piece):
                break
            await asyncio.sleep(self._fault.seconds_between)
        self._connection.end_raw()


def pieces(fault: OddAnswer, start: Message, body: bytes) -> Iterator[bytes]:
    """Give what goes over the wire, in pieces."""
    status = _status_line(start["status"])
    plain = _headers(start, f"Content-Length: {len(body)}")
    match fault:
        case DripAnswer():
            at = {"status line": 0, "headers": len(status), "body": len(status + plain)}[fault.part]
            whole = status + plain + body
            drops = range(at, len(whole), fault.bytes_at_once)
            return chain([whole[:at]], (whole[drop : drop + fault.bytes_at_once] for drop in drops))
        case InterimAnswers():
            interim = _status_line(fault.status) + b"\r\n"
            many = repeat(interim) if fault.count is None else repeat(interim, fault.count)
            return chain(many, [status + plain + body])
        case EndlessTrailers():
            chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            return chain(
                [status + _headers(start, "Transfer-Encoding: chunked") + chunk + b"0\r\n"], repeat(b"X: y\r\n")
            )
        case ContentLength():
            return iter([status + _headers(start, f"Content-Length: {fault.value}") + body])
        case ChunkSize():
            head = status + _headers(start, "Transfer-Encoding: chunked")
            return iter([head + fault.value.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"])
        case GzipBomb():
            packed = f"Content-Type: {fault.content_type}\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
            return chain([_status_line(200) + packed.encode("latin-1")], _bomb(fault))
        case AnswerBytes():
            return chain([fault.raw], repeat(fault.again) if fault.again else ())
    return iter([status + plain + body])


def _status_line(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase if status < 200 else ""  # Tomcat names none in its answers
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("latin-1")


def _headers(start: Message, framing: str) -> bytes:
    kept = [
        b"%s: %s" % (name.title(), value)
        for name, value in start["headers"]
        if name not in (b"content-length", b"transfer-encoding", b"connection")
    ]
    return b"\r\n".join([*kept, framing.encode("latin-1"), b"Connection: close", b"", b""])


def _bomb(fault: GzipBomb) -> Iterator[bytes]:
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(fault.start)
    block = fault.filling * (PIECE_BYTES // len(fault.filling) + 1)
    for _ in range(fault.unpacked_bytes // len(block)):
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()
