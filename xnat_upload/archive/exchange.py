"""One request and its answer; the one place where what requests raises becomes this package's own errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from xnat_upload.archive.answers import Answer
from xnat_upload.errors import ServerError, ServerUnavailableError, XnatUploadError

_ERROR_PAGE_BYTES = 64 * 1024
# A listing of 100,000 files is 40 MiB; what is longer than this is no listing.
_ANSWER_BYTES = 256 * 1024 * 1024
# What OpenSSL says, by its version, of an answer in plain HTTP. Other faults of TLS may be the line's, and pass.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")


def exchange(
    call: Callable[..., requests.Response],
    path: str,
    *,
    method: str,
    url: str,
    into: Callable[[bytes], object] | None,
    options: Mapping[str, Any],
) -> Answer:
    """Send one request and read its answer.

    Parameters
    ----------
    call : callable
        Sends it: ``Interface.get`` and the like.
    into : callable or None
        Is given the blocks of what a success brings, of any length; without it they are kept, as far as an answer may
        be long.

    Raises
    ------
    ServerUnavailableError
        No answer, or it broke off.
    ServerError
        It cannot be sent, or its answer not be read.
    """
    try:
        with call(path, **options) as response:
            return _read(response, method=method, url=url, into=into)
    except requests.RequestException as error:
        raise _translated(error, method=method, url=url) from _without_request(error)


def _read(response: requests.Response, *, method: str, url: str, into: Callable[[bytes], object] | None) -> Answer:
    """Read an answer as far as it may be long: an error page is cut, a listing that is too long is an error."""
    good = response.status_code == 200
    most = _ANSWER_BYTES if good else _ERROR_PAGE_BYTES
    body = bytearray()
    for block in response.iter_content(64 * 1024):
        if good and into is not None:
            into(block)
            continue
        body += block
        if len(body) > most:
            break
    if good and len(body) > most:
        raise ServerError(
            f"{method} {url} was answered with more than {most} bytes, which no answer of an XNAT should have.",
            status=200,
            url=url,
        )
    length = response.headers.get("Content-Length", "")
    return Answer(
        method=method,
        url=url,
        status=response.status_code,
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        body=bytes(body[:most]),
        content_length=int(length) if length.isascii() and length.isdigit() else None,
        location=response.headers.get("Location", ""),
        retry_after=response.headers.get("Retry-After", ""),
    )


def _translated(error: requests.RequestException, *, method: str, url: str) -> XnatUploadError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return ServerError(
            f"The certificate of {urlsplit(url).netloc} cannot be verified. If the hospital has a certificate "
            "authority of its own, give the path of its bundle: connect(…, verify='/path/to/ca.pem'), or the variable "
            "REQUESTS_CA_BUNDLE.",
            url=url,
        )
    if isinstance(error, requests.exceptions.SSLError) and any(words in text for words in _NO_TLS):
        return ServerError(
            f"What answers at {urlsplit(url).netloc} does not speak https. Give its address with http://, or another "
            "port.",
            url=url,
        )
    if isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)):
        never_arrived = isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error.args)
        what = "no connection" if never_arrived else "no answer" if isinstance(error, requests.Timeout) else "broke off"
        return ServerUnavailableError(
            f"{method} {url}: {what} ({type(error).__name__}). Check that the archive is up and reachable, then "
            "try again.",
            may_have_arrived=not never_arrived,
            still_working=isinstance(error, requests.ReadTimeout),
            url=url,
        )
    return ServerError(f"{method} {url} could not be sent or its answer not be read: {type(error).__name__}.", url=url)


def _without_request(error: requests.RequestException) -> requests.RequestException:
    """Drop what holds the headers, and so the password or the session, from an error that may be logged or kept."""
    error.request = None
    error.response = None
    return error
