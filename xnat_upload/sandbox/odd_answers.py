"""Answers that no XNAT gives: slow, endless, or against the rules of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from xnat_upload.sandbox.fault import Fault


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
    """Give the answer this Content-Length, such as one of 5,000 digits.

    Parameters
    ----------
    value : str
        The header's value.
    """

    value: str


@dataclass(frozen=True)
class ChunkSize(OddAnswer):
    """Send the answer as one chunk of this size, such as ``-5``.

    Parameters
    ----------
    value : str
        What stands for the size.
    """

    value: str


@dataclass(frozen=True)
class GzipBomb(OddAnswer):
    """Answer 200 with `start`, then `filling` over and over, so packed that `unpacked_bytes` cost a thousandth.

    Parameters
    ----------
    unpacked_bytes : int
        Size of the answer when it is unpacked.
    start : bytes
        What it begins with.
    filling : bytes
        What follows, over and over.
    content_type : str
        Its ``Content-Type``.
    """

    unpacked_bytes: int = 256 << 20
    start: bytes = b'{"ResultSet":{"Result":['
    filling: bytes = b"{},"
    content_type: str = "application/json"


@dataclass(frozen=True)
class AnswerBytes(OddAnswer):
    """Send exactly these bytes in place of the answer, then `again` over and over, if it is given.

    Parameters
    ----------
    raw : bytes
        All that is sent, status line included.
    again : bytes
        What follows, over and over, unless it is empty.
    """

    raw: bytes
    again: bytes = b""
