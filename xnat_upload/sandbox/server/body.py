"""The body of a request, read from a worker thread block by block: never all of it in memory."""

from __future__ import annotations

from collections.abc import Iterator

import anyio.from_thread
from starlette.datastructures import Headers
from starlette.types import Receive

MAX_SWALLOW_BYTES = 2 << 20  # Tomcat's maxSwallowSize


class BodyTruncatedError(Exception):
    """The client went away in the middle."""


class RequestBody:
    """What is left of a request's body."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        declared = headers.get("content-length", "")
        self.is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        # A chunked body has no known size: XNAT sees -1 and refuses most of them (docs/xnat/writing-files.md, "Body
        # forms").
        self.size = -1 if self.is_chunked else int(declared or 0)
        self._complete = self.size == 0

    def blocks(self) -> Iterator[bytes]:
        """Yield the body as it arrives; to be used in a worker thread."""
        while not self._complete:
            block = anyio.from_thread.run(self._next_block)
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
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._complete = True
            raise BodyTruncatedError("Unexpected EOF read on the socket")
        self._complete = not message.get("more_body", False)
        block: bytes = message.get("body", b"")
        return block
