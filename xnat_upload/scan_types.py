"""Which data type a new scan gets, so that it fits its session (contract, read §4.4)."""

from __future__ import annotations

from xnat_upload.errors import InvalidIdentifierError

# Stems as XNAT spells them: "xnat:" + stem + "ScanData". Session and scan share the stem, but for the two below.
_STEMS = frozenset(
    {
        *("cr", "ct", "dx", "dx3DCraniofacial", "ecg", "eeg", "eps", "es", "esv", "gm", "gmv", "hd", "io", "meg"),
        *("mg", "mr", "nm", "op", "opt", "otherDicom", "pet", "petmr", "rf", "rt", "sm", "sr", "us", "xa", "xa3D"),
        *("xc", "xcv"),
    }
)
_BY_SESSION_NAME = {stem.lower(): stem for stem in _STEMS}
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
