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

from xnat_upload.sandbox.fault import Fault
from xnat_upload.sandbox.odd_answers import (
    AnswerBytes,
    ChunkSize,
    ContentLength,
    DripAnswer,
    EndlessTrailers,
    GzipBomb,
    InterimAnswers,
    OddAnswer,
)
from xnat_upload.sandbox.store.disk import Point

__all__ = [
    "AnswerBytes",
    "AnswerFalsely",
    "AnswerLate",
    "AnswerPage",
    "CatalogBusy",
    "CatalogConflict",
    "ChunkSize",
    "ContentLength",
    "DiskFull",
    "DripAnswer",
    "Drop",
    "DropAfter",
    "DropAt",
    "DropBefore",
    "DropDuring",
    "EndlessTrailers",
    "Fault",
    "FlipByte",
    "ForgetSession",
    "GzipBomb",
    "InterimAnswers",
    "KillAt",
    "LoseAnswer",
    "NoContent",
    "OddAnswer",
    "ProxyTimeout",
    "Refuse",
    "RepeatRequest",
    "SlowLink",
    "StoreFewer",
]


# Somebody else answers


@dataclass(frozen=True)
class Refuse(Fault):
    """Answer with `status` instead of doing anything; the body is not read.

    Parameters
    ----------
    status : int
        HTTP status of the answer.
    message : str
        Its body.
    retry_after : str, optional
        Its ``Retry-After``.
    """

    status: int
    message: str = ""
    retry_after: str | None = None


@dataclass(frozen=True)
class AnswerPage(Fault):
    """Answer with a web page instead of doing anything, as a portal or a proxy in front does.

    Parameters
    ----------
    status : int
        HTTP status of the answer.
    html : str
        The page.
    """

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
    """Do the work, and answer with `status` as if it had failed.

    Parameters
    ----------
    status : int
        HTTP status of the answer.
    message : str
        Its body.
    """

    status: int = 500
    message: str = ""


@dataclass(frozen=True)
class ProxyTimeout(Fault):
    """Answer 504 after `seconds`, as a proxy does, while the archive goes on with the request.

    Parameters
    ----------
    seconds : float
        When the proxy gives up.
    """

    seconds: float = 0


@dataclass(frozen=True)
class NoContent(Fault):
    """Answer 204 in place of an empty 200, as an early build of 1.11 may do."""


# The line breaks


@dataclass(frozen=True)
class Drop(Fault):
    """A broken connection.

    Parameters
    ----------
    reset : bool
        The client gets a TCP reset (RST) instead of an orderly end (FIN).
    """

    reset: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class DropBefore(Drop):
    """Close the connection as soon as the request line is there."""


@dataclass(frozen=True)
class DropDuring(Drop):
    """Close the connection when `after_bytes` of the body have been read; they may be on disk.

    Parameters
    ----------
    after_bytes : int
        So many bytes of the body are read.
    """

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


# The answer is slow


@dataclass(frozen=True)
class AnswerLate(Fault):
    """Do the work at once, and answer after `seconds`.

    Parameters
    ----------
    seconds : float
        How long the answer waits.
    """

    seconds: float


@dataclass(frozen=True)
class SlowLink(Fault):
    """Carry matching requests over a link of this latency and bandwidth; each has its own.

    Parameters
    ----------
    latency_ms : float
        How long each way takes.
    bandwidth_mbps : float, optional
        Megabits in a second; ``None`` for no limit.
    """

    latency_ms: float = 0
    bandwidth_mbps: float | None = None


# The archive itself


@dataclass(frozen=True)
class StoreFewer(Fault):
    """Lose the last `bytes_missing` bytes of the first file on their way to disk.

    Parameters
    ----------
    bytes_missing : int
        How many bytes are lost.
    """

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
    """Have no space left once `after_bytes` of this request are on disk: 500, the file cut, the catalog as it was.

    Parameters
    ----------
    after_bytes : int
        What still fits.
    """

    after_bytes: int
