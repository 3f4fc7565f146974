"""With what to log in: arguments, an existing session, the environment, or ``~/.netrc``; never a question."""

from __future__ import annotations

import ipaddress
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests.utils

from xnat_upload.archive.addresses import check_proxies
from xnat_upload.errors import AuthenticationError, InsecureTransportWarning, InvalidIdentifierError, quoted

if TYPE_CHECKING:
    import pyxnat


# The path at which an XNAT lives may itself hold "data" or "app", but none that ends so or goes on like this.
_INSIDE_AN_XNAT = re.compile(r"/(data|REST)(/(auth|JSESSION|archive|projects|experiments)(/.*)?)?$|/app/template/")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An address and what opens it; nothing secret shows in its repr."""

    server: str
    user: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def find_credentials(
    server: str | None, *, user: str | None, password: str | None, headers: Mapping[str, str] | None
) -> Credentials:
    """Take the first complete credentials of: `headers`, user and password, ``XNAT_HOST/USER/PASS``, ``~/.netrc``.

    The environment's user and password are those of ``XNAT_HOST``, and go to no other server.

    Raises
    ------
    InvalidIdentifierError
        No server is named, or its address is none.
    AuthenticationError
        Nothing to log in with, or only half of it.
    """
    env = os.environ
    named = server or env.get("XNAT_HOST")
    if not named:
        raise InvalidIdentifierError("No server is named. Give its address, or set XNAT_HOST.")
    address = check_server(named)
    if headers:
        _check_headers(headers)
        return Credentials(server=address, headers=dict(headers))
    if user and password:
        return Credentials(server=address, user=user, password=password)
    nothing_given = user is None and password is None
    if nothing_given and (not server or env.get("XNAT_HOST", "").rstrip("/") == address):
        user = env.get("XNAT_USER") or None
        if user and env.get("XNAT_PASS"):
            return Credentials(server=address, user=user, password=env["XNAT_PASS"])
    netrc = requests.utils.get_netrc_auth(address)
    if netrc and all(netrc) and password is None and user in (None, netrc[0]):
        return Credentials(server=address, user=netrc[0], password=netrc[1])
    if nothing_given and env.get("XNAT_USER") and env.get("XNAT_PASS"):
        raise AuthenticationError(
            f"XNAT_USER and XNAT_PASS are those of XNAT_HOST, and are not sent to {address}. Set XNAT_HOST to this "
            "address as well, or give user and password.",
            url=address,
        )
    raise AuthenticationError(
        f"Nothing complete to log in to {address} with. Give user and password, or headers with an existing session, "
        "or set XNAT_HOST, XNAT_USER and XNAT_PASS, or write the host into ~/.netrc.",
        url=address,
    )


def open_interface(credentials: Credentials, *, verify: bool | str | os.PathLike[str]) -> pyxnat.Interface:
    """Make a pyxnat interface; no request is sent.

    Raises
    ------
    InvalidIdentifierError
        `verify` names a file that does not exist, or a proxy in the environment has no address.
    """
    # pyxnat takes most of a second to import, and who brings an interface has done so already.
    import pyxnat

    certificates = verify if isinstance(verify, bool) else os.fspath(verify)
    # An empty path, too: requests would take it for verify=False.
    if isinstance(certificates, str) and not os.path.exists(certificates):  # noqa: PTH110  never raises
        raise InvalidIdentifierError(f"verify names no file or directory of certificates: {quoted(certificates)}.")
    _warn_if_insecure(credentials.server)
    check_proxies()
    if credentials.headers:
        interface = pyxnat.Interface(credentials.server, anonymous=True, verify=certificates)
        for name, value in _cookies(credentials.headers).items():
            interface._http.cookies.set(name, value)
    else:
        interface = pyxnat.Interface(credentials.server, credentials.user, credentials.password, verify=certificates)
    # pyxnat copies http_proxy into the session, where it would win over NO_PROXY; requests reads both by itself.
    interface._http.proxies = {}
    return interface


def login_headers(credentials: Credentials) -> dict[str, str]:
    """Give those headers that log in by themselves; a session's cookie travels as a cookie."""
    return {name: value for name, value in credentials.headers.items() if name.lower() != "cookie"}


def check_server(server: str) -> str:
    """Return a server's address without trailing slash, if it is one that can be used and shown.

    Raises
    ------
    InvalidIdentifierError
        It is not http or https, has no host, is one inside an XNAT, or holds a password, which would end up in logs.

    Examples
    --------
    >>> check_server("https://xnat.hospital.example/xnat/")
    'https://xnat.hospital.example/xnat'
    """
    try:
        parts = urlsplit(server.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, AttributeError):
        usable = False
    if not usable or not {"?", "#"}.isdisjoint(server) or not server.isprintable() or " " in server.strip():
        raise InvalidIdentifierError(
            f"The server address {quoted(server.rpartition('@')[2])} cannot be used. Give it as https://host or "
            "https://host:port/path."
        )
    if _INSIDE_AN_XNAT.search(parts.path.rstrip("/")):
        raise InvalidIdentifierError(
            f"The server address {quoted(server)} is one inside an XNAT. Give its own, without /data, /REST or /app."
        )
    if "@" in parts.netloc:
        raise InvalidIdentifierError(
            "The server address holds a user or password, which would end up in logs. Give them as user= and password=."
        )
    return server.strip().rstrip("/")


def _check_headers(headers: Mapping[str, str]) -> None:
    kinds = {name.lower() for name in headers}
    if not kinds & {"cookie", "authorization"}:
        raise AuthenticationError(
            "headers= must hold an existing session or login: 'Cookie: JSESSIONID=…' or 'Authorization: …'."
        )
    try:
        "".join(headers.values()).encode("latin-1")
    except UnicodeEncodeError:
        raise AuthenticationError("headers= holds characters that no HTTP header can. Encode them first.") from None
    if "cookie" in kinds and "JSESSIONID" not in _cookies(headers):
        raise AuthenticationError("The Cookie header holds no JSESSIONID, so it is no session of an XNAT.")


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    text = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _warn_if_insecure(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        warnings.warn(
            f"The login to {parts.hostname} crosses the network unencrypted. Use its https address.",
            InsecureTransportWarning,
            stacklevel=4,
        )
