"""The record of every request, so that a test can count what a client really sent."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.server.exchange import Exchange


@dataclass(frozen=True, kw_only=True)
class RecordedRequest:
    """One request as it came in, and the status it got.

    Parameters
    ----------
    method : str
        ``GET`` and so on.
    path : str
        The raw path, still percent-encoded.
    query : Mapping of str to str
        Decoded; of a repeated name the last value.
    headers : Mapping of str to str
        Names in lower case.
    body_size : int
        Bytes of the body that had been read when the answer was given.
    status : int or None
        ``None`` if the connection was dropped without an answer.
    user : str or None
        Login of whoever it was done as.
    session_id : str or None
        The JSESSIONID it was done under, a new one included.
    body : bytes or None
        What had been read of the body when the answer was given; ``None`` unless bodies are kept.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body_size: int
    status: int | None
    user: str | None
    session_id: str | None
    body: bytes | None = field(default=None, repr=False)


class Requests(tuple[RecordedRequest, ...]):
    """Requests in the order of their answers: a tuple with a way to choose among them."""

    __slots__ = ()

    def matching(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        query: Mapping[str, str] | None = None,
        status: int | None = None,
        user: str | None = None,
    ) -> Requests:
        """Give those that are like this in everything that is said.

        Parameters
        ----------
        method : str, optional
            ``PUT`` and so on.
        path : str, optional
            A regular expression, looked for in the raw path, as in faults.
        query : Mapping of str to str, optional
            Parameters that must be there with these values; others may be.
        status : int, optional
            What was answered.
        user : str, optional
            Login of whoever it was done as.

        Returns
        -------
        Requests
            In their order.
        """
        pattern = re.compile(path or "")
        return Requests(
            one
            for one in self
            if method in (None, one.method)
            and pattern.search(one.path)
            and (query or {}).items() <= one.query.items()
            and status in (None, one.status)
            and user in (None, one.user)
        )


class Recorder:
    """Keeps the requests in the order in which they were answered."""

    def __init__(self) -> None:
        self.keeps_bodies = False
        self._requests: list[RecordedRequest] = []
        self._lock = threading.Lock()
        self._under_way = 0
        self._at_rest = threading.Condition(self._lock)

    @property
    def requests(self) -> Requests:
        """All requests since the last `clear`."""
        with self._lock:
            return Requests(self._requests)

    def add(self, request: RecordedRequest) -> None:
        """Append one."""
        with self._lock:
            self._requests.append(request)

    def begin(self) -> None:
        """Count a request that comes to the archive."""
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        """Count a request that the archive has done."""
        with self._at_rest:
            self._under_way -= 1
            self._at_rest.notify_all()

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until no request is under way; false if that takes too long."""
        with self._at_rest:
            return self._at_rest.wait_for(lambda: not self._under_way, timeout_seconds)

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._requests.clear()


class Recording:
    """Outermost middleware: sees what arrives and what leaves, faults included."""

    def __init__(self, app: ASGIApp, *, recorder: Recorder, face: Face) -> None:
        self.app = app
        self._face = face
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and write it down."""
        connection = scope["connection"]
        connection.send_continue()
        body_size = 0
        kept: list[bytes] | None = [] if self._recorder.keeps_bodies else None
        recorded = False

        def record(status: int | None) -> None:
            nonlocal recorded
            if recorded:
                return
            recorded = True
            self._recorder.add(
                RecordedRequest(
                    method=scope["method"],
                    path=scope["raw_path"].decode("ascii"),
                    query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                    headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
                    body_size=body_size,
                    status=status,
                    user=exchange.user.login if exchange.user else None,
                    session_id=exchange.session_id,
                    body=None if kept is None else b"".join(kept),
                )
            )

        exchange = scope["exchange"] = Exchange(abort=connection.abort, record=record, face=self._face)

        async def counted_receive() -> Message:
            nonlocal body_size
            message = await receive()
            body_size += len(message.get("body", b""))
            if kept is not None:
                kept.append(message.get("body", b""))
            return message

        async def noted_send(message: Message) -> None:
            # Written down before the client can know, so that a test finds it when its call returns.
            if message["type"] == "http.response.start":
                record(message["status"])
            await send(message)

        try:
            await self.app(scope, counted_receive, noted_send)
        finally:
            record(None)


class Working:
    """Middleware that tells the recorder while the archive works: what faults do with the answer does not count."""

    def __init__(self, app: ASGIApp, *, recorder: Recorder) -> None:
        self.app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_done = False

        def done() -> None:
            nonlocal is_done
            if not is_done:
                is_done = True
                self._recorder.end()

        async def noted_send(message: Message) -> None:
            done()
            await send(message)

        self._recorder.begin()
        try:
            await self.app(scope, receive, noted_send)
        finally:
            done()
