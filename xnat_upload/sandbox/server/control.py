"""The addresses of the sandbox itself, which no XNAT has; everything else goes to the site that answers now.

They are for programs and browsers of this machine alone: whoever comes from elsewhere, by a
name that is not this machine's, or sent by a web page of another site, is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

ADDRESS = "/xnat-sandbox"
METHODS = {"": "GET", "/reset": "POST"}


class Control:
    """Outermost middleware.

    Parameters
    ----------
    app : callable
        Gives the application of the site that answers now.
    reset : callable
        Puts a new site in its place.
    status : callable
        Gives the page that shows what it holds.
    """

    def __init__(
        self, app: Callable[[], ASGIApp], *, context_path: str, reset: Callable[[], None], status: Callable[[], str]
    ) -> None:
        self._app = app
        self._address = f"{context_path}{ADDRESS}"
        self._reset = reset
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is meant for the sandbox, and pass on the rest."""
        path: str = scope["path"]
        if path == self._address or path.startswith(f"{self._address}/"):
            answer = await self._answer(Request(scope), path.removeprefix(self._address).rstrip("/"))
            await answer(scope, receive, send)
        else:
            await self._app()(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        if not _is_from_here(request):
            return PlainTextResponse("This address is for programs of the machine that the sandbox runs on.\n", 403)
        if path not in METHODS:
            return PlainTextResponse(f"The sandbox itself has {self._address} and {self._address}/reset.\n", 404)
        if request.method != METHODS[path]:
            allowed = METHODS[path]
            return PlainTextResponse(f"This is asked for by {allowed}.\n", 405, {"Allow": allowed})
        if not path:
            return HTMLResponse(await anyio.to_thread.run_sync(self._status), headers={"Cache-Control": "no-store"})
        try:
            await anyio.to_thread.run_sync(self._reset)
        except Exception as error:
            return PlainTextResponse(f"{error}\n", 409)
        return PlainTextResponse("The sandbox is as it was when it started.\n")


def _is_from_here(request: Request) -> bool:
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    is_own_page = origin is None or urlsplit(origin).netloc == host
    client = request.client.host if request.client else ""
    return is_own_page and _is_loopback(client) and _is_loopback(_name(host))


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
