"""What became of one file, and of the files of one plan, also where nothing was sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from xnat_upload.errors import XnatUploadError
from xnat_upload.places.destination import Destination
from xnat_upload.places.names import other_form
from xnat_upload.places.target import Target
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.request import StagedRequest, UploadRequest
from xnat_upload.planning.step import Action


class Status(str, Enum):
    """How an upload ended for one file; each compares equal to its text."""

    STORED = "stored"
    """Sent, and the archive lists it with the same size and MD5."""
    SKIPPED = "skipped"
    """Was there already, listed with the same size and MD5."""
    UNPROVEN = "unproven"
    """Sent, and the archive has as many bytes of it; it keeps no MD5 to prove more."""
    FAILED = "failed"
    """Sent or refused, and not stored as it should be."""
    NOT_SENT = "not sent"
    """Never sent, because something before it failed or the upload was interrupted."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, kw_only=True, slots=True)
class FileOutcome:
    """What became of one file.

    Parameters
    ----------
    destination : Destination
        Where it went, or was to go.
    name : str
        Its name there.
    path : pathlib.Path or None
        Where it lies locally; None if it was given as bytes or as a file object.
    url : str
        The absolute address that serves its bytes once it is stored; empty if the session was not found.
    size_bytes : int
        Its local size.
    md5 : str or None
        Of the bytes that were sent or compared; None if it was never read.
    status : Status
        How it ended.
    reason : str
        Why, in a few words or a sentence.
    attempts : int
        Requests that carried it.
    seconds : float
        Time those requests took, shared with the files that travelled along.
    bytes_on_the_line : int
        How many bytes stood for it in those requests, without headers: fewer than it has where it travelled deflated.
    """

    destination: Destination
    name: str
    path: Path | None
    url: str
    size_bytes: int
    md5: str | None
    status: Status
    reason: str
    attempts: int
    seconds: float
    bytes_on_the_line: int = 0

    @property
    def ok(self) -> bool:
        """Whether the archive holds the file, as far as it lets itself be asked."""
        return self.status in (Status.STORED, Status.SKIPPED, Status.UNPROVEN)


@dataclass(frozen=True)
class ResourceResult:
    """What became of one plan: an outcome for each file, and the error that kept the rest from being stored.

    `extra` are names that the archive lists though nobody here sent them, `conflicts` those that another client has
    taken meanwhile.
    """

    outcomes: tuple[FileOutcome, ...]
    error: XnatUploadError | None = None
    extra: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def told_apart(result: ResourceResult) -> ResourceResult:
    """Say of a file that is missing whether the archive lists its name in another Unicode form.

    A file system of the archive's, or something in between, may change the form of a name; nobody can see the
    difference, and the file cannot be found under the name that it was sent with.
    """
    if not result.extra:
        return result
    outcomes = tuple(
        replace(outcome, reason=f"{outcome.reason}; its name is {form}. Rename the file to the form that is there.")
        if not outcome.ok and (form := other_form(outcome.name, result.extra))
        else outcome
        for outcome in result.outcomes
    )
    return replace(result, outcomes=outcomes)


def not_sent(plan: Plan, error: XnatUploadError, *, url: Callable[[str], str]) -> ResourceResult:
    """Say of every file of a plan that it was not sent, because of names that are there already."""
    destination = plan.resource.destination
    outcomes = tuple(
        FileOutcome(
            destination=destination,
            name=step.file.name,
            path=step.file.path,
            url=url(step.file.name),
            size_bytes=step.file.size_bytes,
            md5=step.fingerprint.md5 if step.fingerprint else None,
            status=Status.FAILED if step.action is Action.REFUSE else Status.NOT_SENT,
            reason=step.reason if step.action is Action.REFUSE else "not sent, because other names are there already",
            attempts=0,
            seconds=0.0,
        )
        for step in plan.steps
    )
    return ResourceResult(outcomes, error)


def not_planned(request: StagedRequest, error: XnatUploadError) -> ResourceResult:
    """Say of every file of a request that it was not sent, because no plan could be made."""
    outcomes = tuple(
        FileOutcome(
            destination=request.target.destination,
            name=file.name,
            path=file.path,
            url="",
            size_bytes=file.size_bytes,
            md5=None,
            status=Status.NOT_SENT,
            reason=str(error),
            attempts=0,
            seconds=0.0,
        )
        for file in request.files
    )
    return ResourceResult(outcomes, error)


def not_staged(request: UploadRequest, target: Target, error: XnatUploadError) -> ResourceResult:
    """Say of all that a request names that it was not sent, because of what is wrong with it on this machine."""
    files: Any = request.files
    given = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    outcomes = tuple(
        FileOutcome(
            destination=target.destination,
            name=os.fspath(each),
            path=None if isinstance(files, Mapping) else Path(each),
            url="",
            size_bytes=0,
            md5=None,
            status=Status.NOT_SENT,
            reason=str(error),
            attempts=0,
            seconds=0.0,
        )
        for each in given
        if isinstance(each, (str, os.PathLike))
    )
    return ResourceResult(outcomes, error)
