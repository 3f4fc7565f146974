"""A gateway in front of the archive that wants name and password with every request."""

from __future__ import annotations

import base64
import binascii

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.logins import Logins

PAGE = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REFUSED = Answer(401, (("content-type", "text/html"), ("www-authenticate", 'Basic realm="hospital gateway"')), PAGE)


class Gateway:
    """Middleware that lets only those pass who say who they are; a cookie of the archive means nothing to it."""

    def __init__(self, app: ASGIApp, *, archive: Archive, logins: Logins) -> None:
        self.app = app
        self._archive = archive
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if self._archive.site.gateway_login and not self._is_welcome(Headers(scope=scope).get("authorization", "")):
            await send_answer(REFUSED, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_welcome(self, authorization: str) -> bool:
        scheme, _, payload = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(payload).decode("utf-8", "replace").partition(":")
        except (binascii.Error, ValueError):
            return False
        return scheme == "Basic" and self._logins.authenticate(name, password) is not None
