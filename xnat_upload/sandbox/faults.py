"""What can be made to go wrong, by name.

Each fault is a value that says what happens and to which requests: by method, by a
regular expression searched in the raw path, from the n-th match on, `times` times
(``None``: until it is removed), or to a reproducible share of them.  Several may be
in at the same time, and one request may meet several.

    >>> from xnat_upload.sandbox.faults import LoseAnswer
    >>> LoseAnswer(method="PUT", path="/files/", nth=3)
    LoseAnswer(method='PUT', path='/files/', nth=3, times=1, share=None, seed=0, reset=False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xnat_upload.sandbox.store.disk import Point


@dataclass(frozen=True)
class Fault:
    """To which requests something happens.

    Parameters
    ----------
    method : str, optional
        Only requests with this method.
    path : str, optional
        Only requests in whose raw path this regular expression is found.
    nth : int, optional
        Only from the n-th of the matching requests on, counted from 1.
    times : int, optional
        How often; ``None`` until the fault is removed.
    share : float, optional
        Only this share of the matching requests, drawn with `seed`.
    seed : int
        Start of the random numbers behind `share`.
    """

    method: str | None = field(default=None, kw_only=True)
    path: str | None = field(default=None, kw_only=True)
    nth: int | None = field(default=None, kw_only=True)
    times: int | None = field(default=1, kw_only=True)
    share: float | None = field(default=None, kw_only=True)
    seed: int = field(default=0, kw_only=True)


# Somebody else answers


@dataclass(frozen=True)
class Refuse(Fault):
    """Answer with `status` instead of doing anything; the body is not read."""

    status: int
    message: str = ""
    retry_after: str | None = None


@dataclass(frozen=True)
class AnswerPage(Fault):
    """Answer with a web page instead of doing anything, as a portal or a proxy in front does."""

    status: int = 200
    html: str = "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>"


@dataclass(frozen=True)
class RepeatRequest(Fault):
    """Do the request twice, as a proxy does that got no answer to the first, and give the second answer.

    Parameters
    ----------
    at_once : bool
        Begin the second while the first is still under way, instead of after it.
    """

    at_once: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class AnswerFalsely(Fault):
    """Do the work, and answer with `status` as if it had failed."""

    status: int = 500
    message: str = ""


@dataclass(frozen=True)
class ProxyTimeout(Fault):
    """Answer 504 after `seconds`, as a proxy does, while the archive goes on with the request."""

    seconds: float = 0


@dataclass(frozen=True)
class NoContent(Fault):
    """Answer 204 in place of an empty 200, as an early build of 1.11 may do."""


# The line breaks


@dataclass(frozen=True)
class Drop(Fault):
    """A broken connection; with `reset` the client gets a TCP reset (RST) instead of an orderly end (FIN)."""

    reset: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class DropBefore(Drop):
    """Close the connection as soon as the request line is there."""


@dataclass(frozen=True)
class DropDuring(Drop):
    """Close the connection when `after_bytes` of the body have been read; they may be on disk."""

    after_bytes: int


@dataclass(frozen=True)
class DropAfter(Drop):
    """Read the whole body, do nothing with it, and close the connection without an answer."""


@dataclass(frozen=True)
class DropAt(Drop):
    """Close the connection when the request reaches `point`; the archive goes on with what it has received.

    Parameters
    ----------
    point : Point
        One of the steps of a request, see `xnat_upload.sandbox.store.disk.Point`.
    within : str
        Only at a path that contains this: the file or catalog on disk, or the request's own path for
        the body and the answer.
    """

    point: Point
    within: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class KillAt(DropAt):
    """End the request at `point` as a killed server does: connection closed, nothing more done or tidied up."""


@dataclass(frozen=True)
class LoseAnswer(Drop):
    """Do the work, and close the connection instead of answering."""


# The answer is slow or strange


@dataclass(frozen=True)
class AnswerLate(Fault):
    """Do the work at once, and answer after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class OddAnswer(Fault):
    """Do the work, spell the answer strangely, and close the connection.

    Parameters
    ----------
    seconds_between : float
        The pause before each piece.
    """

    seconds_between: float = field(default=0, kw_only=True)


@dataclass(frozen=True)
class DripAnswer(OddAnswer):
    """Send the answer byte by byte, from its status line, its headers or its body on.

    Parameters
    ----------
    part : {"status line", "headers", "body"}
        Where the dripping begins; what comes before is sent at once.
    bytes_at_once : int
        How much each drop holds.
    """

    part: Literal["status line", "headers", "body"] = "body"
    bytes_at_once: int = field(default=1, kw_only=True)


@dataclass(frozen=True)
class InterimAnswers(OddAnswer):
    """Send interim answers (100, 102, 103 …) before the real one.

    Parameters
    ----------
    status : int
        Their status.
    count : int, optional
        How many; ``None``: for ever.
    """

    status: int = 102
    count: int | None = 1


@dataclass(frozen=True)
class EndlessTrailers(OddAnswer):
    """Send the answer in chunks, and header lines behind the last chunk for ever."""


@dataclass(frozen=True)
class ContentLength(OddAnswer):
    """Give the answer this Content-Length, such as one of 5,000 digits."""

    value: str


@dataclass(frozen=True)
class ChunkSize(OddAnswer):
    """Send the answer as one chunk of this size, such as ``-5``."""

    value: str


@dataclass(frozen=True)
class GzipBomb(OddAnswer):
    """Answer 200 with `start`, then `filling` over and over, so packed that `unpacked_bytes` cost a thousandth."""

    unpacked_bytes: int = 256 << 20
    start: bytes = b'{"ResultSet":{"Result":['
    filling: bytes = b"{},"
    content_type: str = "application/json"


@dataclass(frozen=True)
class AnswerBytes(OddAnswer):
    """Send exactly these bytes in place of the answer, then `again` over and over, if it is given."""

    raw: bytes
    again: bytes = b""


@dataclass(frozen=True)
class SlowLink(Fault):
    """Carry matching requests over a link of this latency and bandwidth; each has its own."""

    latency_ms: float = 0
    bandwidth_mbps: float | None = None


# The archive itself


@dataclass(frozen=True)
class StoreFewer(Fault):
    """Lose the last `bytes_missing` bytes of the first file on their way to disk."""

    bytes_missing: int


@dataclass(frozen=True)
class FlipByte(Fault):
    """Alter the first byte of the first file on its way to disk: the archive's digest is of what is there."""


@dataclass(frozen=True)
class ForgetSession(Fault):
    """Forget the session that the request presents."""


@dataclass(frozen=True)
class CatalogConflict(Fault):
    """Let somebody else write the catalog just before this request does."""


@dataclass(frozen=True)
class CatalogBusy(Fault):
    """Have the catalog locked by somebody else for longer than the archive waits: 500 at once."""


@dataclass(frozen=True)
class DiskFull(Fault):
    """Have no space left once `after_bytes` of this request are on disk: 500, the file cut, the catalog as it was."""

    after_bytes: int
