"""One request and its answer; the one place where what requests raises becomes this package's own errors."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from typing import Any

import requests
import urllib3

from xnat_upload.archive.answers import Answer
from xnat_upload.archive.causes import cause_of
from xnat_upload.errors import ServerError, XnatUploadError

_ERROR_PAGE_BYTES = 64 * 1024
# A listing of 100,000 files is 40 MiB; what is longer than this is no listing.
_ANSWER_BYTES = 256 * 1024 * 1024


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
    InvalidIdentifierError, MissingDependencyError
        This machine's proxy or certificates cannot be used.
    """
    try:
        with call(path, **options) as response:
            return _read(response, method=method, url=url, into=into)
    except XnatUploadError:
        raise
    except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        named = cause_of(error, method=method, url=url)
    raise named  # out here, where it has no context: what was caught may hold the password or the session


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
