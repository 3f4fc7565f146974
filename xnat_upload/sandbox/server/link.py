"""A network between client and server that is slower than loopback."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Link:
    """A line with a round-trip time and a bandwidth in each direction, shared by all that use it.

    The round trip is paid once per request, before it is looked at.  What is not
    imitated: the handshake of a new connection, slow start, loss.
    """

    def __init__(self, *, latency_ms: float, bandwidth_mbps: float | None) -> None:
        self._latency_seconds = latency_ms / 1000
        self._bytes_per_second = bandwidth_mbps * 1e6 / 8 if bandwidth_mbps else None
        self._free_at = {"in": 0.0, "out": 0.0}

    async def delay(self) -> None:
        """Wait for one round trip."""
        if self._latency_seconds:
            await asyncio.sleep(self._latency_seconds)

    async def _carry(self, direction: str, size: int) -> None:
        if self._bytes_per_second is None or not size:
            return
        now = time.monotonic()
        self._free_at[direction] = max(now, self._free_at[direction]) + size / self._bytes_per_second
        await asyncio.sleep(self._free_at[direction] - now)

    def slowed_receive(self, receive: Receive) -> Receive:
        """Let bodies come in at the speed of the line."""

        async def slow_receive() -> Message:
            message = await receive()
            await self._carry("in", len(message.get("body", b"")))
            return message

        return slow_receive

    def slowed_send(self, send: Send) -> Send:
        """Let answers go out at the speed of the line."""

        async def slow_send(message: Message) -> None:
            await self._carry("out", len(message.get("body", b"")))
            await send(message)

        return slow_send


class Linked:
    """Middleware that puts every request on one link."""

    def __init__(self, app: ASGIApp, *, link: Link) -> None:
        self.app = app
        self._link = link

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, slowly."""
        await self._link.delay()
        await self.app(scope, self._link.slowed_receive(receive), self._link.slowed_send(send))
