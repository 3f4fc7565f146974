"""How an answer leaves."""

from __future__ import annotations

from collections.abc import Iterator

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.server.body import RequestBody
from xnat_upload.sandbox.server.dialect import in_dialect

CLOSING_STATUSES = frozenset({400, 500, 501, 503})  # after these Tomcat closes the connection
STREAM_BATCH_BYTES = 1 << 18

_END = object()


async def send_answer(
    answer: Answer, scope: Scope, receive: Receive, send: Send, *, body: RequestBody | None = None
) -> None:
    """Send `answer`, then swallow what the client has not been kept from sending.

    Like Tomcat: the answer goes out first, at most 2 MiB of unread body are read and
    forgotten, and a client that sends more finds the connection closed.
    """
    answer = in_dialect(answer, scope["exchange"].face)
    body = body or RequestBody(receive, Headers(scope=scope))
    headers = list(answer.headers)
    if answer.status in CLOSING_STATUSES:
        headers.append(("connection", "close"))
    has_length = answer.status in (204, 304) or any(name == "content-length" for name, _ in headers)
    if isinstance(answer.body, bytes) and not has_length:
        headers.append(("content-length", str(len(answer.body))))
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    elif scope["method"] != "HEAD":
        blocks = iter(answer.body)
        while (batch := await anyio.to_thread.run_sync(_batch, blocks)) is not None:
            await send({"type": "http.response.body", "body": batch, "more_body": True})
    if await body.swallow():
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        scope["connection"].transport.close()


def _batch(blocks: Iterator[bytes]) -> bytes | None:
    """Collect small blocks, so that a listing does not cost a thread hop per row."""
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size >= STREAM_BATCH_BYTES:
            break
    return b"".join(parts) if parts else None
