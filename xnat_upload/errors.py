"""What can go wrong, from the general to the particular.

XnatUploadError
├── InvalidIdentifierError (ValueError)       an ID, label or file name that XNAT cannot hold
├── UnsafePathError (ValueError)              a net ID or path that leaves its directory, or is no regular file
├── InvalidManifestError (ValueError)         .faults: all that is wrong with the rows of a cohort
├── MissingFileError (FileNotFoundError)      a local file that is not there or cannot be read
├── ChangedFileError                          a local file that is no longer what was planned
├── MissingDependencyError (ImportError)      an optional package is wanted
├── NotFoundError                             no such hub project, accession, …
├── AlreadyExistsError (FileExistsError)      .names
├── AuthenticationError
├── PermissionDeniedError (PermissionError)
├── ServerError                               the archive answered, and refused
├── ServerUnavailableError                    no answer, or too busy, after all attempts; the only one that is retried
└── IncompleteUploadError                     .report says which files are stored and which are not

UploadInterrupted (KeyboardInterrupt)         Ctrl-C during an upload; .report likewise

An error that comes from an answer of the archive carries ``status``, ``url`` and ``server_message``; in all others they
are None.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from xnat_upload.cell_errors import ShownInCell

_LONGEST_QUOTE = 160
# What moves a terminal's cursor, begins an escape, or turns the direction of what stands beside it, and half
# characters, which cannot be printed at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """Escape what must not reach a terminal as it is, because a server, a table or a path may say anything.

    Examples
    --------
    >>> print(printable("a\\x1b[2Jb"))
    a\\x1b[2Jb
    """
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def quoted(value: object) -> str:
    """Show a name, a path or an ID in a message: in quotes, with what cannot be printed escaped, and never long.

    Examples
    --------
    >>> print(quoted("a\\x1b[2J\\u202eb"), quoted("x" * 300))  # doctest: +ELLIPSIS
    'a\\x1b[2J\\u202eb' 'xxxxx...xxxxx' (300 characters)
    """
    text = repr(str(value) if isinstance(value, os.PathLike) else value)
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[:60]}…{text[-60:]} ({len(text) - 2} characters)"


class CarriedReport(Protocol):
    """What an error tells of every file; a `Report`, which stands above this module."""

    @property
    def files(self) -> Sequence[Any]:
        """In the order in which the files were named."""

    @property
    def ok(self) -> bool:
        """Whether the archive holds every file."""

    @property
    def urls(self) -> list[str]:
        """The addresses that serve the files."""

    @property
    def summary(self) -> str:
        """One line that says how many files ended how."""

    def count(self, status: str) -> int:
        """Count the files that ended in one way."""

    def to_json(self) -> str:
        """Give one JSON document."""

    def to_csv(self) -> str:
        """Give CSV with one line for each file."""

    def to_dataframe(self) -> Any:
        """Give a pandas DataFrame with one row for each file."""


class XnatUploadError(ShownInCell, Exception):
    """Anything this package raises on purpose.

    Parameters
    ----------
    message : str
        One readable sentence or two: what, which value, what is allowed, what to do.
    status : int, optional
        HTTP status of the answer that is the cause.
    url : str, optional
        Address that was asked, without credentials.
    server_message : str, optional
        The server's own words, at most a few hundred characters.

    Examples
    --------
    >>> error = XnatUploadError("The archive refused.", status=403)
    >>> str(error), error.status
    ('The archive refused.', 403)
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        url: str | None = None,
        server_message: str | None = None,
    ) -> None:
        # The faults of a manifest are a list, with line breaks.
        super().__init__("\n".join(map(printable, message.split("\n"))))
        self.status = status
        self.url = url
        self.server_message = server_message


class InvalidIdentifierError(XnatUploadError, ValueError):
    """An ID, label or file name that XNAT cannot hold, or could store but never serve."""


@dataclass(frozen=True)
class ManifestFault:
    """One thing that is wrong with a manifest.

    Parameters
    ----------
    row : int or None
        Number of the row: in a CSV as a spreadsheet shows it, the heading being row 1, and else counted from 0. None if
        it is no single row's.
    message : str
        What is wrong.
    """

    row: int | None
    message: str

    def __str__(self) -> str:
        return self.message if self.row is None else f"row {self.row}: {self.message}"


