"""Which data type a new scan gets: one that can be, and that fits its session.

See docs/xnat/scans-and-resources.md, "Types of scans and sessions".
"""

from __future__ import annotations

import re

from xnat_upload.errors import InvalidIdentifierError, quoted

# Stems as XNAT spells them: "xnat:" + stem + "ScanData". Session and scan share the stem, but for the two below.
_STEMS = frozenset(
    {
        *("cr", "ct", "dx", "dx3DCraniofacial", "ecg", "eeg", "eps", "es", "esv", "gm", "gmv", "hd", "io", "meg"),
        *("mg", "mr", "nm", "op", "opt", "otherDicom", "pet", "petmr", "rf", "rt", "sm", "sr", "us", "xa", "xa3D"),
        *("xc", "xcv"),
    }
)
_BY_SESSION_NAME = {stem.lower(): stem for stem in _STEMS}
_SCAN_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9]*:[A-Za-z][A-Za-z0-9_]*")
_OTHER = "xnat:otherDicomScanData"


def session_type_of(root_name: str) -> str | None:
    """Give the data type of a session from the name of its XML root, ``MRSession``; None if it is no image session.

    Examples
    --------
    >>> session_type_of("MRSession"), session_type_of("PETMRSession"), session_type_of("QCAssessment")
    ('xnat:mrSessionData', 'xnat:petmrSessionData', None)
    """
    stem, session, rest = root_name.partition("Session")
    if not session or rest:
        return None
    return f"xnat:{_BY_SESSION_NAME.get(stem.lower(), stem)}SessionData"


def scan_type_for(session_type: str) -> str:
    """Give the data type of a new scan in a session of this type.

    Raises
    ------
    InvalidIdentifierError
        A PET/MR session holds scans of two types, so the type must be told.

    Examples
    --------
    >>> scan_type_for("xnat:ctSessionData"), scan_type_for("xnat:rtSessionData"), scan_type_for("site:newSessionData")
    ('xnat:ctScanData', 'xnat:rtImageScanData', 'xnat:otherDicomScanData')
    """
    stem = session_type.removeprefix("xnat:").removesuffix("SessionData")
    if stem == "petmr":
        raise InvalidIdentifierError(
            "A PET/MR session holds scans of two types, and which one is new cannot be guessed. "
            "Give scan_type='xnat:petScanData' or scan_type='xnat:mrScanData'."
        )
    if stem == "rt":
        return "xnat:rtImageScanData"
    return f"xnat:{stem}ScanData" if stem in _STEMS else _OTHER


def check_scan_type(scan_type: str) -> str:
    """Return the data type of a scan if it can be one.

    Raises
    ------
    InvalidIdentifierError
        It is not XNAT's name of a kind of scan.
    """
    if not isinstance(scan_type, str) or not _SCAN_TYPE.fullmatch(scan_type) or scan_type == "xnat:imageScanData":
        raise InvalidIdentifierError(
            f"The scan type {quoted(scan_type)} cannot be one. Give XNAT's name of a kind of scan, "
            "such as 'xnat:mrScanData'."
        )
    return scan_type
