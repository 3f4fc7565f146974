"""A new scan has the data type that fits its session."""

from __future__ import annotations

import pytest

from xnat_upload import InvalidIdentifierError
from xnat_upload.places.scan_types import scan_type_for, session_type_of

MODALITIES = [
    "cr",
    "ct",
    "dx",
    "ecg",
    "eeg",
    "mg",
    "mr",
    "nm",
    "pet",
    "rf",
    "sm",
    "sr",
    "us",
    "xa",
    "otherDicom",
    "dx3DCraniofacial",
]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_scan_has_the_modality_of_its_session(modality: str) -> None:
    assert scan_type_for(f"xnat:{modality}SessionData") == f"xnat:{modality}ScanData"


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_name_of_the_document_tells_the_session_type_in_xnats_spelling(modality: str) -> None:
    for name in (modality, modality.upper(), modality[0].upper() + modality[1:]):
        assert session_type_of(f"{name}Session") == f"xnat:{modality}SessionData"


def test_radiotherapy_has_its_own_word_for_a_scan() -> None:
    assert scan_type_for("xnat:rtSessionData") == "xnat:rtImageScanData"


def test_a_pet_mr_session_wants_to_be_told() -> None:
    with pytest.raises(
        InvalidIdentifierError, match="Give scan_type='xnat:petScanData' or scan_type='xnat:mrScanData'"
    ):
        scan_type_for("xnat:petmrSessionData")


@pytest.mark.parametrize("session_type", ["site:newSessionData", "site:mrSessionData", "xnat:newSessionData", "", "mr"])
def test_a_session_of_an_unknown_kind_holds_other_dicom_scans(session_type: str) -> None:
    expected = "xnat:mrScanData" if session_type == "mr" else "xnat:otherDicomScanData"
    assert scan_type_for(session_type) == expected


@pytest.mark.parametrize("name", ["QCAssessment", "Project", "Subject", "SessionNote", "MRSessions", ""])
def test_what_is_no_image_session_has_no_session_type(name: str) -> None:
    assert session_type_of(name) is None
