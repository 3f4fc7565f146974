"""One request and its answer; the one place where what requests raises becomes this package's own errors."""

from __future__ import annotations

import http.client
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import requests
import urllib3

from xnat_upload.archive.answers import Answer
from xnat_upload.archive.causes import cause_of
from xnat_upload.archive.deadline import Deadline
from xnat_upload.errors import ServerError, ServerUnavailableError, XnatUploadError

# So small that a slow line brings one in time.
_BLOCK_BYTES = 16 * 1024
_ERROR_PAGE_BYTES = 64 * 1024
# A listing of 100,000 files is 40 MiB; what is longer than this, unpacked, is no listing.
_ANSWER_BYTES = 64 * 1024 * 1024
# Of a number with more digits, which no length has, Python makes none.
_LENGTH_DIGITS = 18
# All that comes out of the layers below for a line that breaks, or an answer that none of them can read.
_FAULTS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
    zlib.error,
)


class Body(Protocol):
    """What is sent; each iteration reads its files anew. One that has a ``len()`` is told it, any other is chunked."""

    def __iter__(self) -> Iterator[bytes]: ...


class Reader(Protocol):
    """What is given an answer block by block."""

    def update(self, block: bytes, /) -> object:
        """Take the next block."""


def exchange(
    call: Callable[..., requests.Response],
    path: str,
    *,
    method: str,
    url: str,
    into: Callable[[bytes], object] | None,
    at_most_bytes: int | None = None,
    seconds: float,
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
    at_most_bytes : int, optional
        Nothing more is read for `into` once it was given more than this.
    seconds : float
        How long all of it may take, besides what its bytes are given.

    Raises
    ------
    ServerUnavailableError
        No answer, or it broke off, or took too long.
    ServerError
        It cannot be sent, or its answer not be read.
    InvalidIdentifierError, MissingDependencyError
        This machine's proxy or certificates cannot be used.
    """
    with Deadline(seconds) as deadline:
        try:
            with call(path, **options) as response:
                answer: Answer = _read(
                    response, method=method, url=url, into=into, at_most_bytes=at_most_bytes, deadline=deadline
                )
        except XnatUploadError:
            raise
        except _FAULTS as error:
            named: XnatUploadError | None = cause_of(error, method=method, url=url)
        else:
            named = None
    if deadline.passed:  # an answer that ends with its connection looks whole when that is shut down
        raise _too_late(seconds, method=method, url=url)
    if named is not None:
        raise named  # out here, where it has no context: what was caught may hold the password or the session
    return answer


def _read(
    response: requests.Response,
    *,
    method: str,
    url: str,
    into: Callable[[bytes], object] | None,
    at_most_bytes: int | None,
    deadline: Deadline,
) -> Answer:
    """Read an answer as far as it may be long: an error page is cut, a listing that is too long is an error."""
    good = response.status_code == 200
    most = _ANSWER_BYTES if good else _ERROR_PAGE_BYTES
    body = io.BytesIO()
    given_bytes = 0
    for block in _unpacked(response, deadline=deadline, method=method, url=url):
        if good and into is not None:
            into(block)
            given_bytes += len(block)
            if at_most_bytes is not None and given_bytes > at_most_bytes:
                break
            continue
        body.write(block)
        if body.tell() > most:
            break
    if good and body.tell() > most:
        raise ServerError(
            f"{method} {url} was answered with more than {most} bytes, which no answer of an XNAT should have.",
            status=200,
            url=url,
        )
    body.truncate(most)
    packed = _encoding(response) != ""
    content_type, charset = _media_type(response)
    return Answer(
        method=method,
        url=url,
        status=response.status_code,
        content_type=content_type,
        body=body.getvalue(),
        content_length=None if packed else _length(response),
        location=response.headers.get("Location", ""),
        retry_after=response.headers.get("Retry-After", ""),
        challenge=response.headers.get("WWW-Authenticate", ""),
        charset=charset,
        cookies=response.cookies,
    )


def _media_type(response: requests.Response) -> tuple[str, str]:
    media_type, _, parameters = response.headers.get("Content-Type", "").partition(";")
    charset = re.search(r"charset=[\"']?([A-Za-z0-9._-]{1,40})", parameters, re.IGNORECASE)
    return media_type.strip().lower(), charset[1] if charset else ""


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LENGTH_DIGITS else None


def _encoding(response: requests.Response) -> str:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if encoding == "identity" else encoding


def _received(response: requests.Response, *, deadline: Deadline) -> Iterator[bytes]:
    """Give the blocks as they came; those of an answer that has said its length have the time that they need."""
    left = _length(response) or 0
    for block in response.raw.stream(_BLOCK_BYTES, decode_content=False):
        left -= len(block)
        if left >= 0:
            deadline.earn(len(block))
        yield block


def _unpacked(response: requests.Response, *, deadline: Deadline, method: str, url: str) -> Iterator[bytes]:
    """Give the blocks unpacked, each a small one: urllib3 before 2.6 unpacks what came at once, and then again."""
    blocks = _received(response, deadline=deadline)
    encoding = _encoding(response)
    if not encoding:
        yield from blocks
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ServerError(
            f"{method} {url} was answered in an encoding that was not asked for: {encoding[:40]!r}. Something in "
            "between changes the answers.",
            url=url,
        )
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    for block in blocks:
        rest = block
        while rest and not unpacker.eof:
            yield unpacker.decompress(rest, _BLOCK_BYTES)
            rest = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof and response.request.method != "HEAD":
        raise requests.exceptions.ChunkedEncodingError("the packed answer broke off")


def _too_late(seconds: float, *, method: str, url: str) -> ServerUnavailableError:
    return ServerUnavailableError(
        f"{method} {url}: not over after {seconds:g} s and what its bytes are given besides; it was broken off. The "
        "archive, or what stands in between, drips or stalls. Choose a longer exchange_timeout_seconds if it is only "
        "slow.",
        still_working=True,
        url=url,
    )
