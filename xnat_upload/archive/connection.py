"""One login to one archive: the only module, with `archive`, that knows pyxnat and HTTP.

Traffic goes through ``Interface.get/put/head/delete``. Every thread shares one ``JSESSIONID``: XNAT opens a session for
each request that comes without one, and has 1000 of them for a user (docs/xnat/logging-in.md, "Sessions are counted").
The password is sent to log in and not otherwise. When the session has ended, one thread logs in again for all.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import requests
import requests.adapters
import requests.auth

from xnat_upload.archive import retry
from xnat_upload.archive.adapter import PoolAdapter
from xnat_upload.archive.answers import Answer, not_logged_in, refusal
from xnat_upload.archive.exchange import exchange
from xnat_upload.errors import AuthenticationError, XnatUploadError
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat

logger = logging.getLogger(__name__)

# XNAT locks an account for an hour after twenty refused logins (by default). A service that goes on for days must not
# be the one who does that, and must come back by itself when the account does.
_REFUSED_LOGIN_SECONDS = 600
# A narrow Accept is answered 406, even with ?format= (docs/xnat/requests.md, "Accept and format"); a name like a
# browser's must show a token.
_HEADERS = {"Accept": "*/*", "User-Agent": "xnat-upload (python-requests)"}


class Body(Protocol):
    """What is sent: its length is known before the first byte, and each iteration reads its files anew."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class _SessionOnly(requests.auth.AuthBase):
    """Send no credentials but the session's cookie, neither the interface's nor those of ``~/.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Connection:
    """A pyxnat interface with one session, safe for many threads.

    Parameters
    ----------
    interface : pyxnat.Interface
        Whose server, credentials and session, if it has one, are used. It is left as it is.
    settings : TransferSettings
        Timeouts, attempts and the number of connections.
    headers : mapping, optional
        An existing ``Authorization``, sent when logging in.
    """

    def __init__(
        self, interface: pyxnat.Interface, *, settings: TransferSettings, headers: Mapping[str, str] | None = None
    ) -> None:
        self.server: str = interface._server.rstrip("/")
        self.settings = settings
        self.interface = interface
        self._login_headers = dict(headers or {})
        self._interface = _with_own_pool(interface, server=self.server, settings=settings)
        self._login_lock = threading.Lock()
        self._given_session_id = self._session_id()
        # The cookies of the last login, sent as they were then: an answer to an ended session brings a new, anonymous
        # JSESSIONID, and one that comes late must not take the place of the renewed one (docs/xnat/logging-in.md, "The
        # session cookie").
        self._cookies: str | None = None
        self._refused: tuple[AuthenticationError, float] | None = None
        self._closed = False
        self._user = ""

    def __repr__(self) -> str:
        return f"Connection({self.server!r})"

    def __reduce__(self) -> Any:
        raise TypeError("A connection holds a login and is not pickled; connect again where it is needed.")

    @property
    def known_user(self) -> str:
        """The user's name if a login has shown it, else nothing; no request is sent."""
        return self._user

    def login(self) -> str:
        """Log in if that has not happened yet, patiently, and return the user's name.

        Raises
        ------
        AuthenticationError
            The credentials are not accepted, or were not taken for a login.
        """
        if self._cookies is None:
            for attempt in retry.attempts(self.settings, doing="logging in", first_contact=True):
                with attempt:
                    self._renew(None)
        return self._user

    def ask(self, method: str, path: str, *, doing: str, params: Mapping[str, str] | None = None) -> Answer:
        """Send a request that has no body and may be repeated, patiently, and return whatever is no refusal.

        Raises
        ------
        XnatUploadError
            The error that the status stands for; `ServerUnavailableError` after all attempts.
        """
        self.login()
        for attempt in retry.attempts(self.settings, doing=doing):
            with attempt:
                return self.send(method, path, doing=doing, params=params)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def md5(self, path: str, *, doing: str) -> str:
        """Read what is served under a path, patiently and block by block, and give its MD5.

        Raises
        ------
        XnatUploadError
            As `ask`.
        """
        self.login()
        for attempt in retry.attempts(self.settings, doing=doing):
            with attempt:
                digest = hashlib.md5(usedforsecurity=False)
                self.send("GET", path, doing=doing, into=digest.update)
                return digest.hexdigest()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def send(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str | None = None,
        into: Callable[[bytes], object] | None = None,
    ) -> Answer:
        """Send one request once, or twice if the session had ended, and return whatever is no refusal.

        Parameters
        ----------
        into : callable, optional
            Is given the blocks of what a success brings, of any length, which are not kept then.

        Raises
        ------
        XnatUploadError
            The error that the status, or the lack of one, stands for.
        """
        cookies = self._cookies
        if cookies is None:
            cookies = self._renew(None)
        headers = {"Content-Type": content_type} if content_type else {}

        def exchanged(cookies: str) -> Answer:
            return self._exchange(
                method,
                path,
                params=params,
                body=body,
                headers={**headers, "Cookie": cookies},
                into=into,
                auth=_SessionOnly(),
            )

        answer = exchanged(cookies)
        if answer.status == 401 or answer.is_login_page:
            answer = exchanged(self._renew(cookies))
        if answer.is_login_page:
            raise not_logged_in(answer)
        error = refusal(answer, doing=doing)
        if error:
            raise error
        return answer

    def close(self) -> None:
        """Close the connections, and end the session on the server unless the interface had brought it."""
        try:
            if self._cookies is not None and self._session_id() != self._given_session_id:
                self._exchange("DELETE", "/data/JSESSION", headers={"Cookie": self._cookies}, auth=_SessionOnly())
        except XnatUploadError as error:
            logger.warning("The session could not be ended and will time out by itself: %s.", type(error).__name__)
        finally:
            self._closed = True
            self._cookies = None
            self._interface._http.close()

    def _renew(self, ended: str | None) -> str:
        """Log in, unless another thread has done so since the cookies `ended` were in use; return the cookies."""
        with self._login_lock:
            if self._cookies is None or self._cookies == ended:
                if ended is not None:
                    logger.info("The session has ended; logging in again.")
                self._user = self._log_in_unless_refused()
                self._cookies = "; ".join(
                    f"{cookie.name}={cookie.value}"
                    for cookie in self._interface._http.cookies
                    if cookie.name != "SESSION_EXPIRATION_TIME"  # a message to browsers, with quotes in it
                )
                if self._closed:
                    self.close()
                    self._raise_if_closed()
            return self._cookies

    def _log_in_unless_refused(self) -> str:
        self._raise_if_closed()
        if self._refused is not None and time.monotonic() < self._refused[1]:
            raise _anew(self._refused[0])
        try:
            return self._log_in()
        except AuthenticationError as error:
            self._refused = error, time.monotonic() + _REFUSED_LOGIN_SECONDS
            raise

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise AuthenticationError("This uploader has been closed, and logs in no more. Connect again.")

    def _log_in(self) -> str:
        # /data/JSESSION answers 200 to anybody; only /data/auth says whether the login counts (docs/xnat/logging-in.md,
        # "JSESSION, auth and services/auth"). The interface's own credentials or none: requests would take those of
        # ~/.netrc, and so perhaps another user.
        auth = self._interface._http.auth or _SessionOnly()
        answer = self._exchange("GET", "/data/auth", headers=self._login_headers, auth=auth)
        if answer.is_login_page:
            raise not_logged_in(answer)
        if answer.status == 404:
            raise answer.error("as no XNAT does; its address may need a path, such as /xnat, but no page behind it")
        error = refusal(answer, doing="logging in")
        if error:
            raise error
        user = answer.text.partition("User '")[2].partition("'")[0]
        if answer.content_type != "text/plain" or not user:
            raise answer.error("to the question who is logged in, but not as an XNAT does")
        if user == "guest":
            raise AuthenticationError(
                f"The archive at {self.server} let the login pass as a guest: the session has ended, or no credentials "
                "reached it. Renew the session, or give user and password.",
                status=answer.status,
                url=answer.url,
            )
        return user

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        into: Callable[[bytes], object] | None = None,
        auth: Any,
    ) -> Answer:
        url = self.server + path
        options: dict[str, Any] = {
            "params": params,
            "headers": {**_HEADERS, **(headers or {})},
            "timeout": (self.settings.connect_timeout_seconds, self.settings.read_timeout_seconds),
            "allow_redirects": False,  # credentials never follow to another host
            "stream": True,
            "data": body,
            "auth": auth,
            # Named here, because REQUESTS_CA_BUNDLE in the environment would win over the session's own bundle.
            "verify": None if self._interface._http.verify is True else self._interface._http.verify,
        }
        call = getattr(self._interface, method.lower())
        return exchange(call, path, method=method, url=url, into=into, options=options)

    def _session_id(self) -> str | None:
        values = [cookie.value for cookie in list(self._interface._http.cookies) if cookie.name == "JSESSIONID"]
        return values[-1] if values else None


