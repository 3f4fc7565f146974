"""The fields of items in requests: by short name, or by path after a data type (``XMLPathShortcuts.java``)."""

from __future__ import annotations

from collections.abc import Mapping

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.datatypes import ancestry
from xnat_upload.sandbox.routes.fieldpaths import normalised, proper, steps

VALIDATION = {f"validation_{name}": f"validation/{name}" for name in ("method", "status", "date", "notes")}
INVESTIGATOR = {"pi_firstname": "investigator/firstname", "pi_lastname": "investigator/lastname"}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


SCAN_FIELDS = {
    **_same(
        "ID", "UID", "type", "note", "quality", "condition", "series_description", "documentation", "scanner",
        "modality", "frames", "coil", "fieldStrength", "marker", "stabilization",
    ),
    **VALIDATION,
    "scanTime": "startTime",
    **{
        name: f"parameters/{name}"
        for name in (
            "orientation", "originalFileName", "systemType", "fileType", "transaxialFOV", "acqType", "facility",
            "numPlanes", "numGates", "planeSeparation", "binSize", "dataType",
        )
    },
    "numFrames": "parameters/frames/numFrames",
}  # fmt: skip
SESSION_FIELDS = {
    **_same(
        "ID", "label", "project", "subject_ID", "visit_id", "visit", "protocol", "date", "time", "note",
        "scanner", "operator", "dcmAccessionNumber", "dcmPatientId", "dcmPatientName", "session_type", "modality",
        "UID", "coil", "fieldStrength", "marker", "stabilization", "studyType", "patientID", "patientName",
        "acquisition_site", "prearchivePath", "original",
    ),
    **VALIDATION,
    **INVESTIGATOR,
    "studyInstanceUID": "UID",
    "scan_start_time": "start_time_scan",
    "injection_start_time": "start_time_injection",
    "tracer_name": "tracer/name",
    "tracer_startTime": "tracer/startTime",
    "tracer_dose": "tracer/dose",
    "tracer_sa": "tracer/specificActivity",
    "tracer_totalmass": "tracer/totalMass",
    "tracer_intermediate": "tracer/intermediate",
    "tracer_isotope": "tracer/isotope",
    "tracer_transmissions": "tracer/transmissions",
    "tracer_transmissions_start": "tracer/transmissions_starttime",
}  # fmt: skip
ASSESSOR_FIELDS = {
    **_same("ID", "label", "project", "visit_id", "date", "time", "note", "type", "rater", "comments", "pass"),
    **VALIDATION,
    **INVESTIGATOR,
}
RECONSTRUCTION_FIELDS = _same("ID", "type", "baseScanType")
SUBJECT_FIELDS = {
    **_same("ID", "label", "project", "group", "src"),
    **INVESTIGATOR,
    **{
        name: f"demographics/{name}"
        for name in (
            "dob", "yob", "age", "gender", "handedness", "ses", "education", "educationDesc", "race", "ethnicity",
            "weight", "height", "gestational_age", "post_menstrual_age", "birth_weight",
        )
    },
}  # fmt: skip
PROJECT_FIELDS = {
    **_same("ID", "secondary_ID", "name", "description", "keywords"),
    "alias": "aliases/alias/alias",
    "pi_firstname": "PI/firstname",
    "pi_lastname": "PI/lastname",
    "note": "fields/field[name=note]/field",
}


def fields_from_query(
    pairs: tuple[tuple[str, str], ...], xsi_type: str, short_names: Mapping[str, str]
) -> dict[str, str]:
    """Read the fields a request sets, by their path in the item.

    A parameter is one of `short_names`, or a path after the type or one that it
    extends; XFT ignores case in both parts of it.  What begins with another type is no
    field of this item.
    """
    prefixes = {f"{name.lower()}/" for name in ancestry(xsi_type)}
    fields = {short_names[key]: value for key, value in pairs if key in short_names}
    for key, value in pairs:
        prefix, slash, path = key.partition("/")
        if f"{prefix.lower()}{slash}" in prefixes:
            if steps(path) is None:
                raise Refusal(400, f"{key} is no path of a field.")
            fields[proper(xsi_type, path)] = value
    return checked(xsi_type, fields)


def checked(xsi_type: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Give the fields as they are kept, dates in one form; what is not of its field's kind is refused."""
    try:
        return {path: normalised(xsi_type, path, value) for path, value in fields.items()}
    except ValueError as error:
        raise Refusal(400, str(error)) from error
