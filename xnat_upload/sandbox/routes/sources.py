"""The items of the archive as lists read them, and the short names of their paths (``XMLPathShortcuts.java``)."""

from __future__ import annotations

from collections.abc import Mapping

from xnat_upload.sandbox.routes.fields import (
    PROJECT_FIELDS,
    RECONSTRUCTION_FIELDS,
    SCAN_FIELDS,
    SESSION_FIELDS,
    SUBJECT_FIELDS,
)
from xnat_upload.sandbox.routes.listing import ELEMENT, INSERTED, INSERTED_BY, MODIFIED, ListKind, Source
from xnat_upload.sandbox.routes.schema import RECONSTRUCTION_TYPE
from xnat_upload.sandbox.store.records import Project, Reconstruction, Scan, Session, Subject

EXPERIMENT, SUBJECT, PROJECT = "xnat:experimentData", "xnat:subjectData", "xnat:projectData"
SUBJECT_ASSESSOR, IMAGE_SESSION = "xnat:subjectAssessorData", "xnat:imageSessionData"
ALIAS = PROJECT_FIELDS["alias"]
META = {"insert_date": INSERTED, "insert_user": INSERTED_BY, "last_modified": MODIFIED}


def _below(xsi_type: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{xsi_type}/{path}" for name, path in fields.items()}


_OF_SESSIONS = (
    "scanner", "operator", "dcmAccessionNumber", "dcmPatientId", "dcmPatientName", "session_type", "modality", "UID",
    "studyInstanceUID", "acquisition_site", "prearchivePath",
)  # fmt: skip
_OF_MR = ("coil", "fieldStrength", "marker")
_OF_PET = ("studyType", "patientID", "patientName", "stabilization", "scan_start_time", "injection_start_time")


def _type_of(name: str) -> str:
    if name in _OF_SESSIONS:
        return IMAGE_SESSION
    if name in _OF_MR:
        return "xnat:mrSessionData"
    if name in _OF_PET or name.startswith("tracer_"):
        return "xnat:petSessionData"
    return SUBJECT_ASSESSOR if name == "subject_ID" else EXPERIMENT


EXPERIMENT_SHORTCUTS = {
    **{name: f"{_type_of(name)}/{path}" for name, path in SESSION_FIELDS.items()},
    "subject_label": f"{SUBJECT}/label",
    "subject_project": f"{SUBJECT}/project",
    "session_ID": f"{IMAGE_SESSION}/ID",
    "session_label": f"{IMAGE_SESSION}/label",
    "session_project": f"{IMAGE_SESSION}/project",
    **_below(EXPERIMENT, {**META, "xsiType": ELEMENT}),
}
EXPERIMENT_COLUMNS = ("ID", "project", "date", "xsiType", "label", "insert_date")
SUBJECTS = ListKind(
    root=SUBJECT,
    shortcuts=_below(SUBJECT, {**SUBJECT_FIELDS, **META}),
    default=("ID", "project", "label", "insert_date", "insert_user"),
)
PROJECTS = ListKind(
    root=PROJECT,
    shortcuts=_below(PROJECT, PROJECT_FIELDS),
    default=("ID", "secondary_ID", "name", "description", "pi_firstname", "pi_lastname"),
)
SCANS = ListKind(
    root="xnat:imageScanData",
    shortcuts=_below(
        "xnat:imageScanData",
        {**SCAN_FIELDS, "xnat_imagescandata_id": "xnat_imagescandata_id", "xsiType": ELEMENT},
    ),
    default=("xnat_imagescandata_id", "ID", "type", "quality", "xsiType", "note", "series_description"),
    key="xnat_imagescandata_id",
)
RECONSTRUCTIONS = ListKind(
    root=RECONSTRUCTION_TYPE,
    shortcuts=_below(
        RECONSTRUCTION_TYPE,
        {
            **RECONSTRUCTION_FIELDS,
            "xnat_reconstructedimagedata_id": "xnat_reconstructedimagedata_id",
            "xsiType": ELEMENT,
        },
    ),
    default=("xnat_reconstructedimagedata_id", *RECONSTRUCTION_FIELDS),
    key="xnat_reconstructedimagedata_id",
)


def _meta(item: Project | Subject | Session) -> dict[str, str]:
    return {INSERTED: item.insert_date, INSERTED_BY: item.insert_user, MODIFIED: item.last_modified or item.insert_date}


def session_source(item: Session) -> Source:
    """Give a session or an assessor."""
    own = {"ID": item.id, "label": item.label, "project": item.project, "subject_ID": item.subject_id}
    return Source(item.xsi_type, {**item.fields, **own, ELEMENT: item.xsi_type, **_meta(item)})


def subject_source(item: Subject, label: str = "") -> Source:
    """Give a subject, under the label it has in some project."""
    own = {"ID": item.id, "label": label or item.label, "project": item.project}
    return Source(SUBJECT, {**item.fields, **own, **_meta(item)})


def scan_source(item: Scan) -> Source:
    """Give a scan."""
    own = {"ID": item.id, "xnat_imagescandata_id": str(item.row_id), "image_session_ID": item.session_id}
    return Source(item.xsi_type, {**item.fields, **own, ELEMENT: item.xsi_type})


def reconstruction_source(item: Reconstruction) -> Source:
    """Give a reconstruction."""
    own = {"ID": item.id, "xnat_reconstructedimagedata_id": str(item.row_id), "image_session_ID": item.session_id}
    return Source(RECONSTRUCTION_TYPE, {**item.fields, **own, ELEMENT: RECONSTRUCTION_TYPE})


def project_sources(item: Project, *, by_alias: bool = False) -> list[Source]:
    """Give a project; where aliases are asked for it is listed once for each, as the join of two tables is."""
    own = {**item.fields, "ID": item.id, "secondary_ID": item.secondary_id, "name": item.name, **_meta(item)}
    aliases = item.aliases if by_alias and item.aliases else ("",)
    return [Source(PROJECT, {**own, ALIAS: alias}) for alias in aliases]


Listable = Project | Subject | Session | Reconstruction | Scan


def source_of(item: Listable) -> Source:
    """Give an item of any kind."""
    match item:
        case Project():
            return project_sources(item)[0]
        case Subject():
            return subject_source(item)
        case Session():
            return session_source(item)
        case Reconstruction():
            return reconstruction_source(item)
        case Scan():
            return scan_source(item)
