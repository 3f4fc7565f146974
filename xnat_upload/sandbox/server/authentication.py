"""Who is asking: Basic credentials, the session cookie, and what becomes of anonymous requests.

The order of the checks is that of XNAT's filter chain (docs/xnat/logging-in.md, "The order of the checks"): what
looks odd here, such as a password nobody checks while its session lives, is so there.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xnat_upload.sandbox.faults import ForgetSession
from xnat_upload.sandbox.routes.answers import Answer, error_vm_page, tomcat_page
from xnat_upload.sandbox.routes.request import is_interactive
from xnat_upload.sandbox.server.sending import send_answer
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.logins import HttpSession, Logins
from xnat_upload.sandbox.store.records import GUEST

OPEN_PATHS = re.compile(
    r"/(data|REST)/(JSESSION[^/]*$|services/auth|services/sendemailverification)"
    r"|/xapi/siteConfig/(buildInfo|siteId|siteUrl|siteHome|siteLogoPath)$"
    r"|/app/template/Login\.vm"
)
API_PATHS = re.compile(r"/(data|REST|xapi|fs)(/|$)")
SECURITY_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    ("x-frame-options", "SAMEORIGIN"),
    ("content-security-policy", "frame-ancestors 'self'"),
)


class Authentication:
    """Middleware that finds the user of a request, or turns it away."""

    def __init__(self, app: ASGIApp, *, archive: Archive, logins: Logins, cookie_path: str) -> None:
        self.app = app
        self._archive = archive
        self._logins = logins
        self._cookie_path = cookie_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the user, and set the cookies on the way out."""
        headers = Headers(scope=scope)
        exchange = scope["exchange"]
        cookie = session_cookie(headers)
        if any(isinstance(fault, ForgetSession) for fault in exchange.faults):
            self._logins.close(cookie or "")
        known = self._logins.find(cookie)
        session, refused = self._log_in(headers, known)
        cookies = []
        if refused is None:
            if session is None:
                session = self._logins.open(None)
            assert session is not None  # only a user can have too many sessions
            exchange.user = session.user
            exchange.session_id = session.id
            if session is not known:
                cookies.append(f"JSESSIONID={session.id}; Path={self._cookie_path}; HttpOnly")
            # Quoted and versioned by Tomcat's LegacyCookieProcessor.
            timeout_ms = int(self._archive.site.session_timeout_seconds * 1000)
            cookies.append(
                f'SESSION_EXPIRATION_TIME="{int(time.time() * 1000)},{timeout_ms}"; Version=1; Path={self._cookie_path}'
            )
            refused = self._admit(scope["path"], headers, session)

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer_headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS:
                    answer_headers[name] = value
                for one in cookies:
                    answer_headers.append("set-cookie", one)
            await send(message)

        if refused is not None:
            await send_answer(refused, scope, receive, send_with_cookies)
            return
        exchange.user = exchange.user or GUEST
        scope["http_session"] = session
        await self.app(scope, receive, send_with_cookies)

    def _log_in(self, headers: Headers, known: HttpSession | None) -> tuple[HttpSession | None, Answer | None]:
        scheme, _, payload = headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return known, None
        try:
            credentials = base64.b64decode(payload.strip(), validate=False).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            credentials = ""
        name, colon, password = credentials.partition(":")
        if not colon:
            return None, error_vm_page("Invalid basic authentication token")
        if not name:
            return known, None
        if not self._archive.site.cookie_login:
            return self._for_this_request(name, password, known)
        # With a living session the password is not even looked at (docs/xnat/logging-in.md, "Basic credentials").
        if known and known.user and self._logins.stands_for(name, known.user):
            return known, None
        user = self._logins.authenticate(name, password)
        session = self._logins.open(user) if user else None
        return session, None if session else self._login_failed()

    def _for_this_request(
        self, name: str, password: str, known: HttpSession | None
    ) -> tuple[HttpSession | None, Answer | None]:
        """Log in without remembering it: the session stays anonymous, and gets another ID against fixation."""
        user = self._logins.authenticate(name, password)
        if user is None:
            return None, self._login_failed()
        if known:
            self._logins.close(known.id)
        session = self._logins.open(None)
        assert session is not None  # only a user can have too many sessions
        return replace(session, user=user), None

    def _login_failed(self) -> Answer:
        return tomcat_page(401, self._archive.face.login_failed.format(limit=self._archive.site.max_failed_logins))

    def _admit(self, path: str, headers: Headers, session: HttpSession) -> Answer | None:
        if session.user or not self._archive.site.require_login or OPEN_PATHS.match(path):
            return None
        if is_interactive(headers.get("user-agent", "")) or not API_PATHS.match(path):
            location = f"{self._cookie_path.rstrip('/')}/app/template/Login.vm"
            return Answer(302, (("location", location),))
        challenge = f'Basic realm="{self._archive.site.site_id}"'
        return tomcat_page(401, "Full authentication is required to access this resource").with_headers(
            ("www-authenticate", challenge)
        )


def session_cookie(headers: Headers) -> str | None:
    """Read the JSESSIONID out of a Cookie header, whatever else stands there."""
    for part in headers.get("cookie", "").split(";"):
        try:
            cookie: SimpleCookie = SimpleCookie(part.strip())
        except CookieError:
            continue
        if "JSESSIONID" in cookie:
            return cookie["JSESSIONID"].value
    return None
