"""A server that answers with whatever bytes a test gives it: nothing that an XNAT, or the sandbox, would say."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


def answer(body: bytes, *, content_type: str = "application/json", status: int = 200, headers: str = "") -> bytes:
    """Compose an answer with a true Content-Length."""
    head = f"HTTP/1.1 {status} \r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return f"{head}{headers}\r\n".encode("latin-1") + body


LOGGED_IN = answer(b"User 'ada' is logged in", content_type="text/plain", headers="Set-Cookie: JSESSIONID=A1\r\n")


class OddServer:
    """Answers `/data/auth` as a login, and everything else as it is told, closing after each.

    Parameters
    ----------
    say : callable
        Given the method and the path with its query, returns the blocks of the raw answer.
    """

    def __init__(self, say: Callable[[str, str], bytes | Iterable[bytes]], *, login: bytes = LOGGED_IN) -> None:
        self._say = say
        self._login = login
        self.heads: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="odd-server")
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                self._converse(connection)

    def body(self, connection: socket.socket, size_bytes: int) -> None:
        """Take what is left of a body; this server does not, and answers at once."""

    def _converse(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            block = connection.recv(65536)
            if not block:
                return
            head += block
        self.heads.append(head)
        head, _, begun = head.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if length and int(length[1]) > len(begun):
            self.body(connection, int(length[1]) - len(begun))
        method, path = head.split(b" ", 2)[:2]
        said = self._login if path.startswith(b"/data/auth") else self._say(method.decode(), path.decode())
        try:
            for block in [said] if isinstance(said, bytes) else said:
                connection.sendall(block)
        except OSError:
            return  # the client has heard enough
