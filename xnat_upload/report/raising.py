"""How an upload ends: with a report, or with the error that says best why not all is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from xnat_upload.display.tables import first_of
from xnat_upload.errors import (
    AlreadyExistsError,
    IncompleteUploadError,
    PermissionDeniedError,
    UploadInterrupted,
)
from xnat_upload.local.ignoring import LeftOut
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.report.report import Report

_REASONS_SHOWN = 3


def conclude(
    results: Sequence[ResourceResult],
    *,
    seconds: float,
    interrupted: bool,
    left_out: Sequence[LeftOut] = (),
    several: bool = False,
) -> Report:
    """Make the report, and return it if every file is in the archive.

    Parameters
    ----------
    left_out : sequence of LeftOut
        What was left out of directories.
    several : bool
        Several uploads were asked for, be it of one: whatever is not stored is told by a report.

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
        left_out=tuple(left_out),
    )
    if interrupted:
        rest = "" if report.ok else " To finish, run it again with exist_ok='same': what is stored is not sent twice."
        raise UploadInterrupted(f"The upload was interrupted: {report.summary}.{rest}", report=report)
    if not report.ok:
        _raise(results, report, several=several)
    return report


def _raise(results: Sequence[ResourceResult], report: Report, *, several: bool) -> NoReturn:
    failed = [file for file in report.files if not file.ok]
    first_error = next((result.error for result in results if result.error), None)
    if first_error is not None:
        first_error.__traceback__ = None  # of a thread, which helps nobody
    if not several and first_error is not None:
        never_sent = all(file.attempts == 0 for file in report.files)
        outright = isinstance(first_error, PermissionDeniedError) and len(failed) == len(report.files)
        if never_sent or outright:
            raise first_error
    conflicts = tuple(name for result in results for name in result.conflicts)
    if not several and len(conflicts) == len(failed):
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
        f"{len(failed)} of {len(report.files)} files are not stored ({report.summary}). {shown} To finish, do the same "
        "with exist_ok='same': it skips what is stored, sends what is missing and replaces nothing.",
        report=report,
    ) from first_error
