"""Put image files into XNAT so that what is called stored is stored: fast, verified, resumable.

>>> import xnat_upload
>>> "Uploader" in xnat_upload.__all__
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xnat_upload.archive.readiness import Readiness
    from xnat_upload.cohort.report import CohortReport
    from xnat_upload.errors import (
        AlreadyExistsError,
        AuthenticationError,
        ChangedFileError,
        IncompleteUploadError,
        InsecureTransportWarning,
        InvalidIdentifierError,
        InvalidManifestError,
        ManifestFault,
        MissingDependencyError,
        MissingFileError,
        NotFoundError,
        PermissionDeniedError,
        ServerError,
        ServerUnavailableError,
        UnsafePathError,
        UploadInterrupted,
        XnatUploadError,
    )
    from xnat_upload.places.destination import Destination
    from xnat_upload.places.hierarchy import Accession, Resource, Scan
    from xnat_upload.planning.plan import Plan
    from xnat_upload.planning.request import UploadRequest
    from xnat_upload.report.outcome import FileOutcome, Status
    from xnat_upload.report.progress import Progress
    from xnat_upload.report.report import Report
    from xnat_upload.settings import TransferSettings
    from xnat_upload.uploader import Uploader

    __version__: str

__all__ = [
    "Accession",
    "AlreadyExistsError",
    "AuthenticationError",
    "ChangedFileError",
    "CohortReport",
    "Destination",
    "FileOutcome",
    "IncompleteUploadError",
    "InsecureTransportWarning",
    "InvalidIdentifierError",
    "InvalidManifestError",
    "ManifestFault",
    "MissingDependencyError",
    "MissingFileError",
    "NotFoundError",
    "PermissionDeniedError",
    "Plan",
    "Progress",
    "Readiness",
    "Report",
    "Resource",
    "Scan",
    "ServerError",
    "ServerUnavailableError",
    "Status",
    "TransferSettings",
    "UnsafePathError",
    "UploadInterrupted",
    "UploadRequest",
    "Uploader",
    "XnatUploadError",
]

# Each name is imported when it is first asked for: who only has the package installed, as every run of pytest that
# finds its plugin, pays nothing for it. What stands above is for type checkers and editors, which run nothing.
_ROOMS = {
    "Accession": "places.hierarchy",
    "AlreadyExistsError": "errors",
    "AuthenticationError": "errors",
    "ChangedFileError": "errors",
    "CohortReport": "cohort.report",
    "Destination": "places.destination",
    "FileOutcome": "report.outcome",
    "IncompleteUploadError": "errors",
    "InsecureTransportWarning": "errors",
    "InvalidIdentifierError": "errors",
    "InvalidManifestError": "errors",
    "ManifestFault": "errors",
    "MissingDependencyError": "errors",
    "MissingFileError": "errors",
    "NotFoundError": "errors",
    "PermissionDeniedError": "errors",
    "Plan": "planning.plan",
    "Progress": "report.progress",
    "Readiness": "archive.readiness",
    "Report": "report.report",
    "Resource": "places.hierarchy",
    "Scan": "places.hierarchy",
    "ServerError": "errors",
    "ServerUnavailableError": "errors",
    "Status": "report.outcome",
    "TransferSettings": "settings",
    "UnsafePathError": "errors",
    "UploadInterrupted": "errors",
    "UploadRequest": "planning.request",
    "Uploader": "uploader",
    "XnatUploadError": "errors",
}


if not TYPE_CHECKING:  # else every misspelt name would be one to them

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("xnat-upload")
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ROOMS, "__version__"})
