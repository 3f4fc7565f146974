"""What kept a request from being answered, named in one sentence with the way out.

requests and the layers below it tell a cause in many nested errors, whose texts and fields may hold the request's
headers, and so a password or a session, or the address of a proxy with its login. So none of them is kept.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3

from xnat_upload.archive.addresses import shown_host
from xnat_upload.errors import (
    InvalidIdentifierError,
    MissingDependencyError,
    ServerError,
    ServerUnavailableError,
    XnatUploadError,
)

# What OpenSSL says, by its version, of an answer in plain HTTP. Other faults of TLS may be the line's, and pass.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
# Of a file of certificates that holds none.
_NO_CERTIFICATES = ("NO_CERTIFICATE_OR_CRL_FOUND", "PEM lib", "CA certificate bundle")
# OpenSSL's numbers for two reasons (X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH and its like for IP
# addresses), for which no bundle is the way out.
_EXPIRED, _OTHER_NAME = 10, (62, 64)
# A broken line, in the words of requests and, where a body is read past it, of the layers below.
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
    http.client.HTTPException,
    OSError,
)
_UNREADABLE_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
_UNREADABLE_PROXY = (
    requests.exceptions.InvalidProxyURL,
    urllib3.exceptions.ProxySchemeUnknown,
    urllib3.exceptions.ProxySchemeUnsupported,
)
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PROXY_VARIABLES = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"

_Error = TypeVar("_Error", bound=BaseException)


def cause_of(error: Exception, *, method: str, url: str) -> XnatUploadError:
    """Name what kept a request from being answered, as one of our errors that keeps nothing of `error`."""
    chain = list(_chain(error))
    of_proxy = _first(chain, urllib3.exceptions.ProxyError) is not None or _TUNNEL.search(str(error))
    return (
        _of_settings(error, chain, url=url)
        or (_of_proxy(chain, url=url) if of_proxy else None)
        or _of_tls(chain, url=url)
        or _of_line(error, chain, method=method, url=url)
    )


def _of_settings(error: Exception, chain: list[BaseException], *, url: str) -> XnatUploadError | None:
    """What this machine's own settings make impossible; nothing was sent."""
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
        return MissingDependencyError(
            "The proxy in the environment speaks SOCKS, for which a package is wanted: pip install 'requests[socks]'.",
            url=url,
        )
    if any(isinstance(each, (OSError, ssl.SSLError)) and _says(each, _NO_CERTIFICATES) for each in chain):
        return InvalidIdentifierError(
            "The file of certificate authorities cannot be used: it does not exist, or holds no certificate. Look at "
            "verify=, or at REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE in the environment.",
            url=url,
        )
    unreadable = any(isinstance(each, _UNREADABLE_ADDRESS) for each in chain)
    if _first(chain, _UNREADABLE_PROXY) is not None or (unreadable and requests.utils.get_environ_proxies(url)):
        return InvalidIdentifierError(
            f"The address of the proxy cannot be used. Write {_PROXY_VARIABLES} as http://host:port or "
            "http://user:password@host:port, and percent-encode what is special in the password.",
            url=url,
        )
    if unreadable:
        return InvalidIdentifierError(f"The address of {urlsplit(url).netloc} is none that can be asked.", url=url)
    return None


def _of_proxy(chain: list[BaseException], *, url: str) -> XnatUploadError:
    """What happens between here and the proxy: the archive has heard nothing of it."""
    host = urlsplit(url).netloc
    refused = next((found for found in map(_TUNNEL.search, map(str, chain)) if found), None)
    status = int(refused[1]) if refused else None
    if status == 407:
        return proxy_wants_login(url=url)
    if status is not None and status < 500:
        return ServerError(
            f"The proxy lets nobody through to {host}: it answered {status}. Ask whoever runs it to allow that host, "
            "or name the host in NO_PROXY if it can be reached without.",
            status=status,
            url=url,
        )
    if status is not None:
        return ServerUnavailableError(
            f"The proxy cannot reach {host}: it answered {status}. Check that the archive is up, or name the host in "
            "NO_PROXY if it can be reached without.",
            may_have_arrived=False,
            status=status,
            url=url,
        )
    unreachable = next((each.conn for each in chain if isinstance(each, urllib3.exceptions.NewConnectionError)), None)
    named = shown_host(getattr(unreachable, "host", None))
    return ServerUnavailableError(
        f"The proxy {named + ' ' if named else ''}cannot be reached ({_in_a_word(chain)}). Look at {_PROXY_VARIABLES} "
        "in the environment, or name the archive's host in NO_PROXY if it can be reached without.",
        may_have_arrived=False,
        host_unknown=_first(chain, socket.gaierror) is not None,
        url=url,
    )


