"""A pool of exactly so many connections, made under one timeout, written to under another, with a deadline for all.

urllib3 has one timeout for connecting and for sending: an archive that pauses while it takes a body would be given up
after the ten seconds that are enough to find out that nobody answers.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool

from xnat_upload.archive import deadline

# What leaves at once: a slow archive that takes it in time is not silent.
_PIECE_BYTES = 64 * 1024
_LONGEST_LINE_BYTES = 64 * 1024


class PoolAdapter(requests.adapters.HTTPAdapter):
    """Keeps `connections` to one host; each further thread waits for one of them.

    Parameters
    ----------
    connections : int
        How many.
    sending_seconds : float
        How long the other side may take no byte of what is sent.
    """

    def __init__(self, *, connections: int, sending_seconds: float) -> None:
        self._pool_classes = {
            "http": _pool_class(
                urllib3.connectionpool.HTTPConnectionPool, urllib3.connection.HTTPConnection, sending_seconds
            ),
            "https": _pool_class(
                urllib3.connectionpool.HTTPSConnectionPool, urllib3.connection.HTTPSConnection, sending_seconds
            ),
        }
        # Without pool_block each thread beyond ten would open, and throw away, a connection for every request.
        super().__init__(pool_connections=1, pool_maxsize=connections, pool_block=True)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools of direct connections be of our classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Let those through a proxy be so too, unless the proxy speaks SOCKS and has classes of its own."""
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is urllib3.ProxyManager:
            manager.pool_classes_by_scheme = self._pool_classes
        return manager


class _BoundedLines(io.BufferedReader):
    """Reads no line, such as a chunk's length or a trailer, of any length into memory."""

    def readline(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            return super().readline(size)
        line = super().readline(_LONGEST_LINE_BYTES)
        if len(line) >= _LONGEST_LINE_BYTES:
            raise http.client.LineTooLong("chunk or trailer")
        return line


class _Response(http.client.HTTPResponse):
    """An answer that begins after all interim ones: http.client takes a 102 or 103 for the answer itself."""

    fp: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp = _BoundedLines(self.fp.detach())

    def begin(self) -> None:
        """Read the head; urllib3 would log what cannot be read of it, and so perhaps a session."""
        super().begin()
        self.msg.set_payload("")
        self.msg.defects.clear()

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not http.client.SWITCHING_PROTOCOLS < status < http.client.OK:
                return version, status, reason
            http.client.parse_headers(self.fp)

    def _safe_read(self, amt: int) -> bytes:
        if amt < 0:  # a chunk of a negative length would be read to the end of the connection
            raise http.client.IncompleteRead(b"")
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]
        return data


class _Watched:
    """What makes a connection of urllib3 keep the deadline, and wait longer for the other side to take something."""

    response_class = _Response
    sock: Any
    sending_seconds: float
    _deadline: deadline.Deadline | None = None

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        # Watched before TLS and a proxy have their say.
        self._watch(made.fileno())
        return made

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        if self._deadline is not deadline.current():
            self._watch(self.sock.fileno())
        self.sock.settimeout(self.sending_seconds)
        whole = memoryview(data)
        for start in range(0, len(whole), _PIECE_BYTES):
            piece = whole[start : start + _PIECE_BYTES]
            super().send(piece)  # type: ignore[misc]
            if self._deadline is not None:
                self._deadline.earn(len(piece))

    def _watch(self, fileno: int) -> None:
        self._deadline = deadline.current()
        if self._deadline is not None:
            self._deadline.watch(fileno)


def _pool_class(pool: type, connection: type, sending_seconds: float) -> Any:
    watched = type(connection.__name__, (_Watched, connection), {"sending_seconds": sending_seconds})
    return type(pool.__name__, (pool,), {"ConnectionCls": watched})
