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

from xnat_upload.archive.addresses import check_proxies, shown_address
from xnat_upload.archive.netrc_file import netrc_login
from xnat_upload.errors import AuthenticationError, InsecureTransportWarning, InvalidIdentifierError, quoted

if TYPE_CHECKING:
    import pyxnat


# The path at which an XNAT lives may itself hold "data" or "app", but none that ends so or goes on like this.
_INSIDE_AN_XNAT = re.compile(r"/(data|REST)(/(auth|JSESSION|archive|projects|experiments)(/.*)?)?$|/app/template/")
# RFC 9110 §5.6.2, RFC 9110 §5.5 and RFC 6265 §4.1.1.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


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
    if headers is not None:
        if not headers:
            raise AuthenticationError(
                "headers is empty, so there is nothing to log in with. Leave it out to log in from the environment.",
                url=address,
            )
        return Credentials(server=address, headers=_checked_headers(headers))
    if user and password:
        return _login(address, user, password)
    nothing_given = user is None and password is None
    if nothing_given and (not server or env.get("XNAT_HOST", "").rstrip("/") == address):
        user = env.get("XNAT_USER") or None
        if user and env.get("XNAT_PASS"):
            return _login(address, user, env["XNAT_PASS"])
    netrc = netrc_login(address) if password is None else None
    if netrc and user in (None, netrc[0]):
        return _login(address, *netrc)
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
    check_proxies({})
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
    if not usable or not {"?", "#", ";"}.isdisjoint(server) or not server.isprintable() or " " in server.strip():
        shown = shown_address(server) if isinstance(server, str) else ""
        raise InvalidIdentifierError(
            f"The server address {quoted(shown) if shown else 'that was given'} cannot be used. Give it as "
            "https://host or https://host:port/path."
        )
    # A login in unusual spelling is one still.
    if "@" in server or "%" in parts.netloc.rpartition("]")[2]:
        raise InvalidIdentifierError(
            "The server address holds a user or password, which would end up in logs. Give them as user= and password=."
        )
    if _INSIDE_AN_XNAT.search(parts.path.rstrip("/")):
        raise InvalidIdentifierError(
            f"The server address {quoted(shown_address(server))} is one inside an XNAT. Give its own, without /data, "
            "/REST or /app."
        )
    return server.strip().rstrip("/")


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers if they can be sent and log in, without the line break that a token read from a file has."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str) or not _HEADER_NAME.fullmatch(name):
            raise AuthenticationError("headers= must hold the names of HTTP headers and their values, both as text.")
        checked[name] = value.strip()
        if not _HEADER_VALUE.fullmatch(checked[name]):
            raise AuthenticationError(
                f"headers= holds characters that no HTTP header can, such as a line break, in {quoted(name)}. Give the "
                "value on one line, and encode what is beyond Latin-1."
            )
    kinds = {name.lower() for name in checked}
    if not kinds & {"cookie", "authorization"}:
        raise AuthenticationError(
            "headers= must hold an existing session or login: 'Cookie: JSESSIONID=…' or 'Authorization: …'."
        )
    if "cookie" in kinds:
        cookies = _cookies(checked)
        if not cookies.get("JSESSIONID"):
            raise AuthenticationError("The Cookie header holds no JSESSIONID, so it is no session of an XNAT.")
        if not all(map(_COOKIE_VALUE.fullmatch, cookies.values())):
            raise AuthenticationError(
                "The Cookie header holds a cookie that no server can have set: its value has quotes or other "
                "characters that none may have. Give JSESSIONID=… alone."
            )
    return checked


def check_login(user: object, password: object) -> tuple[str, str]:
    """Make sure of what HTTP would fail upon in words of its own, which hold the password.

    Raises
    ------
    AuthenticationError
        One of them is no text, or cannot be written in UTF-8.
    """
    if not isinstance(user, str) or not isinstance(password, str):
        raise AuthenticationError("User and password must be text.")
    if any("\ud800" <= character <= "\udfff" for character in user + password):  # of an environment in Latin-1
        raise AuthenticationError("User or password is no text in UTF-8. Set it in that encoding.")
    return user, password


def _login(server: str, user: object, password: object) -> Credentials:
    user, password = check_login(user, password)
    return Credentials(server=server, user=user, password=password)


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the cookies, but those with a message to browsers, in which XNAT itself puts what no cookie may hold."""
    text = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
    try:
        found = SimpleCookie(text)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items() if name != "SESSION_EXPIRATION_TIME"}


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
