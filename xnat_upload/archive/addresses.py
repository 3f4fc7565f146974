"""What of an address may be shown, and whether a proxy's can be used.

Never shown is a login, a query or a session, which would end up in logs.
"""

from __future__ import annotations

import re
import urllib.request
from urllib.parse import urlsplit

import urllib3.util

from xnat_upload.errors import InvalidIdentifierError

_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_BEGIN = re.compile(rf"(?:(?:https?:)?//)?(?:{_HOST})?(?P<port>:\d{{1,5}})?(?=$|[/?#;])", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,/:-]*")
_LONGEST = 200


def shown_address(address: str) -> str:
    """Give what may be shown of an address: scheme, host, port and path; nothing if a login may be in it.

    Examples
    --------
    >>> shown_address("https://login.example/saml;jsessionid=0A1B?code=secret")
    'https://login.example/saml'
    >>> shown_address("https://ada:secret@xnat.example")
    ''
    """
    address = address.strip()
    begin = _BEGIN.match(address)
    # What looks like a port may be the begin of a password, which may hold the very characters that end a host.
    if begin is None or "@" in address.split("?")[0] or ("@" in address and begin["port"]):
        return ""
    path = _PATH.match(address, begin.end())
    return (begin.group() + (path.group() if path else ""))[:_LONGEST]


def shown_host(host: object) -> str:
    """Give the name of a host if it is one; nothing for what only looks like it, and may be a login."""
    return host if isinstance(host, str) and re.fullmatch(_HOST, host) else ""


def check_proxies() -> None:
    """Make sure that the proxies of the environment have addresses, of which requests and pyxnat would raise anything.

    Raises
    ------
    InvalidIdentifierError
        One has none; the address, which may hold a password, is not shown.
    """
    for kind, address in urllib.request.getproxies_environment().items():
        if kind in ("http", "https", "all") and not _usable_proxy(address):
            raise InvalidIdentifierError(
                f"The address of the proxy in {kind.upper()}_PROXY cannot be used. Write it as http://host:port or "
                "http://user:password@host:port, and percent-encode what is special in the password."
            )


def _usable_proxy(address: str) -> bool:
    try:
        urlsplit(address)
        parts = urllib3.util.parse_url(address if "://" in address else f"http://{address}")
    except ValueError:
        return False
    return bool(parts.host) and parts.scheme in _PROXY_SCHEMES
