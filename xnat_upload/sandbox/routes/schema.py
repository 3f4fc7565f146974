"""The data types this archive knows, and the short names of their fields.

See docs/xnat/scans-and-resources.md, "Writing a scan" and "Types of scans and sessions".
"""

from __future__ import annotations

from collections.abc import Collection

STEMS_OF_BOTH = (
    "cr", "ct", "dx3DCraniofacial", "dx", "ecg", "eeg", "eps", "es", "esv", "gm", "gmv", "hd", "io", "meg",
    "mg", "mr", "nm", "op", "opt", "otherDicom", "pet", "rf", "rg", "sm", "sr", "us", "xa3D", "xa", "xc", "xcv",
)  # fmt: skip
SCAN_TYPES = frozenset(f"xnat:{stem}ScanData" for stem in (*STEMS_OF_BOTH, "mrs", "rtImage", "sc", "seg", "voiceAudio"))
SESSION_TYPES = frozenset(f"xnat:{stem}SessionData" for stem in (*STEMS_OF_BOTH, "petmr", "rt"))
ABSTRACT_SCAN_TYPE = "xnat:imageScanData"
ASSESSOR_TYPES = frozenset({
    "xnat:imageAssessorData", "xnat:mrAssessorData", "xnat:petAssessorData", "xnat:qcAssessmentData",
    "xnat:qcManualAssessorData",
})  # fmt: skip
RECONSTRUCTION_TYPE = "xnat:reconstructedImageData"
OTHER_TYPES = frozenset({
    "xnat:projectData", "xnat:subjectData", "xnat:resourceCatalog", "xnat:imageSessionData", RECONSTRUCTION_TYPE,
})  # fmt: skip
ALL_TYPES = SCAN_TYPES | SESSION_TYPES | ASSESSOR_TYPES | OTHER_TYPES | {ABSTRACT_SCAN_TYPE}

# The stems that XNAT's own schema does not write in capitals throughout.
PROPER_STEMS = {
    "dx3DCraniofacial": "DX3DCraniofacial",
    "otherDicom": "OtherDicom",
    "rtImage": "RTImage",
    "seg": "Seg",
    "voiceAudio": "VoiceAudio",
}

PROPER_ELEMENTS = {
    "xnat:qcAssessmentData": "xnat:QCAssessment",
    "xnat:qcManualAssessorData": "xnat:QCManualAssessment",
    "xnat:imageAssessorData": "xnat:imageAssessorData",
    "xnat:mrAssessorData": "xnat:mrAssessorData",
    "xnat:petAssessorData": "xnat:petAssessorData",
    RECONSTRUCTION_TYPE: "xnat:ReconstructedImage",
}

SCAN_FIELDS = (
    "UID", "type", "note", "quality", "condition", "series_description", "documentation", "scanner", "modality",
    "frames", "validation_method", "validation_status", "validation_date", "validation_notes", "scanTime",
    "coil", "fieldStrength", "marker", "stabilization",
)  # fmt: skip
SCAN_ATTRIBUTES = frozenset({"UID", "type"})
SESSION_FIELDS = (
    "date", "time", "note", "visit_id", "UID", "modality", "scanner", "acquisition_site", "operator", "coil",
    "fieldStrength", "marker", "stabilization", "dcmAccessionNumber", "dcmPatientId", "dcmPatientName",
    "session_type", "visit", "original", "prearchivePath",
)  # fmt: skip
SESSION_ATTRIBUTES = frozenset({"UID", "modality", "visit_id", "session_type"})
ASSESSOR_FIELDS = (
    "date", "time", "note", "visit_id", "validation_method", "validation_status", "validation_date",
    "validation_notes", "type", "rater", "comments", "pass",
)  # fmt: skip
ASSESSOR_ATTRIBUTES = frozenset({"visit_id", "type"})
RECONSTRUCTION_FIELDS = ("type", "baseScanType")
SUBJECT_FIELDS = (
    "group", "src", "gender", "handedness", "dob", "yob", "age", "note", "education", "race", "ethnicity",
    "height", "weight",
)  # fmt: skip
PROJECT_FIELDS = (
    "description", "keywords", "note", "pi_firstname", "pi_lastname",
)  # fmt: skip


def root_element(xsi_type: str) -> str:
    """Give the XML root of a type: ``xnat:mrSessionData`` is written ``xnat:MRSession``."""
    if xsi_type in PROPER_ELEMENTS:
        return PROPER_ELEMENTS[xsi_type]
    prefix, _, name = xsi_type.partition(":")
    for suffix in ("Session", "Scan"):
        if name.endswith(f"{suffix}Data"):
            stem = name.removesuffix(f"{suffix}Data")
            return f"{prefix}:{PROPER_STEMS.get(stem, stem.upper())}{suffix}"
    return f"{prefix}:{name.removesuffix('Data').capitalize()}"


IDENTITY = frozenset({"id", "label", "project", "subject_id", "image_session_id"})


def fields_from_query(
    pairs: tuple[tuple[str, str], ...], xsi_type: str, short_names: Collection[str]
) -> dict[str, str]:
    """Read the fields a PUT sets: by short name, or as ``<its own type>/<path>``; others are ignored.

    See docs/xnat/scans-and-resources.md, "Writing a scan".

    A path is understood in any case of letters; those that say what the item is called
    are no fields of it.
    """
    spelled = {name.lower(): name for name in short_names}
    fields = {key: value for key, value in pairs if key in short_names}
    for path, value in _by_path(pairs, xsi_type):
        if path.lower() not in IDENTITY or path.lower() in spelled:
            fields[spelled.get(path.lower(), path)] = value
    return fields


def id_from_query(pairs: tuple[tuple[str, str], ...], xsi_type: str) -> str:
    """Read the ID a PUT gives as ``<its own type>/ID``, which xnatpy spells ``id``."""
    return next((value for path, value in _by_path(pairs, xsi_type) if path.lower() == "id"), "")


def _by_path(pairs: tuple[tuple[str, str], ...], xsi_type: str) -> list[tuple[str, str]]:
    prefix = f"{xsi_type}/"
    return [(key[len(prefix) :], value) for key, value in pairs if key.lower().startswith(prefix.lower())]
