"""From a routed ASGI request to a route's function, run in a thread as in a servlet container."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from xnat_upload.sandbox.holds import Holds
from xnat_upload.sandbox.routes.absent import absent_answer
from xnat_upload.sandbox.routes.answers import RESTLET_HEADERS, Answer, Refusal, bodyless, status_page, tomcat_page
from xnat_upload.sandbox.routes.request import Query, Request, negotiate
from xnat_upload.sandbox.routes.table import Handler, Noun
from xnat_upload.sandbox.server.body import RequestBody
from xnat_upload.sandbox.server.faulty_disk import FaultyDisk
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.disk import KilledError
from xnat_upload.sandbox.store.logins import HttpSession, Logins

MAX_THREADS = 200  # Tomcat's maxThreads
BROWSER = re.compile(r"Mozilla|Chrome|Safari|Opera|Camino|Firefox|MSIE")
VARY = ("vary", "Accept-Charset, Accept-Encoding, Accept-Language, Accept")


class Dispatcher:
    """Calls routes; one thread limit for the whole site."""

    def __init__(self, *, archive: Archive, logins: Logins, holds: Holds, context_path: str) -> None:
        self._archive = archive
        self._logins = logins
        self._holds = holds
        self._context_path = context_path
        self._threads = anyio.CapacityLimiter(MAX_THREADS)

    def endpoint(self, noun: Noun) -> Endpoint:
        """Make the ASGI endpoint of a noun."""
        return Endpoint(noun, self)

    async def answer(self, noun: Noun, scope: Scope, body: RequestBody) -> Answer:
        """Find out what to answer."""
        method = _tunnelled(scope)
        if method == "TRACE":
            return tomcat_page(405, "TRACE method is not allowed")
        if method == "OPTIONS":
            return Answer().with_headers(("allow", noun.allow))
        if self._lacks_csrf_token(scope, method):
            return status_page(500, "INVALID CSRF")
        handler = noun.handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            return status_page(405).with_headers(("allow", noun.allow))
        tail: str = scope["path_params"].get("tail", "").rstrip("/")
        # Restlet knows no segment boundaries, ``filesx`` is ``files/x`` to it; whoever writes must mean what he writes.
        if tail and method not in ("GET", "HEAD") and not (method in noun.tailed and tail.startswith("/")):
            return status_page(400)
        headers = Headers(scope=scope)
        variant = noun.variants[0]
        if method in ("GET", "HEAD"):
            chosen = negotiate(headers.get("accept", ""), noun.variants)
            if chosen is None:
                return tomcat_page(406)
            variant = chosen
        request = self._request(scope, method, headers, body, variant)
        body.tell(lambda point: request.disk.reached(point, PurePosixPath(request.path)))
        try:
            answer = await anyio.to_thread.run_sync(_handled, handler, request, limiter=self._threads)
        except KilledError:
            scope["exchange"].abort(reset=False)
            return Answer()
        if method not in ("GET", "HEAD") or answer.status >= 400:
            return answer
        answer = _ranged(answer, headers.get("range"))
        # Restlet negotiates and says so; Spring's answers under /xapi do not.
        return answer.with_headers(VARY) if RESTLET_HEADERS[0] in answer.headers else answer

    def _request(self, scope: Scope, method: str, headers: Headers, body: RequestBody, variant: str) -> Request:
        params = dict(scope["path_params"])
        exchange = scope["exchange"]
        return Request(
            method=method,
            path=scope["path"],
            tail=params.pop("tail", ""),
            params=params,
            query=Query(scope["query_string"].decode("latin-1")),
            headers=dict(headers),
            variant=variant,
            body=body,
            user=exchange.user,
            http_session=scope["http_session"],
            archive=self._archive,
            logins=self._logins,
            disk=FaultyDisk(self._holds, exchange.faults, exchange.abort, catalog_busy=self._archive.face.catalog_busy),
            context_path=self._context_path,
        )

    def _lacks_csrf_token(self, scope: Scope, method: str) -> bool:
        """Tell whether a browser writes without the token of its session.

        See docs/xnat/logging-in.md, "Browsers must show a token".
        """
        agent = Headers(scope=scope).get("user-agent", "")
        is_exempt = not BROWSER.search(agent) or "XNATDesktopClient" in agent or "java" in agent.lower()
        if is_exempt or not self._archive.site.enable_csrf_token or method in ("GET", "HEAD"):
            return False
        token = Query(scope["query_string"].decode("latin-1")).get("XNAT_CSRF")
        session: HttpSession = scope["http_session"]
        return token != session.csrf_token


def _tunnelled(scope: Scope) -> str:
    """Give the method: a POST may ask to be taken for another one (docs/xnat/requests.md, "Accept and format")."""
    method: str = scope["method"]
    if method == "POST":
        return Query(scope["query_string"].decode("latin-1")).get("method").upper() or method
    return method


def _ranged(answer: Answer, wanted: str | None) -> Answer:
    """Refuse a range of an answer whose size nobody knows, where XNAT's filter cannot compute it.

    See docs/xnat/listings.md, "Reading one file".
    """
    if wanted is None or answer.status != 200 or any(name == "content-length" for name, _ in answer.headers):
        return answer
    if "," in wanted:
        return status_page(501)
    return status_page(500) if wanted.strip().endswith("-") else answer


def _handled(handler: Handler, request: Request) -> Answer:
    try:
        answer = handler(request)
    except Refusal as refusal:
        answer = refusal.answer
    except Exception as error:
        answer = status_page(500, str(error))
    request.disk.reached("answer-ready", PurePosixPath(request.path))
    return answer


class Absent:
    """The ASGI application behind a route that XNAT has and this archive has not."""

    def __init__(self, template: str, instead: str) -> None:
        self._answer = absent_answer(template, instead)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say so, whatever the method."""
        answer = bodyless(self._answer) if scope["method"] == "HEAD" else self._answer
        await send_answer(answer, scope, receive, send)


class Endpoint:
    """The ASGI application behind one route."""

    def __init__(self, noun: Noun, dispatcher: Dispatcher) -> None:
        self._noun = noun
        self._dispatcher = dispatcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        connection = scope["connection"]
        body = RequestBody(receive, Headers(scope=scope), is_cut=lambda: connection.is_aborted)
        answer = await self._dispatcher.answer(self._noun, scope, body)
        if scope["method"] == "HEAD" and answer.status >= 400:
            answer = bodyless(answer)
        await send_answer(answer, scope, receive, send, body=body)


async def unknown_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for a path below ``/data`` that is no route."""
    await send_answer(status_page(404), scope, receive, send)


async def outside(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for a path no servlet knows."""
    await send_answer(tomcat_page(404), scope, receive, send)