def _anew(error: AuthenticationError) -> AuthenticationError:
    """Make the same error once more: one that is raised again and again keeps every frame that it has passed."""
    return AuthenticationError(str(error), status=error.status, url=error.url, server_message=error.server_message)


def _with_own_pool(interface: pyxnat.Interface, *, server: str, settings: TransferSettings) -> pyxnat.Interface:
    """Give a twin of the interface with a pool of its own; the caller's is not touched."""
    theirs: requests.Session = interface._http
    ours = requests.Session()
    for attribute in ("auth", "proxies", "hooks", "params", "verify", "cert", "trust_env"):
        setattr(ours, attribute, getattr(theirs, attribute))
    if isinstance(ours.auth, tuple):
        # requests would write them in Latin-1, where it can at all; XNAT reads UTF-8 (docs/xnat/logging-in.md, "Basic
        # credentials").
        try:
            ours.auth = requests.auth.HTTPBasicAuth(*(each.encode() for each in ours.auth))
        except UnicodeEncodeError:
            raise AuthenticationError("User or password is no text in UTF-8. Set it in that encoding.") from None
    ours.cookies.update(theirs.cookies)
    ours.headers.update(theirs.headers)
    for prefix, adapter in theirs.adapters.items():
        plain = type(adapter) is requests.adapters.HTTPAdapter
        pool = PoolAdapter(connections=settings.workers, sending_seconds=settings.read_timeout_seconds)
        ours.mount(prefix, pool if plain else adapter)
    twin = object.__new__(type(interface))
    twin.__dict__.update(interface.__dict__)
    twin._http, twin._server = ours, server
    return twin