def proxy_wants_login(*, url: str) -> ServerError:
    """Make the error for a proxy that says 407, be it as an answer or to a tunnel."""
    return ServerError(
        "The proxy between here and the archive wants a login of its own (407). Write it into the proxy's address: "
        f"{_PROXY_VARIABLES} as http://user:password@host:port, what is special in the password percent-encoded.",
        status=407,
        url=url,
    )


def _of_tls(chain: list[BaseException], *, url: str) -> XnatUploadError | None:
    host = urlsplit(url).netloc
    unverified = _first(chain, ssl.SSLCertVerificationError)
    if unverified is not None:
        code = unverified.verify_code
        if code == _EXPIRED:
            way_out = "Tell whoever runs the archive, and check this machine's clock."
        elif code in _OTHER_NAME:
            way_out = "Give the archive's address with the name that its certificate is for."
        else:
            way_out = (
                "If the hospital has a certificate authority of its own, give the path of its bundle: connect(…, "
                "verify='/path/to/ca.pem'), or the variable REQUESTS_CA_BUNDLE."
            )
        return ServerError(
            f"The certificate of {host} cannot be verified ({unverified.verify_message}). {way_out}", url=url
        )
    if any(isinstance(each, ssl.SSLError) and _says(each, _NO_TLS) for each in chain):
        return ServerError(
            f"What answers at {host} does not speak https. Give its address with http://, or another port.", url=url
        )
    return None


def _of_line(error: Exception, chain: list[BaseException], *, method: str, url: str) -> XnatUploadError:
    host = urlsplit(url).netloc
    what = f"{method} {url}"
    if _first(chain, socket.gaierror) is not None:
        return ServerUnavailableError(
            f"The host {urlsplit(url).hostname} is not known here ({_in_a_word(chain)}). Check how the address is "
            "spelt, and whether this machine is in the hospital's network (VPN).",
            may_have_arrived=False,
            host_unknown=True,
            url=url,
        )
    if _first(chain, ConnectionRefusedError) is not None:
        return ServerUnavailableError(
            f"{what}: {host} refused the connection, so nothing listens there. Check that the archive is up and the "
            "port is right, then try again.",
            may_have_arrived=False,
            url=url,
        )
    if _first(chain, urllib3.exceptions.NewConnectionError) is not None:
        return ServerUnavailableError(
            f"{what}: no connection to {host} ({_in_a_word(chain)}). Check that the archive is up and reachable from "
            "here, then try again.",
            may_have_arrived=False,
            url=url,
        )
    if _first(chain, urllib3.exceptions.ConnectTimeoutError) is not None:
        return ServerUnavailableError(
            f"{what}: no connection to {host} in time. A firewall may swallow it: check that the archive is up and "
            "reachable from here, then try again.",
            may_have_arrived=False,
            url=url,
        )
    timed_out = isinstance(error, requests.Timeout) or _first(chain, urllib3.exceptions.TimeoutError) is not None
    if timed_out:
        return ServerUnavailableError(
            f"{what}: no answer in time. The archive may still be at work: check that it is up and reachable, then "
            "try again.",
            still_working=True,
            url=url,
        )
    if isinstance(error, _BROKEN):
        return ServerUnavailableError(
            f"{what}: the connection broke off ({_in_a_word(chain)}). Check that the archive is up and reachable, then "
            "try again.",
            still_working=True,  # a proxy that goes away takes nothing of the archive's work with it
            url=url,
        )
    return ServerError(
        f"{what} could not be sent or its answer not be read ({type(error).__name__}). Check the headers that were "
        "given, and that nothing in between changes the answers.",
        url=url,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error and all that it holds: urllib3 keeps causes in fields of its own, requests in arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, getattr(each, "reason", None), getattr(each, "original_error", None)]
            waiting += [each.__cause__, each.__context__]


def _first(chain: list[BaseException], kind: type[_Error] | tuple[type[_Error], ...]) -> _Error | None:
    return next((each for each in chain if isinstance(each, kind)), None)


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    return any(each in str(error) for each in words)


def _in_a_word(chain: list[BaseException]) -> str:
    """Give what the system said, which holds nothing of the request, or else the kind of the error."""
    said = next((each.strerror for each in chain if isinstance(each, OSError) and each.errno and each.strerror), None)
    return said or type(chain[-1]).__name__