class InvalidManifestError(XnatUploadError, ValueError):
    """A manifest with rows that cannot be uploaded; nothing was sent.

    Attributes
    ----------
    faults : tuple of ManifestFault
        All of them.
    """

    def __init__(self, message: str, *, faults: tuple[ManifestFault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class UnsafePathError(XnatUploadError, ValueError):
    """A net ID or a path that leaves its directory, or that is not a regular file."""


class MissingFileError(XnatUploadError, FileNotFoundError):
    """A local file that does not exist or cannot be read."""


class ChangedFileError(XnatUploadError):
    """A local file that is no longer the one that was planned to be sent.

    Attributes
    ----------
    path : pathlib.Path or None
        Where it lies; None if it lies nowhere on the disk.
    name : str or None
        Its name in the resource.
    """

    def __init__(self, message: str, *, path: Path | None = None, name: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.name = name


class MissingDependencyError(XnatUploadError, ImportError):
    """An optional package is wanted; the message has the line to install it."""


class NotFoundError(XnatUploadError):
    """The archive has no such hub project, accession, scan or resource, or does not show it to this user."""


class AlreadyExistsError(XnatUploadError, FileExistsError):
    """Something of that name is in the archive already, and replacing it was not asked for.

    Attributes
    ----------
    names : tuple of str
        The names in conflict.
    report : Report or None
        What became of every file, where some had been sent before another client's file was met.
    """

    def __init__(
        self,
        message: str,
        *,
        names: tuple[str, ...] = (),
        report: CarriedReport | None = None,
        status: int | None = None,
        url: str | None = None,
        server_message: str | None = None,
    ) -> None:
        super().__init__(message, status=status, url=url, server_message=server_message)
        self.names = names
        self.report = report


class AuthenticationError(XnatUploadError):
    """The archive does not accept the credentials, or the session has ended and cannot be renewed."""


class PermissionDeniedError(XnatUploadError, PermissionError):
    """The user may not do this, as the archive says outright or by storing nothing."""


class ServerError(XnatUploadError):
    """The archive answered, and refused; asking again would bring the same answer."""


class ServerUnavailableError(XnatUploadError):
    """No answer from the archive, or too busy to give one. The only error that is tried again.

    Attributes
    ----------
    may_have_arrived : bool
        False only if it is certain that the request never reached the archive.
    still_working : bool
        True if a proxy or this client stopped waiting, or the line broke, while the archive may still be at work.
    retry_after_seconds : float or None
        How long the archive asked to be left alone.
    host_unknown : bool
        True if the server's name is not known here. It is not tried again where nothing has ever answered.
    """

    def __init__(
        self,
        message: str,
        *,
        may_have_arrived: bool = True,
        still_working: bool = False,
        retry_after_seconds: float | None = None,
        host_unknown: bool = False,
        status: int | None = None,
        url: str | None = None,
        server_message: str | None = None,
    ) -> None:
        super().__init__(message, status=status, url=url, server_message=server_message)
        self.may_have_arrived = may_have_arrived
        self.still_working = still_working
        self.retry_after_seconds = retry_after_seconds
        self.host_unknown = host_unknown


class IncompleteUploadError(XnatUploadError):
    """Not every file is stored; `report` says which are.

    Attributes
    ----------
    report : Report
        One outcome for every file.
    """

    def __init__(self, message: str, *, report: CarriedReport) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), report=self.report), self.args


class UploadInterrupted(ShownInCell, KeyboardInterrupt):
    """Ctrl-C while files travelled; a KeyboardInterrupt, so that it ends the program unless it is caught.

    Attributes
    ----------
    report : Report
        One outcome for every file, checked against the archive where anything had been sent.
    """

    def __init__(self, message: str, *, report: CarriedReport) -> None:
        super().__init__(message)
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), report=self.report), self.args


class InsecureTransportWarning(UserWarning):
    """A password is about to cross a network unencrypted."""
