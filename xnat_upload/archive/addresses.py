"""What of an address may be shown, and whether a proxy's can be used.

Never shown is a login, a query or a session, which would end up in logs.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3.util

from xnat_upload.errors import InvalidIdentifierError

_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_BEGIN = re.compile(rf"(?:(?:https?:)?//)?(?:{_HOST})?(?P<port>:\d{{1,5}})?(?=$|[/?#;])", re.IGNORECASE)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,/:-]*")
_LOGIN = re.compile(
    r"(jsessionid=|authorization:?\s*(?:basic|bearer)\s+|cookie:\s*[\w-]+=|://[^\s/@:]*:(?=[^\s/]*@))[^\s;,&\"'<>]+",
    re.IGNORECASE,
)
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


def without_logins(words: str) -> str:
    """Take logins and sessions out of a server's words, which may repeat the request that it did not like.

    Examples
    --------
    >>> without_logins("no route for /data;jsessionid=0A1B with Authorization: Basic YTpi")
    'no route for /data;jsessionid=… with Authorization: Basic …'
    """
    return _LOGIN.sub(r"\1…", words)


def shown_host(host: object) -> str:
    """Give the name of a host if it is one; nothing for what only looks like it, and may be a login."""
    return host if isinstance(host, str) and re.fullmatch(_HOST, host) else ""


def check_proxies(given: Mapping[str, str]) -> None:
    """Make sure that proxies have addresses: requests and pyxnat would raise anything.

    Parameters
    ----------
    given : mapping
        Those of an interface; the environment's are looked at too.

    Raises
    ------
    InvalidIdentifierError
        One has none; the address, which may hold a password, is not shown.
    """
    for kind, address in (*urllib.request.getproxies_environment().items(), *given.items()):
        if kind in ("http", "https", "all") and not _usable_proxy(address):
            raise InvalidIdentifierError(
                f"The address of the proxy for {kind} ({kind.upper()}_PROXY, or the interface's own) cannot be used. "
                "Write it as http://host:port or http://user:password@host:port, and percent-encode what is special in "
                "the password."
            )


def _usable_proxy(address: str) -> bool:
    try:
        urlsplit(address)
        parts = urllib3.util.parse_url(address if "://" in address else f"http://{address}")
    except ValueError:
        return False
    return bool(parts.host) and parts.scheme in _PROXY_SCHEMES
