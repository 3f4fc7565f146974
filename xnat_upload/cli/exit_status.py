"""What the exit status tells a job, so that it need not read messages."""

from __future__ import annotations

from enum import IntEnum

from xnat_upload.errors import (
    AlreadyExistsError,
    AuthenticationError,
    InvalidIdentifierError,
    InvalidManifestError,
    MissingDependencyError,
    MissingFileError,
    NotFoundError,
    PermissionDeniedError,
    ServerUnavailableError,
    UnsafePathError,
    UploadInterrupted,
)


class ExitStatus(IntEnum):
    """How a command ended."""

    DONE = 0
    NOT_ALL = 1
    WRONG_USE = 2
    NOT_LOGGED_IN = 3
    CONFLICT = 4
    NOT_PERMITTED = 5
    NOT_FOUND = 6
    TRY_LATER = 7


MEANINGS = {
    ExitStatus.DONE: "all is stored, or at least there if the archive keeps no MD5; or nothing is in the way",
    ExitStatus.NOT_ALL: "some is not stored, or the archive refused: the report or the message says why",
    ExitStatus.WRONG_USE: "wrong use: an option, an ID, a local file, a row; nothing was sent",
    ExitStatus.NOT_LOGGED_IN: "not logged in: no credentials, or wrong ones; stop the job, an account may be locked",
    ExitStatus.CONFLICT: "names are in the resource already; --resume or --exist-ok decide about them",
    ExitStatus.NOT_PERMITTED: "this user may not write there",
    ExitStatus.NOT_FOUND: "no such project, session or scan, or this user may not see it",
    ExitStatus.TRY_LATER: "the archive does not answer, or is too busy: the same command later, with --resume",
}

_WRONG_USE = (InvalidIdentifierError, InvalidManifestError, MissingDependencyError, MissingFileError, UnsafePathError)
_OF_ERRORS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitStatus], ...] = (
    (_WRONG_USE, ExitStatus.WRONG_USE),
    (AuthenticationError, ExitStatus.NOT_LOGGED_IN),
    (AlreadyExistsError, ExitStatus.CONFLICT),
    (PermissionDeniedError, ExitStatus.NOT_PERMITTED),
    (NotFoundError, ExitStatus.NOT_FOUND),
    (ServerUnavailableError, ExitStatus.TRY_LATER),
)


def status_of(error: BaseException) -> ExitStatus:
    """Give the exit status for what kept a command from doing all, if anything did before it was interrupted."""
    if isinstance(error, UploadInterrupted) and error.report.ok:
        return ExitStatus.DONE
    return next((status for kinds, status in _OF_ERRORS if isinstance(error, kinds)), ExitStatus.NOT_ALL)


def table() -> str:
    """Give the table of all exit statuses, as ``--help`` shows it."""
    return "\n".join(f"  {status.value}  {meaning}" for status, meaning in MEANINGS.items())
