"""Put image files into XNAT so that what is called stored is stored: fast, verified, resumable.

>>> import xnat_upload
>>> "Uploader" in xnat_upload.__all__
True
"""

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


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # not read by each program that imports this

        return version("xnat-upload")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
