"""The body of a request, read from a worker thread block by block: never all of it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio.from_thread
from starlette.datastructures import Headers
from starlette.types import Receive

from xnat_upload.sandbox.store.disk import Point

MAX_SWALLOW_BYTES = 2 << 20  # Tomcat's maxSwallowSize


class BodyTruncatedError(Exception):
    """The client went away in the middle."""


class RequestBody:
    """What is left of a request's body."""

    def __init__(self, receive: Receive, headers: Headers, *, is_cut: Callable[[], bool] = lambda: False) -> None:
        self._receive = receive
        self._is_cut = is_cut
        self._reached: Callable[[Point], None] = lambda point: None
        self._kept_back = b""
        declared = headers.get("content-length", "")
        self.is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        # A chunked body has no known size: XNAT sees -1 and refuses most of them (docs/xnat/writing-files.md, "Body
        # forms").
        self.size = -1 if self.is_chunked else int(declared or 0)
        self._complete = self.size == 0

    def tell(self, reached: Callable[[Point], None]) -> None:
        """Have `reached` called, in the worker thread, when half and all of the body is there."""
        self._reached = reached

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it arrives; to be used in a worker thread."""
        half = max(self.size // 2, 1)
        received = 0
        while not self._complete or self._kept_back:
            block = anyio.from_thread.run(self._next_block)
            if received < half <= received + len(block):
                if self.size > 0:
                    block, self._kept_back = block[: half - received], block[half - received :]
                yield block
                received += len(block)
                self._reached("body-half-received")
                continue
            received += len(block)
            if received == self.size and not self._complete:
                try:
                    anyio.from_thread.run(self._next_block)
                except BodyTruncatedError:
                    yield block  # it had arrived
                    raise
            if self._complete:
                break
            if block:
                yield block
        else:
            block = b""
        self._reached("body-received")
        if block:
            yield block

    async def swallow(self) -> bool:
        """Read and forget what the client still sends; false if that is more than Tomcat bears."""
        swallowed = 0
        try:
            while not self._complete:
                swallowed += len(await self._next_block())
                if swallowed > MAX_SWALLOW_BYTES:
                    return False
        except BodyTruncatedError:
            return False
        return True

    async def _next_block(self) -> bytes:
        if self._kept_back:
            block, self._kept_back = self._kept_back, b""
            if self._is_cut():
                raise BodyTruncatedError("Unexpected EOF read on the socket")
            return block
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._complete = True
            raise BodyTruncatedError("Unexpected EOF read on the socket")
        self._complete = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body
