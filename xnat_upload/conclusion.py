"""How an upload ends: with a report, or with the error that says best why not all is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from xnat_upload.errors import (
    AlreadyExistsError,
    IncompleteUploadError,
    PermissionDeniedError,
    UploadInterrupted,
    XnatUploadError,
)
from xnat_upload.outcome import FileOutcome, ResourceResult, Status
from xnat_upload.plan import Action, Plan
from xnat_upload.report import Report
from xnat_upload.request import StagedRequest
from xnat_upload.tables import first_of

_REASONS_SHOWN = 3


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
            destination=request.destination,
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


def conclude(results: Sequence[ResourceResult], *, seconds: float, interrupted: bool) -> Report:
    """Make the report, and return it if every file is in the archive.

    Raises
    ------
    UploadInterrupted
        The upload was stopped.
    AlreadyExistsError
        All that is missing was taken by another client meanwhile.
    IncompleteUploadError
        Not every file is stored.
    XnatUploadError
        For one resource, the error because of which nothing was stored.
    """
    report = Report(
        files=tuple(outcome for result in results for outcome in result.outcomes),
        extra=tuple(name for result in results for name in result.extra),
        seconds=seconds,
    )
    if interrupted:
        rest = "" if report.ok else " The same call with exist_ok=True sends the rest."
        raise UploadInterrupted(f"The upload was interrupted: {report.summary}.{rest}", report=report)
    if not report.ok:
        _raise(results, report)
    return report


def _raise(results: Sequence[ResourceResult], report: Report) -> NoReturn:
    failed = [file for file in report.files if not file.ok]
    first_error = next((result.error for result in results if result.error), None)
    if len(results) == 1 and first_error is not None:
        never_sent = all(file.attempts == 0 for file in report.files)
        outright = isinstance(first_error, PermissionDeniedError) and len(failed) == len(report.files)
        if never_sent or outright:
            raise first_error
    conflicts = tuple(name for result in results for name in result.conflicts)
    if len(results) == 1 and len(conflicts) == len(failed):
        raise AlreadyExistsError(
            f"{first_of(conflicts)} {'was' if len(conflicts) == 1 else 'were'} stored by another client while this "
            "upload was under way; nothing of it was replaced.",
            names=conflicts,
            report=report,
        )
    by_reason: dict[str, list[str]] = {}
    for file in failed:
        by_reason.setdefault(file.reason, []).append(file.name)
    shown = " ".join(
        f"{first_of(names)}: {reason.rstrip('.')}." for reason, names in list(by_reason.items())[:_REASONS_SHOWN]
    )
    raise IncompleteUploadError(
        f"{len(failed)} of {len(report.files)} files are not stored ({report.summary}). {shown} To "
        "finish, do the same with exist_ok=True: it skips what is stored, sends what is missing and replaces what "
        "differs.",
        report=report,
    ) from first_error
