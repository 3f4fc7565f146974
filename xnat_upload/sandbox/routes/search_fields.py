"""The fields that can be searched: those a type shows by name, and every other by its path in the schema.

Names are of XNAT's displays of these types, as far as what they show is stored here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xnat_upload.sandbox.routes.datatypes import data_type, is_a
from xnat_upload.sandbox.routes.fieldpaths import kind_of, proper

PROJECT = "xnat:projectData"
SUBJECT = "xnat:subjectData"
DATES = frozenset({"date", "dob", "insert_date"})

PROJECT_FIELDS = {
    "ID": "ID", "NAME": "name", "SECONDARY_ID": "secondary_ID", "DESCRIPTION": "description", "KEYWORDS": "keywords",
    "PROJECT_ACCESS": "accessibility", "PROJECT_OWNERS": "owners", "PROJ_MR_COUNT": "mr_count",
    "PROJ_CT_COUNT": "ct_count",
    "PROJ_PET_COUNT": "pet_count", "PROJ_UT_COUNT": "ut_count", "INSERT_DATE": "insert_date",
    "INSERT_USER": "insert_user",
}  # fmt: skip
SUBJECT_FIELDS = {
    "SUBJECT_ID": "ID", "SUBJECTID": "ID", "LABEL": "label", "SUBJECT_LABEL": "label", "PROJECT": "project",
    "PROJECTS": "projects", "INSERT_DATE": "insert_date", "INSERT_USER": "insert_user",
    "GENDER": "demographics/gender", "GENDER_TEXT": "gender_text", "HANDEDNESS": "demographics/handedness",
    "HANDEDNESS_TEXT": "demographics/handedness", "DOB": "demographics/dob", "YOB": "demographics/yob",
    "AGE": "demographics/age", "SES": "demographics/ses", "EDUC": "demographics/education",
    "RACE": "demographics/race", "ETHNICITY": "demographics/ethnicity", "SUB_GROUP": "group", "ADD_IDS": "add_ids",
}  # fmt: skip
SESSION_FIELDS = {
    "SESSION_ID": "ID", "EXPT_ID": "ID", "LABEL": "label", "PROJECT": "project", "PROJECTS": "projects",
    "SUBJECT_ID": "subject_ID", "SUBJECT_LABEL": "subject_label", "DATE": "date", "AGE": "age",
    "INSERT_DATE": "insert_date", "INSERT_USER": "insert_user", "SCANNER": "scanner", "OPERATOR": "operator",
    "TYPE": "session_type", "UID": "UID", "MODALITY": "modality", "FIELD_STRENGTH": "fieldStrength",
    "DCM_PATIENT_ID": "dcmPatientId", "DCM_PATIENT_NAME": "dcmPatientName",
    "DCM_ACCESSION_NUMBER": "dcmAccessionNumber",
}  # fmt: skip


class UnknownFieldError(ValueError):
    """A search names a field that its type has not."""


@dataclass(frozen=True)
class SearchField:
    """A field of a search: whose it is, what it is called, where its value is found and of what kind that is."""

    element: str
    field_id: str
    path: str
    header: str = ""
    kind: str = field(default="string")

    def key(self, root: str) -> str:
        """Give its name in a result; that of another type than the search's own is named after it."""
        own = "" if self.element.lower() == root.lower() else f"{self.element.lower().replace(':', '_')}_"
        return f"{own}{self.field_id.lower()}"


def shown_fields(xsi_type: str) -> Mapping[str, str]:
    """Give what a type shows, and where its value is found."""
    if is_a(xsi_type, PROJECT):
        return PROJECT_FIELDS
    return SUBJECT_FIELDS if is_a(xsi_type, SUBJECT) else SESSION_FIELDS


def search_field(element: str, field_id: str, header: str = "") -> SearchField:
    """Find a field by its name in the display of its type, or by its path; one that begins with the type is a path.

    Raises
    ------
    UnknownFieldError
        Where the type has neither.
    """
    element = data_type(element).name
    shown = shown_fields(element)
    whole = f"{element}/".lower()
    is_path = field_id.lower().startswith(whole)
    field_id = field_id[len(whole) :] if is_path else field_id
    if field_id.upper() in shown and not is_path:
        path = shown[field_id.upper()]
        kind = "date" if path.rpartition("/")[2] in DATES else kind_of(element, path)
        return SearchField(element, field_id.upper(), path, header or field_id, kind)
    path = proper(element, field_id)
    if not _exists(element, path):
        raise UnknownFieldError(f"Unable to find the field {element}/{field_id}")
    name = f"XNAT_COL_{element.partition(':')[2]}{path.replace('/', '')}".upper()
    return SearchField(element, name, path, header or path, kind_of(element, path))


def _exists(element: str, path: str) -> bool:
    place = data_type(element)
    for name in (part.partition("[")[0] for part in path.split("/")):
        inner = place.element(name)
        if inner is None:
            return place.attribute(name) is not None or place.text == name
        place = data_type(inner.item) if inner.item else inner
    return True
