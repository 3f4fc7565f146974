"""What the recording proxy and the replaying server have in common: a small HTTP server in a thread."""

from __future__ import annotations

import hashlib
import socket
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from starlette.types import ASGIApp, Receive, Send

from xnat_upload.sandbox.cassettes.cassette import MOST_BYTES, Body
from xnat_upload.sandbox.server.thread import ServerThread

BLOCK_BYTES = 1 << 18
# Of a connection, not of a message: whoever sends a message anew makes its own.
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)


@dataclass(frozen=True)
class Listening:
    """A server on loopback."""

    thread: ServerThread
    port: int


def listen(app: ASGIApp, port: int) -> Listening:
    """Start to listen on loopback; port 0 takes a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    taken: int = listener.getsockname()[1]
    thread = ServerThread(app, listener)
    thread.start()
    return Listening(thread, taken)


async def receive_into(receive: Receive, file: IO[bytes]) -> None:
    """Receive the body of a request."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("The client has gone.")
        file.write(message.get("body", b""))
        if not message.get("more_body", False):
            return


async def send_whole(send: Send, status: int, headers: Iterable[tuple[str, str]], blocks: Iterator[bytes]) -> None:
    """Send an answer."""
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    for block in blocks:
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def spool() -> IO[bytes]:
    """Give a file for a body of any size."""
    return tempfile.SpooledTemporaryFile(MOST_BYTES)


def blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Read a file from its beginning."""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block


def kept(file: IO[bytes]) -> Body:
    """Give what is kept of a body."""
    digest, size = hashlib.md5(), 0
    for block in blocks_of(file):
        digest.update(block)
        size += len(block)
    if size > MOST_BYTES:
        return Body(size=size, md5=digest.hexdigest(), content=None)
    file.seek(0)
    return Body.of(file.read())
