"""Answering from a cassette in place of the server that was recorded."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from starlette.types import Receive, Scope, Send

from xnat_upload.sandbox.cassettes.cassette import Cassette, Take
from xnat_upload.sandbox.cassettes.scrubbing import SECRET_NAME, SERVER
from xnat_upload.sandbox.cassettes.serving import HOP_BY_HOP, Listening, listen, receive_into, send_whole, spool

Key = tuple[str, str, tuple[tuple[str, str], ...], bool]


class Replayed:
    """A server that gives the recorded answers.

    A request is answered as the first recorded one of the same method, path and query that was
    likewise sent with or without a login, and has not been given yet; when all of them have
    been given, as the last.  Bodies and accounts are not compared.  What was not recorded is 501.

    Parameters
    ----------
    cassette : Cassette
        What was recorded.
    port : int
        Where to listen, on loopback; 0 takes a free one.
    """

    def __init__(self, cassette: Cassette, *, port: int = 0) -> None:
        self._context_path = cassette.context_path
        self._port = port
        self._waiting: dict[Key, list[Take]] = {}
        for take in cassette.takes:
            self._waiting.setdefault(_key(take.method, take.target, dict(take.headers)), []).append(take)
        self._lock = threading.Lock()
        self._listening: Listening | None = None

    def __enter__(self) -> Replayed:
        self._listening = listen(self, self._port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.thread.stop()
            self._listening = None

    @property
    def url(self) -> str:
        """Address of the server, context path included."""
        if self._listening is None:
            raise RuntimeError("Nothing is replayed yet: use it as a context manager.")
        return f"http://127.0.0.1:{self._listening.port}{self._context_path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from the cassette."""
        scope["connection"].send_continue()
        with spool() as body:
            try:
                await receive_into(receive, body)
            except ConnectionError:
                return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        target = f"{scope['raw_path'].decode('ascii')}?{scope['query_string'].decode('latin-1')}"
        take = self._next(_key(scope["method"], target, headers))
        if take is None or take.answer.content is None:
            why = "was not recorded" if take is None else "was recorded without its answer, which was too large"
            page = f"{scope['method']} {target.rstrip('?')} {why}.\n".encode()
            plain = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(page)))]
            await send_whole(send, 501, plain, iter([page]))
            return
        here = self.url.removesuffix(self._context_path)
        content = take.answer.content
        size = take.answer_header("content-length") if take.method == "HEAD" else str(len(content))
        answer_headers = [
            (name, value.replace(SERVER, here)) for name, value in take.answer_headers if name not in HOP_BY_HOP
        ]
        answer_headers.append(("content-length", size))
        await send_whole(send, take.status, answer_headers, iter([content]))

    def _next(self, key: Key) -> Take | None:
        with self._lock:
            waiting = self._waiting.get(key, [])
            if len(waiting) > 1:
                return waiting.pop(0)
            return waiting[0] if waiting else None


def _key(method: str, target: str, headers: Mapping[str, str]) -> Key:
    parts = urlsplit(target)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = tuple(sorted((name, "" if SECRET_NAME.fullmatch(name) else value) for name, value in pairs))
    return method, parts.path, query, "authorization" in headers or "cookie" in headers
