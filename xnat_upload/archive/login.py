"""What lets the requests of one connection in: one session for all threads, renewed by one of them for all.

XNAT opens a session for each request that comes without one, and has 1000 of them for a user (docs/xnat/logging-in.md,
"Sessions are counted"). So the password is sent to log in and not otherwise. But where a login does not live in its
cookie, because a gateway in front wants it with each request, or the archive forgets it (docs/xnat/versions.md, "What
1.11 changes"), it goes with each, beside the cookie.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
import requests.auth
from requests.cookies import RequestsCookieJar, get_cookie_header

from xnat_upload.archive.answers import Answer, not_logged_in, refusal
from xnat_upload.archive.locks import SharedQuestion, anew
from xnat_upload.errors import AuthenticationError

logger = logging.getLogger(__name__)

# XNAT locks an account for an hour after twenty refused logins (by default). A service that goes on for days must not
# be the one who does that, and must come back by itself when the account does.
_REFUSED_LOGIN_SECONDS = 600
# A message to browsers, with quotes in it.
_EVERYWHERE = "/"  # whose cookies go to /data and to /xapi
_NO_COOKIE_FOR_US = "SESSION_EXPIRATION_TIME"


class Exchange(Protocol):
    """Sends one request of a connection, once."""

    def __call__(self, method: str, path: str, *, headers: Mapping[str, str], auth: Any) -> Answer:
        """Send it."""


class SessionOnly(requests.auth.AuthBase):
    """Send no credentials but the session's cookie, neither the interface's nor those of ``~/.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Leave the request as it is."""
        return request


@dataclass(frozen=True, eq=False)
class Admission:
    """What a request shows to be let in.

    Parameters
    ----------
    headers : mapping
        The cookies of one login, as they were then: an answer to an ended session brings a new, anonymous JSESSIONID,
        and one that comes late must not take the place of the renewed one (docs/xnat/logging-in.md, "The session
        cookie").
    auth : object
        What requests is to add.
    with_credentials : bool
        The login itself goes along.
    """

    headers: Mapping[str, str] = field(repr=False)
    auth: Any = field(repr=False)
    with_credentials: bool = False


class Login:
    """The login of one connection, safe for many threads.

    Parameters
    ----------
    exchange : callable
        Sends a request.
    server : str
        The archive's address.
    auth : object
        The interface's own credentials, or None: requests would take those of ``~/.netrc``, and so perhaps another
        user.
    headers : mapping
        An existing ``Authorization``, instead of credentials.
    cookies : RequestsCookieJar
        Those of an existing session.
    seconds : float
        How long a thread waits for another one's login.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        server: str,
        auth: Any,
        headers: Mapping[str, str],
        cookies: RequestsCookieJar,
        seconds: float,
    ) -> None:
        self.user = ""
        self.closed = False
        self._exchange = exchange
        self._server = server
        self._credentials = auth or SessionOnly()
        self._credential_headers = dict(headers)
        self._has_credentials = bool(auth or headers)
        self._cookies = cookies
        self._opened = self._has_credentials and _session_of(cookies) is None
        self._admission: Admission | None = None
        # Whether each request must show the credentials: None until something has told.
        self._with_each: bool | None = None if self._has_credentials else False
        self._refused: tuple[AuthenticationError, float] | None = None
        self._question: SharedQuestion[Admission] = SharedQuestion(seconds, doing="logging in")
        self._changing = threading.Lock()

    @property
    def admission(self) -> Admission | None:
        """What the last login gave; None if there has been none."""
        return self._admission

    @property
    def is_ours(self) -> bool:
        """Whether there is a session, and it was opened here.

        Another JSESSIONID than the given one proves nothing: a balancer may bring one of its own.
        """
        return self._admission is not None and self._opened and _session_of(self._cookies) is not None

    def renew(self, ended: Admission | None) -> Admission:
        """Log in, unless another thread has done so since `ended` was in use.

        Raises
        ------
        AuthenticationError
            The credentials are not accepted, or were not taken for a login.
        """

        def renewed() -> Admission | None:
            return self._admission if self._admission is not ended else None

        return self._question.ask(renewed, lambda: self._log_in_unless_refused(again=ended is not None))

    def show_credentials(self, refused: Admission) -> Admission | None:
        """Show the credentials with each request, if there are any: a session was refused that had just been opened.

        Returns
        -------
        Admission or None
            What to show from now on; None if there is nothing more to show.
        """
        with self._changing:
            if not self._has_credentials or refused.with_credentials:
                return None
            if not self._with_each:
                logger.info("The login does not live in its cookie; it is sent with each request.")
                self._with_each = True
                self._admit()
            return self._admission

    def check(self, shown: Admission) -> Admission:
        """Find out, once, whether the cookie alone is the user's, where an answer may have been one for guests.

        Returns
        -------
        Admission
            What to show from now on: the same, if nothing is wrong with it.
        """
        if self._with_each is not None or shown.with_credentials:
            return shown
        answer = self._exchange("GET", "/data/auth", headers=shown.headers, auth=shown.auth)
        if answer.status == 401 or answer.is_login_page or (answer.status == 200 and _user_of(answer) != self.user):
            return self.show_credentials(shown) or shown
        if answer.status == 200:
            self._with_each = False
        return shown

    def answered(self, shown: Admission, answer: Answer) -> None:
        """Take over a session that came with an answer to the credentials, and remember that they are refused."""
        if not shown.with_credentials:
            return
        if answer.status == 401:
            self._remember(_refused_by(answer, doing="showing the login"))
            return
        with self._changing:
            if self._admission is shown and _session_of(answer.cookies) not in (None, _session_of(self._cookies)):
                self._cookies.update(answer.cookies)
                self._admit()

    def raise_if_refused(self) -> None:
        """Let no request go out whose credentials are known to be refused; XNAT counts each of them."""
        if self.closed:
            raise AuthenticationError("This uploader has been closed, and logs in no more. Connect again.")
        refused = self._refused
        if refused is not None and time.monotonic() < refused[1]:
            raise anew(refused[0])

    def forget(self) -> None:
        """Be logged in no more."""
        self._admission = None

    def _log_in_unless_refused(self, *, again: bool) -> Admission:
        self.raise_if_refused()
        if again:
            logger.info("The session has ended; logging in again.")
            self._opened = self._has_credentials
        self.user = self._log_in()
        with self._changing:
            return self._admit()

    def _log_in(self) -> str:
        # /data/JSESSION answers 200 to anybody; only /data/auth says whether the login counts (docs/xnat/logging-in.md,
        # "JSESSION, auth and services/auth").
        headers = {**self._credential_headers, **self._cookie_header("/data/auth")}
        answer = self._exchange("GET", "/data/auth", headers=headers, auth=self._credentials)
        if answer.is_login_page:
            raise not_logged_in(answer)
        if answer.status == 404:
            raise answer.error("as no XNAT does; its address may need a path, such as /xnat, but no page behind it")
        if answer.status == 401:
            error = _refused_by(answer, doing="logging in", by_gateway=self._has_credentials)
            self._remember(error)
            raise error
        refused = refusal(answer, doing="logging in")
        if refused:
            raise refused
        user = _user_of(answer)
        if answer.content_type != "text/plain" or not user:
            raise answer.error("to the question who is logged in, but not as an XNAT does")
        if user == "guest":
            raise AuthenticationError(
                f"The archive at {self._server} let the login pass as a guest: the session has ended, or no "
                "credentials reached it. Renew the session, or give user and password.",
                status=answer.status,
                url=answer.url,
            )
        given = None if self._has_credentials else _session_of(self._cookies)
        for cookie in answer.cookies:
            if given is None or cookie.name != "JSESSIONID":  # the given one alone is logged in
                self._cookies.set_cookie(cookie)
        return user

    def _remember(self, error: AuthenticationError) -> None:
        self._refused = error, time.monotonic() + _REFUSED_LOGIN_SECONDS

    def _admit(self) -> Admission:
        headers = self._cookie_header(_EVERYWHERE)
        if self._with_each:
            headers = {**self._credential_headers, **headers}
        self._admission = Admission(
            headers, self._credentials if self._with_each else SessionOnly(), with_credentials=bool(self._with_each)
        )
        return self._admission

    def _cookie_header(self, path: str) -> dict[str, str]:
        sent = RequestsCookieJar()
        for cookie in self._cookies:
            if cookie.name != _NO_COOKIE_FOR_US:
                sent.set_cookie(cookie)
        # The jar keeps each cookie to its path, its host, and to https where it is Secure.
        header = get_cookie_header(sent, requests.Request("GET", f"{self._server}{path}").prepare())  # type: ignore[no-untyped-call]
        return {"Cookie": header} if header else {}


def _session_of(cookies: RequestsCookieJar) -> str | None:
    values = [cookie.value for cookie in cookies if cookie.name == "JSESSIONID"]
    return values[-1] if values else None


def _user_of(answer: Answer) -> str:
    return answer.text.partition("User '")[2].partition("'")[0]


def _refused_by(answer: Answer, *, doing: str, by_gateway: bool = True) -> AuthenticationError:
    error = refusal(answer, doing=doing)
    assert isinstance(error, AuthenticationError)
    # XNAT itself says so to refused credentials, without a challenge (docs/xnat/logging-in.md, "Basic credentials").
    if not by_gateway or not answer.challenge or "login attempt failed" in answer.message.lower():
        return error
    return AuthenticationError(
        f"{error} It seems not to be XNAT who refuses, but a gateway in front that asks for a login of its own.",
        status=error.status,
        url=error.url,
        server_message=error.server_message,
    )
