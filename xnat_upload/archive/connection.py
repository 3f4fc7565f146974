"""One login to one archive: the only module, with `client`, that knows pyxnat and HTTP.

Traffic goes through ``Interface.get/put/head/delete``, under one login for all threads.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from xnat_upload.archive import retry
from xnat_upload.archive.answers import Answer, not_logged_in, refusal
from xnat_upload.archive.credentials import check_server
from xnat_upload.archive.exchange import Body, Reader, exchange
from xnat_upload.archive.line import line_to
from xnat_upload.archive.login import Admission, Login
from xnat_upload.archive.own_pool import with_own_pool
from xnat_upload.errors import XnatUploadError
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat

logger = logging.getLogger(__name__)

# A narrow Accept is answered 406, even with ?format= (docs/xnat/requests.md, "Accept and format"); a name like a
# browser's must show a token. Sizes are only told of what is not packed.
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip", "User-Agent": "xnat-upload (python-requests)"}
_NOT_PACKED = {"Accept-Encoding": "identity"}


_Into = TypeVar("_Into", bound=Reader)


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
        self.server = check_server(interface._server)
        self.settings = settings
        self.line = line_to(self.server)
        self.interface = interface
        self._headers = dict(headers or {})
        self._open()

    def _open(self) -> None:
        """Begin with a pool and a login of this process: a child that was forked shares neither with its parent."""
        settings = self.settings
        self._process = os.getpid()
        self._interface = with_own_pool(self.interface, server=self.server, settings=settings, headers=self._headers)
        self._login = Login(
            self._exchange,
            server=self.server,
            auth=self._interface._http.auth,
            headers=self._headers,
            cookies=self._interface._http.cookies.copy(),
            seconds=settings.connect_timeout_seconds + settings.exchange_timeout_seconds,
        )

    def _be_in_this_process(self) -> None:
        if self._process != os.getpid():
            closed = self._login.closed
            self._open()
            self._login.closed = closed

    def __repr__(self) -> str:
        return f"Connection({self.server!r})"

    def __reduce__(self) -> Any:
        raise TypeError("A connection holds a login and is not pickled; connect again where it is needed.")

    @property
    def known_user(self) -> str:
        """The user's name if a login has shown it, else nothing; no request is sent."""
        return self._login.user

    def login(self) -> str:
        """Log in if that has not happened yet, patiently, and return the user's name.

        Raises
        ------
        AuthenticationError
            The credentials are not accepted, or were not taken for a login.
        """
        self._be_in_this_process()
        if self._login.admission is None:
            for attempt in retry.attempts(self.settings, doing="logging in", first_contact=True):
                with attempt:
                    self._logged_in(None)
        return self._login.user

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

    def read(
        self,
        path: str,
        *,
        doing: str,
        into: Callable[[], _Into],
        params: Mapping[str, str] | None = None,
        at_most_bytes: int | None = None,
        packed: bool = True,
    ) -> tuple[Answer, _Into]:
        """Read what is served under a path, patiently and block by block.

        Parameters
        ----------
        into : callable
            Makes what is given the blocks of one attempt.
        at_most_bytes : int, optional
            What is longer is not read to its end, which may not come.
        packed : bool
            It may come packed.

        Raises
        ------
        XnatUploadError
            As `ask`.
        """
        self.login()
        for attempt in retry.attempts(self.settings, doing=doing):
            with attempt:
                reader = into()
                answer = self.send(
                    "GET",
                    path,
                    doing=doing,
                    params=params,
                    into=reader.update,
                    at_most_bytes=at_most_bytes,
                    packed=packed,
                )
                return answer, reader
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
        at_most_bytes: int | None = None,
        packed: bool = True,
    ) -> Answer:
        """Send one request once, or again if the session had ended, and return whatever is no refusal.

        Parameters
        ----------
        into : callable, optional
            Is given the blocks of what a success brings, of any length, which are not kept then.
        at_most_bytes : int, optional
            Nothing more is read for `into` once it was given more than this.
        packed : bool
            The answer may come packed.

        Raises
        ------
        XnatUploadError
            The error that the status, or the lack of one, stands for.
        """
        self._be_in_this_process()
        headers = {"Content-Type": content_type} if content_type else {}
        if not packed or method == "HEAD":
            headers.update(_NOT_PACKED)

        def exchanged(shown: Admission) -> Answer:
            if shown.with_credentials:
                self._login.raise_if_refused()
            answer = self._exchange(
                method,
                path,
                params=params,
                body=body,
                headers={**headers, **shown.headers},
                into=into,
                at_most_bytes=at_most_bytes,
                auth=shown.auth,
            )
            self._login.answered(shown, answer)
            return answer

        answer = self._let_in(exchanged)
        if answer.is_login_page:
            raise not_logged_in(answer)
        error = refusal(answer, doing=doing)
        if error:
            raise error
        return answer

    def login_was_lost(self) -> bool:
        """Say whether the cookie alone was not the user's, so that what was not found may be found now."""
        shown = self._login.admission
        return shown is not None and self._login.check(shown) is not shown

    def close(self) -> None:
        """Close the connections, and end the session on the server unless the interface had brought it."""
        self._be_in_this_process()  # a child leaves its parent's session alone
        shown = self._login.admission
        try:
            if shown is not None and self._login.is_ours:
                # Nobody waits long for a logout: a session that is not ended ends by itself.
                seconds = min(self.settings.connect_timeout_seconds, self.settings.exchange_timeout_seconds)
                self._exchange("DELETE", "/data/JSESSION", headers=shown.headers, auth=shown.auth, seconds=seconds)
        except XnatUploadError as error:
            logger.warning("The session could not be ended and will time out by itself: %s.", type(error).__name__)
        finally:
            self._login.closed = True
            self._login.forget()
            self._interface._http.close()

    def _let_in(self, exchanged: Callable[[Admission], Answer]) -> Answer:
        """Exchange, with whatever login it takes; a refused password costs one attempt and no more."""
        shown = self._login.admission or self._logged_in(None)
        answer = exchanged(shown)
        if answer.status == 403:
            checked = self._login.check(shown)
            return answer if checked is shown else exchanged(checked)
        if shown.with_credentials or not _turned_away(answer):
            return answer
        shown = self._logged_in(shown)
        answer = exchanged(shown)
        if _turned_away(answer):
            more = self._login.show_credentials(shown)
            return answer if more is None else exchanged(more)
        return answer

    def _logged_in(self, ended: Admission | None) -> Admission:
        admission = self._login.renew(ended)
        if self._login.closed:  # in the meantime: end what was opened
            self.close()
            self._login.raise_if_refused()
        return admission

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        into: Callable[[bytes], object] | None = None,
        at_most_bytes: int | None = None,
        auth: Any,
        seconds: float | None = None,
    ) -> Answer:
        url = self.server + path
        settings = self.settings
        patience = settings.exchange_timeout_seconds if seconds is None else seconds
        options: dict[str, Any] = {
            "params": params,
            "headers": {**_HEADERS, **(headers or {})},
            "timeout": (settings.connect_timeout_seconds, settings.read_timeout_seconds),
            "allow_redirects": False,  # credentials never follow to another host
            "stream": True,
            "data": body,
            "auth": auth,
            # Named here, because REQUESTS_CA_BUNDLE in the environment would win over the session's own bundle.
            "verify": None if self._interface._http.verify is True else self._interface._http.verify,
        }
        call = getattr(self._interface, method.lower())
        started = time.monotonic()
        # What is sent as headers and body is not told: it may be secret.
        asked = f"{method} {url}{'?' * bool(params)}{urlencode(params or {})}"
        try:
            answer = exchange(
                call,
                path,
                method=method,
                url=url,
                into=into,
                at_most_bytes=at_most_bytes,
                seconds=patience,
                options=options,
            )
        except XnatUploadError as error:
            logger.debug("%s: no answer after %.1f s: %s", asked, time.monotonic() - started, error)
            raise
        seconds = time.monotonic() - started
        self.line.learn_answer(seconds=seconds)
        logger.debug("%s: %d in %.1f s, %d bytes", asked, answer.status, seconds, len(answer.body))
        return answer


def _turned_away(answer: Answer) -> bool:
    return answer.status == 401 or answer.is_login_page
