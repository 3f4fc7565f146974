"""A twin of a caller's interface, with connections of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import requests
import requests.adapters
import requests.auth

from xnat_upload.archive.addresses import check_proxies
from xnat_upload.archive.credentials import check_login
from xnat_upload.archive.parking import PARKING, Kind, login_digest, tls_of
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat


def with_own_pool(
    interface: pyxnat.Interface, *, server: str, settings: TransferSettings, headers: Mapping[str, str]
) -> pyxnat.Interface:
    """Give a twin of the interface with a pool of its own; the caller's is not touched.

    Parameters
    ----------
    headers : mapping
        What logs in besides the interface's own credentials.
    """
    theirs: requests.Session = interface._http
    check_proxies(theirs.proxies)
    kind = Kind(
        server=server,
        login=login_digest(
            theirs.auth,
            sorted(headers.items()),
            sorted(theirs.headers.items()),
            sorted(theirs.cookies.items()),
            theirs.params,
        ),
        tls=tls_of(theirs),
        connections=settings.workers,
        sending_seconds=settings.read_timeout_seconds,
    )
    # Another object that logs in may be bound to its connections, and cannot be compared.
    ours = _Session(kind, may_park=theirs.auth is None or isinstance(theirs.auth, tuple))
    for attribute in ("auth", "proxies", "hooks", "params", "verify", "cert", "trust_env"):
        setattr(ours, attribute, getattr(theirs, attribute))
    if isinstance(ours.auth, tuple):
        # requests would write them in Latin-1, where it can at all; XNAT reads UTF-8 (docs/xnat/logging-in.md, "Basic
        # credentials").
        ours.auth = requests.auth.HTTPBasicAuth(*(each.encode() for each in check_login(*ours.auth)))
    ours.cookies.update(theirs.cookies)
    ours.headers.update(theirs.headers)
    for prefix, adapter in theirs.adapters.items():
        ours.mount(prefix, ours.pool if type(adapter) is requests.adapters.HTTPAdapter else adapter)
    twin = object.__new__(type(interface))
    twin.__dict__.update(interface.__dict__)
    twin._http, twin._server = ours, server
    return twin


class _Session(requests.Session):
    """Takes a pool, and leaves it to the next session of its kind.

    It looks at no redirect: requests reads the whole body of one, even where it is not to be followed.
    """

    def __init__(self, kind: Kind, *, may_park: bool) -> None:
        super().__init__()
        self.pool = PARKING.take(kind) if may_park else kind.new_pool()
        self._kind = kind
        self._may_park = may_park
        self._is_open = True

    def close(self) -> None:
        """Leave the pool; another session may have it then."""
        if not self._is_open:
            return
        self._is_open = False
        for adapter in self.adapters.values():
            if adapter is not self.pool:
                adapter.close()
        if self._may_park:
            PARKING.park(self._kind, self.pool)
        else:
            self.pool.close()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None
