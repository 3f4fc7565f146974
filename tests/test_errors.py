"""Errors keep what they know, wherever they travel."""

from __future__ import annotations

import copy
import pickle

import pytest

import xnat_upload
from xnat_upload import (
    AlreadyExistsError,
    AuthenticationError,
    ChangedFileError,
    IncompleteUploadError,
    InvalidIdentifierError,
    InvalidManifestError,
    ManifestFault,
    MissingDependencyError,
    MissingFileError,
    NotFoundError,
    PermissionDeniedError,
    Report,
    ServerError,
    ServerUnavailableError,
    UnsafePathError,
    UploadInterrupted,
    XnatUploadError,
)
from xnat_upload.errors import quoted

REPORT = Report(files=(), extra=("a",), seconds=1.5)
ANSWER = {"status": 409, "url": "https://xnat.example/data", "server_message": "no"}
ERRORS: list[BaseException] = [
    XnatUploadError("m", status=409, url="u", server_message="s"),
    InvalidIdentifierError("m"),
    InvalidManifestError("m", faults=(ManifestFault(7, "scan_id is empty."), ManifestFault(None, "no rows"))),
    UnsafePathError("m"),
    MissingFileError("m"),
    ChangedFileError("m"),
    MissingDependencyError("m"),
    NotFoundError("m", status=404, url="u", server_message="s"),
    AlreadyExistsError("m", names=("a", "b"), report=REPORT, status=409, url="u", server_message="s"),
    AuthenticationError("m", status=401, url="u", server_message="s"),
    PermissionDeniedError("m", status=403, url="u", server_message="s"),
    ServerError("m", status=500, url="u", server_message="s"),
    ServerUnavailableError(
        "m",
        may_have_arrived=False,
        still_working=True,
        retry_after_seconds=2.5,
        status=504,
        url="u",
        server_message="s",
    ),
    IncompleteUploadError("m", report=REPORT),
    UploadInterrupted("m", report=REPORT),
]


def fields_of(error: BaseException) -> dict[str, object]:
    return {**vars(error), "args": error.args, "text": str(error), "class": type(error)}


def test_no_error_of_the_package_is_forgotten_here() -> None:
    public = {
        value
        for value in vars(xnat_upload).values()
        if isinstance(value, type) and issubclass(value, BaseException) and not issubclass(value, Warning)
    }
    assert {type(error) for error in ERRORS} == public


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_keeps_its_fields_through_a_pickle(error: BaseException, protocol: int) -> None:
    assert fields_of(pickle.loads(pickle.dumps(error, protocol))) == fields_of(error)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_its_fields_when_it_is_copied(error: BaseException) -> None:
    assert fields_of(copy.copy(error)) == fields_of(error)
    assert fields_of(copy.deepcopy(error)) == fields_of(error)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (InvalidIdentifierError, ValueError),
        (InvalidManifestError, ValueError),
        (UnsafePathError, ValueError),
        (MissingFileError, FileNotFoundError),
        (MissingDependencyError, ImportError),
        (AlreadyExistsError, FileExistsError),
        (PermissionDeniedError, PermissionError),
        (UploadInterrupted, KeyboardInterrupt),
        (xnat_upload.InsecureTransportWarning, UserWarning),
    ],
)
def test_an_error_is_what_a_caller_expects_it_to_be(kind: type, parent: type) -> None:
    assert issubclass(kind, parent)


def test_one_root_catches_every_error_and_no_interruption() -> None:
    for error in ERRORS:
        assert isinstance(error, XnatUploadError) != isinstance(error, UploadInterrupted)
    assert not issubclass(UploadInterrupted, Exception)


def test_an_error_without_an_answer_says_so() -> None:
    for error in (InvalidIdentifierError("m"), IncompleteUploadError("m", report=REPORT), AlreadyExistsError("m")):
        assert (error.status, error.url, error.server_message) == (None, None, None)
    assert AlreadyExistsError("m").names == ()
    assert ServerUnavailableError("m").may_have_arrived


@pytest.mark.parametrize(
    "value", ["a", "é", "a'b", "\x1b[2J\n\u202e\ud800", "x" * 10_000, "\ud800" * 10_000, b"\xff", None]
)
def test_a_quote_can_be_printed_anywhere_and_is_never_long(value: object) -> None:
    shown = quoted(value)
    assert shown.isprintable()
    assert len(shown) < 200
    shown.encode()


def test_a_quote_of_a_long_path_shows_both_ends() -> None:
    shown = quoted("/data/images/" + "x" * 300 + "/seg.nii.gz")
    assert shown.startswith("'/data/images/")
    assert shown.endswith("/seg.nii.gz' (324 characters)")
