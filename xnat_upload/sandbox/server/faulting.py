"""Making faults happen: on the connection, on the way in, on the way out, and on the disk."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xnat_upload.sandbox.faults import (
    AnswerLate,
    CatalogConflict,
    DiskFull,
    DropAfter,
    DropBefore,
    DropDuring,
    Fault,
    FaultPlan,
    FlipByte,
    LoseAnswer,
    Refuse,
    SlowLink,
    StoreFewer,
)
from xnat_upload.sandbox.routes.answers import status_page
from xnat_upload.sandbox.server.link import Link
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.store.disk import Disk, HoldPoints, Point


class Faulting:
    """Middleware in which every request meets the faults that were put in for it."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan) -> None:
        self.app = app
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as far as the faults let it."""
        exchange = scope["exchange"]
        exchange.faults = self._plan.striking(scope["method"], scope["raw_path"].decode("ascii"))
        abort: Callable[[], None] = exchange.abort
        for fault in exchange.faults:
            match fault:
                case DropBefore():
                    abort()
                    return
                case DropAfter():
                    while (await receive()).get("more_body", False):
                        pass
                    abort()
                    return
                case Refuse():
                    answer = status_page(fault.status, fault.message)
                    if fault.retry_after is not None:
                        answer = answer.with_headers(("retry-after", fault.retry_after))
                    await send_answer(answer, scope, receive, send)
                    return
                case DropDuring():
                    receive = _cut(receive, fault.after_bytes, abort)
                case LoseAnswer():
                    send = _silent(abort)
                case AnswerLate():
                    send = _late(send, fault.seconds)
                case SlowLink():
                    link = Link(latency_ms=fault.latency_ms, bandwidth_mbps=fault.bandwidth_mbps)
                    await link.delay()
                    receive, send = link.slowed_receive(receive), link.slowed_send(send)
        await self.app(scope, receive, send)


def _cut(receive: Receive, after_bytes: int, abort: Callable[[], None]) -> Receive:
    left = after_bytes
    spent = left <= 0

    async def cut_receive() -> Message:
        nonlocal left, spent
        if spent:
            abort()
            return {"type": "http.disconnect"}
        message = await receive()
        if message["type"] == "http.disconnect":
            return message
        body: bytes = message.get("body", b"")
        taken, left = body[:left], left - len(body)
        spent = left <= 0 or not message.get("more_body", False)
        return {"type": "http.request", "body": taken, "more_body": True}

    return cut_receive


def _silent(abort: Callable[[], None]) -> Callable[[Message], Awaitable[None]]:
    async def silent_send(message: Message) -> None:
        abort()

    return silent_send


def _late(send: Send, seconds: float) -> Send:
    async def late_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return late_send


class FaultyDisk(Disk):
    """A disk on which the bytes of one request fare as its faults say."""

    def __init__(self, holds: HoldPoints, faults: Iterable[Fault]) -> None:
        super().__init__(holds)
        self._flip = any(isinstance(fault, FlipByte) for fault in faults)
        self._missing = sum(fault.bytes_missing for fault in faults if isinstance(fault, StoreFewer))
        self._room = min((fault.after_bytes for fault in faults if isinstance(fault, DiskFull)), default=None)
        self._conflict = any(isinstance(fault, CatalogConflict) for fault in faults)
        self._moves = not (self._flip or self._missing or self._room is not None)

    @property
    def may_move(self) -> bool:
        """A part that has arrived is copied instead, where its bytes must be touched."""
        return self._moves

    def altered(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Flip, withhold or refuse bytes."""
        if self._missing:
            blocks, self._missing = _all_but_last(blocks, self._missing), 0
        for block in blocks:
            if self._flip and block:
                block, self._flip = bytes([block[0] ^ 0xFF]) + block[1:], False
            if self._room is not None:
                fitting, self._room = block[: self._room], self._room - len(block)
                yield fitting
                if self._room < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
            else:
                yield block

    def reached(self, point: Point, path: Path) -> None:
        """Write into the catalog just before its writer does."""
        super().reached(point, path)
        if point == "before-catalog-write" and self._conflict:
            self._conflict = False
            with _SOMEBODY_ELSE, path.open("ab") as catalog:
                catalog.write(b"\n")


_SOMEBODY_ELSE = threading.Lock()


def _all_but_last(blocks: Iterable[bytes], missing: int) -> Iterator[bytes]:
    tail = b""
    for block in blocks:
        tail += block
        if len(tail) > missing:
            yield tail[:-missing]
            tail = tail[-missing:]
