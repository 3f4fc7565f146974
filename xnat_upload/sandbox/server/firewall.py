"""Which request targets never reach XNAT: Tomcat's connector and Spring's StrictHttpFirewall.

Both look at the raw target (docs/xnat/requests.md, "What the firewall refuses").  The connector's refusals are 400,
the firewall's an exception nobody catches, so 500.  A 1.6 server has no firewall.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from xnat_upload.sandbox.routes.answers import Answer, error_vm_page, tomcat_page
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.site import Profile

REFUSED_BY_CONNECTOR = re.compile(r'[\x00-\x20"<>\[\]{}|^`#\\\x7f-\U0010ffff]|%(?![0-9A-Fa-f]{2})|%2[Ff]|%5[Cc]|%00')
REFUSED_IN_QUERY = re.compile(r'[\x00-\x20"<>\[\]{}|^`#\\\x7f-\U0010ffff]')
REFUSED_BY_FIREWALL = re.compile(r";|%3[Bb]|%25|%2[Ee]|//|/\.{1,2}(/|$)")


def refusal(path: str, query: str, *, profile: Profile) -> Answer | None:
    """Give the answer to a target that goes no further."""
    if REFUSED_BY_CONNECTOR.search(path) or REFUSED_IN_QUERY.search(query):
        return tomcat_page(
            400, "Invalid character found in the request target. The valid characters are defined in RFC 7230"
        )
    if profile != "1.6" and (found := REFUSED_BY_FIREWALL.search(path)):
        return error_vm_page(
            f"The request was rejected because the URL contained a potentially malicious String {found[0]!r}"
        )
    return None


class Firewall:
    """Middleware that lets only harmless targets pass."""

    def __init__(self, app: ASGIApp, *, profile: Profile) -> None:
        self.app = app
        self._profile = profile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("latin-1")
        answer = refusal(path, query, profile=self._profile)
        if answer:
            await send_answer(answer, scope, receive, send)
        else:
            # From here on the path is what was sent: XNAT never decodes identifiers.
            scope["path"] = path
            await self.app(scope, receive, send)
