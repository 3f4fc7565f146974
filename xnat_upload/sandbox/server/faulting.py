"""Making faults happen: on the connection, on the way in, and on the way out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xnat_upload.sandbox.faults import (
    AnswerFalsely,
    AnswerLate,
    AnswerPage,
    DropAfter,
    DropBefore,
    DropDuring,
    LoseAnswer,
    NoContent,
    OddAnswer,
    ProxyTimeout,
    Refuse,
    RepeatRequest,
    SlowLink,
)
from xnat_upload.sandbox.injection import FaultPlan
from xnat_upload.sandbox.routes.answers import Answer, status_page
from xnat_upload.sandbox.server.exchange import Abort, Exchange
from xnat_upload.sandbox.server.link import Link
from xnat_upload.sandbox.server.odd_answers import OddSending
from xnat_upload.sandbox.server.sending import send_answer

SPOOL_BYTES = 1 << 20
TIMED_OUT = Answer(
    504,
    (("content-type", "text/html"), ("server", "nginx")),
    b"<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
    b"<center><h1>504 Gateway Time-out</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
)


class Faulting:
    """Middleware in which every request meets the faults that were put in for it."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan) -> None:
        self.app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as far as the faults let it."""
        exchange: Exchange = scope["exchange"]
        exchange.faults = self._plan.striking(scope["method"], scope["raw_path"].decode("ascii"))
        abort = exchange.abort
        odd: OddSending | None = None
        repeated: RepeatRequest | None = None
        patience: float | None = None
        for fault in exchange.faults:
            match fault:
                case DropBefore():
                    abort(reset=fault.reset)
                    return
                case DropAfter():
                    while (await receive()).get("more_body", False):
                        pass
                    abort(reset=fault.reset)
                    return
                case Refuse():
                    answer = status_page(fault.status, fault.message)
                    if fault.retry_after is not None:
                        answer = answer.with_headers(("retry-after", fault.retry_after))
                    await send_answer(answer, scope, receive, send)
                    return
                case AnswerPage():
                    page = Answer(fault.status, (("content-type", "text/html;charset=UTF-8"),), fault.html.encode())
                    await send_answer(page, scope, receive, send)
                    return
                case DropDuring():
                    receive = _cut(receive, fault.after_bytes, abort, reset=fault.reset)
                case LoseAnswer():
                    send = _silent(abort, reset=fault.reset)
                case AnswerLate():
                    send = _late(send, fault.seconds)
                case OddAnswer():
                    odd = OddSending(fault, scope, send)
                    send = odd.collect
                case RepeatRequest():
                    repeated = fault
                case ProxyTimeout():
                    patience = fault.seconds
                case AnswerFalsely():
                    false = status_page(fault.status, fault.message)
                    send = _answering(false, scope, send)
                case NoContent():
                    send = _without_content(send)
                case SlowLink():
                    link = Link(latency_ms=fault.latency_ms, bandwidth_mbps=fault.bandwidth_mbps)
                    await link.delay()
                    receive, send = link.slowed_receive(receive), link.slowed_send(send)
        if patience is not None:
            await self._abandoned(scope, receive, send, after_seconds=patience)
        elif repeated:
            await self._twice(scope, receive, send, at_once=repeated.at_once)
        else:
            await self.app(scope, receive, send)
        if odd:
            await odd.finish()

    async def _abandoned(self, scope: Scope, receive: Receive, send: Send, *, after_seconds: float) -> None:
        """Give up as a proxy does that has passed the whole request on; the archive does not hear of it."""
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as body:
            await _receive_whole(receive, body)
            task = asyncio.ensure_future(self.app({**scope, "connection": _Proxy()}, _replayed(body), _nobody_listens))
            await asyncio.wait({task}, timeout=after_seconds)
            await send_answer(TIMED_OUT, scope, _nothing_more, send)
            await task

    async def _twice(self, scope: Scope, receive: Receive, send: Send, *, at_once: bool) -> None:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as body:
            await _receive_whole(receive, body)
            is_complete = False

            async def noted_send(message: Message) -> None:
                nonlocal is_complete
                is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
                await send(message)

            # Stations write into the scope what they have found, so that each gets one of its own.
            first = self.app({**scope, "connection": _Proxy()}, _replayed(body), _nobody_listens)
            second = self.app({**scope, "connection": _Proxy()}, _replayed(body), noted_send)
            if at_once:
                await asyncio.gather(first, second)
            else:
                await first
                await second
            if not is_complete:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _receive_whole(receive: Receive, body: IO[bytes]) -> None:
    while (message := await receive())["type"] != "http.disconnect":
        body.write(message.get("body", b""))
        if not message.get("more_body", False):
            return


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nobody_listens(message: Message) -> None:
    pass


class _Proxy:
    """The archive's connection to a proxy: closing it does not end that of the client."""

    is_aborted = False

    @property
    def transport(self) -> _Proxy:
        return self

    def close(self) -> None:
        pass


def _replayed(body: IO[bytes]) -> Receive:
    position = 0

    async def replay() -> Message:
        nonlocal position
        body.seek(position)
        block = body.read(SPOOL_BYTES)
        position += len(block)
        return {"type": "http.request", "body": block, "more_body": len(block) == SPOOL_BYTES}

    return replay


def _cut(receive: Receive, after_bytes: int, abort: Abort, *, reset: bool) -> Receive:
    left = after_bytes
    spent = left <= 0

    async def cut_receive() -> Message:
        nonlocal left, spent
        if spent:
            abort(reset=reset)
            return {"type": "http.disconnect"}
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
        body: bytes = message.get("body", b"")
        taken, left = body[:left], left - len(body)
        spent = left <= 0 or not message.get("more_body", False)
        return {"type": "http.request", "body": taken, "more_body": True}

    return cut_receive


def _silent(abort: Abort, *, reset: bool) -> Callable[[Message], Awaitable[None]]:
    async def silent_send(message: Message) -> None:
        abort(reset=reset)

    return silent_send


def _answering(answer: Answer, scope: Scope, send: Send) -> Send:
    """Send `answer` in place of the one that comes."""

    async def false_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send_answer(answer, scope, _nothing_more, send)

    return false_send


def _without_content(send: Send) -> Send:
    async def send_204(message: Message) -> None:
        is_empty = (b"content-length", b"0") in message.get("headers", ())
        if message["type"] == "http.response.start" and message["status"] == 200 and is_empty:
            headers = [one for one in message["headers"] if one != (b"content-length", b"0")]
            message = {**message, "status": 204, "headers": headers}
        await send(message)

    return send_204


def _late(send: Send, seconds: float) -> Send:
    async def late_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return late_send
