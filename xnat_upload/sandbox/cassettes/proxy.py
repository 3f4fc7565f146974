"""Recording: a proxy on loopback, to which a client talks in place of the server."""

from __future__ import annotations

import threading
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

import anyio.to_thread
import requests
from starlette.types import Receive, Scope, Send

from xnat_upload.sandbox.cassettes.cassette import Cassette, Take
from xnat_upload.sandbox.cassettes.scrubbing import without_secrets
from xnat_upload.sandbox.cassettes.serving import (
    BLOCK_BYTES,
    HOP_BY_HOP,
    Listening,
    blocks_of,
    kept,
    listen,
    receive_into,
    send_whole,
    spool,
)

TIMEOUT_SECONDS = 600.0  # of silence; an archive may think long about a large upload
Headers = list[tuple[str, str]]


class Recorded:
    """A server as it is recorded: talk to `url`, and what is said ends in `cassette`.

    Parameters
    ----------
    server : str
        Address of an XNAT, context path included.
    port : int
        Where to listen, on loopback; 0 takes a free one.
    certificates : Path, optional
        Authorities to trust, if the system does not know the server's.

    Examples
    --------
    >>> import requests
    >>> from xnat_upload.sandbox import Sandbox
    >>> with Sandbox() as xnat, Recorded(xnat.url) as server:
    ...     requests.get(f"{server.url}/data/JSESSION", auth=("admin", "admin"), timeout=10).status_code
    ...     [take] = server.cassette.takes
    ...     take.answer.text
    200
    'REMOVED-2'
    """

    def __init__(self, server: str, *, port: int = 0, certificates: Path | None = None) -> None:
        parts = urlsplit(server.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{server!r} is no address of a server, such as https://xnat.example.org.")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._context_path = parts.path
        self._port = port
        self._takes: list[Take] = []
        self._lock = threading.Lock()
        self._listening: Listening | None = None
        self._session = requests.Session()
        self._session.headers.clear()
        self._certificates = str(certificates) if certificates else None
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # cookies are the client's

    def __enter__(self) -> Recorded:
        self._listening = listen(self, self._port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.thread.stop()
            self._listening = None
        self._session.close()

    @property
    def url(self) -> str:
        """What a client takes for the address of the server."""
        return f"{self._own_origin}{self._context_path}"

    @property
    def cassette(self) -> Cassette:
        """What was recorded so far, without secrets."""
        with self._lock:
            takes = list(self._takes)
        return Cassette(takes=tuple(without_secrets(takes, origin=self._origin)), context_path=self._context_path)

    @property
    def _own_origin(self) -> str:
        if self._listening is None:
            raise RuntimeError("Nothing is recorded yet: use it as a context manager.")
        return f"http://127.0.0.1:{self._listening.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        scope["connection"].send_continue()
        with spool() as body, spool() as answer:
            try:
                await receive_into(receive, body)
            except ConnectionError:
                return
            status, headers = await anyio.to_thread.run_sync(self._forward, scope, body, answer)
            await send_whole(send, status, headers, iter([]) if scope["method"] == "HEAD" else blocks_of(answer))

    def _forward(self, scope: Scope, body: IO[bytes], answer: IO[bytes]) -> tuple[int, Headers]:
        """Ask the server, write its answer into a file, and record both."""
        sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        target = scope["raw_path"].decode("ascii")
        if query := scope["query_string"].decode("latin-1"):
            target += f"?{query}"
        headers = {name: value for name, value in sent if name not in HOP_BY_HOP and name != "host"}
        headers["accept-encoding"] = "identity"  # secrets are found in plain text only
        names = {name for name, _ in sent}
        body.seek(0)
        data = blocks_of(body) if "transfer-encoding" in names else body if "content-length" in names else None
        request = requests.Request(scope["method"], "http://placeholder", headers=headers, data=data, auth=_as_it_is)
        prepared = self._session.prepare_request(request)
        prepared.url = f"{self._origin}{target}"  # as it came: requests would encode it in another way
        settings = self._session.merge_environment_settings(prepared.url, {}, True, self._certificates, None)
        try:
            with self._session.send(prepared, timeout=TIMEOUT_SECONDS, allow_redirects=False, **settings) as response:
                for block in response.iter_content(BLOCK_BYTES):
                    answer.write(block)
                got = list(response.raw.headers.items())
        except requests.RequestException as error:
            answer.write(f"The recording proxy got no answer from the server: {error}\n".encode())
            return 502, [("content-type", "text/plain; charset=utf-8"), ("content-length", str(answer.tell()))]
        passed = [(name.lower(), self._own(name.lower(), value)) for name, value in got]
        passed = [(name, value) for name, value in passed if name not in HOP_BY_HOP and name != "content-encoding"]
        # Of a HEAD the size is told, and no byte comes.
        told = response.headers.get("Content-Length", "0") if scope["method"] == "HEAD" else str(answer.tell())
        passed.append(("content-length", told))
        take = Take(
            method=scope["method"],
            target=target,
            # Whether it was chunked is kept: an archive takes a body of unknown size in another way.
            headers=tuple((name, value) for name, value in sent if name not in HOP_BY_HOP - {"transfer-encoding"}),
            body=kept(body),
            status=response.status_code,
            answer_headers=tuple(
                (name, value.replace(self._own_origin, self._origin)) for name, value in passed if name != "date"
            ),
            answer=kept(answer),
        )
        with self._lock:
            self._takes.append(take)
        return response.status_code, passed

    def _own(self, name: str, value: str) -> str:
        """Lead the client back to the proxy, which has no TLS."""
        if name == "location":
            return value.replace(self._origin, self._own_origin)
        if name == "set-cookie":
            parts = value.split(";")
            return ";".join(part for part in parts if not part.strip().lower().startswith(("secure", "domain=")))
        return value


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add no login of anybody's netrc file."""
    return request
