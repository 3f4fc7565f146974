"""A twin of a caller's interface, with connections of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
import requests.adapters
import requests.auth

from xnat_upload.archive.adapter import PoolAdapter
from xnat_upload.archive.addresses import check_proxies
from xnat_upload.archive.credentials import check_login
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat


def with_own_pool(interface: pyxnat.Interface, *, server: str, settings: TransferSettings) -> pyxnat.Interface:
    """Give a twin of the interface with a pool of its own; the caller's is not touched."""
    theirs: requests.Session = interface._http
    check_proxies(theirs.proxies)
    ours = _Session()
    for attribute in ("auth", "proxies", "hooks", "params", "verify", "cert", "trust_env"):
        setattr(ours, attribute, getattr(theirs, attribute))
    if isinstance(ours.auth, tuple):
        # requests would write them in Latin-1, where it can at all; XNAT reads UTF-8 (docs/xnat/logging-in.md, "Basic
        # credentials").
        ours.auth = requests.auth.HTTPBasicAuth(*(each.encode() for each in check_login(*ours.auth)))
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


class _Session(requests.Session):
    """Looks at no redirect: requests reads the whole body of one, even where it is not to be followed."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None
