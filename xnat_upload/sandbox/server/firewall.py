"""Which request targets never reach XNAT: Tomcat's connector and Spring's StrictHttpFirewall.

Both look at the raw target (docs/xnat/requests.md, "What the firewall refuses").  The connector's refusals are 400,
the firewall's an exception nobody catches, so 500, and 400 on 1.11.  A 1.6 server has no firewall.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.routes.answers import Answer, error_vm_page, tomcat_page
from xnat_upload.sandbox.server.sending import send_answer

REFUSED_BY_CONNECTOR = re.compile(r'[\x00-\x20"<>\[\]{}|^`#\\\x7f-\U0010ffff]|%(?![0-9A-Fa-f]{2})|%2[Ff]|%5[Cc]|%00')
REFUSED_IN_QUERY = re.compile(r'[\x00-\x20"<>\[\]{}|^`#\\\x7f-\U0010ffff]')
LINE_BREAK = re.compile(r"%0[AaDd]")
REFUSED_BY_FIREWALL = re.compile(r";|%3[Bb]|%25|%2[Ee]|//|/\.{1,2}(/|$)")


def refusal(path: str, query: str, *, face: Face) -> Answer | None:
    """Give the answer to a target that goes no further."""
    if REFUSED_BY_CONNECTOR.search(path) or REFUSED_IN_QUERY.search(query):
        return tomcat_page(
            400, "Invalid character found in the request target. The valid characters are defined in RFC 7230"
        )
    if face.firewall_status is None:
        return None
    found = REFUSED_BY_FIREWALL.search(path) or (face.firewall_refuses_line_breaks and LINE_BREAK.search(path))
    if not found:
        return None
    message = f"The request was rejected because the URL contained a potentially malicious String {found[0]!r}"
    return error_vm_page(message) if face.firewall_status == 500 else tomcat_page(face.firewall_status, message)


class Firewall:
    """Middleware that lets only harmless targets pass."""

    def __init__(self, app: ASGIApp, *, face: Face) -> None:
        self.app = app
        self._face = face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("latin-1")
        answer = refusal(path, query, face=self._face)
        if answer:
            await send_answer(answer, scope, receive, send)
        else:
            # From here on the path is what was sent: XNAT never decodes identifiers.
            scope["path"] = path
            await self.app(scope, receive, send)
