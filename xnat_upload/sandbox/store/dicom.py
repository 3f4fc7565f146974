"""What the headers of DICOM files say about a session and its scans; needs pydicom.

Which project, subject and session an object belongs to is found as XNAT 1.8.11 finds it
where nobody has configured it (Xnat15DicomProjectIdentifier, ClassicDicomObjectIdentifier).
"""

from __future__ import annotations

import hashlib
import re
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MISSING_EXTRA = "Reading DICOM files needs pydicom, which is not installed here: pip install 'xnat-upload[demo]'"
KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber",
    "Modality", "PatientID", "PatientName", "PatientComments", "StudyComments", "AdditionalPatientHistory",
    "StudyDescription", "AccessionNumber", "StudyDate", "StudyTime", "SeriesDescription", "ProtocolName",
    "Manufacturer", "ManufacturerModelName", "StationName", "InstitutionName", "OperatorsName", "NumberOfFrames",
    "MagneticFieldStrength", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle",
)  # fmt: skip
COMMENTS = ("PatientComments", "StudyComments", "AdditionalPatientHistory")
# The modality that names a session, first come first served; others leave it to the rest.
MODALITIES = {
    "PT": "pet", "MR": "mr", "CT": "ct", "US": "us", "XA": "xa", "RF": "rf", "CR": "cr", "DX": "dx", "MG": "mg",
    "NM": "nm", "OP": "op", "OPT": "opt", "ES": "es", "GM": "gm", "SM": "sm", "IO": "io", "ECG": "ecg", "EPS": "eps",
    "HD": "hd", "XC": "xc", "RG": "rg", "RTIMAGE": "rt", "RTDOSE": "rt", "RTSTRUCT": "rt", "RTPLAN": "rt", "SR": "sr",
}  # fmt: skip
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SESSION_FIELDS = {
    "UID": "StudyInstanceUID", "dcmAccessionNumber": "AccessionNumber", "dcmPatientId": "PatientID",
    "dcmPatientName": "PatientName", "acquisition_site": "InstitutionName", "operator": "OperatorsName",
}  # fmt: skip
SCAN_FIELDS = {
    "UID": "SeriesInstanceUID", "type": "SeriesDescription", "series_description": "SeriesDescription",
    "modality": "Modality", "fieldStrength": "MagneticFieldStrength", "parameters/tr": "RepetitionTime",
    "parameters/te": "EchoTime", "parameters/ti": "InversionTime", "parameters/flip": "FlipAngle",
}  # fmt: skip
WARNINGS = threading.Lock()


class NotDicomError(Exception):
    """A file is no DICOM object, or one that XNAT does not take."""


class PydicomMissingError(Exception):
    """There is nothing to read DICOM with."""


@dataclass(frozen=True)
class Instance:
    """One DICOM object: the values of its header that are looked at, as text."""

    values: Mapping[str, str]

    def get(self, keyword: str) -> str:
        """Give a value, empty where there is none."""
        return self.values.get(keyword, "")

    def assigned(self, name: str) -> str:
        """Give what a comment assigns to `name`, as in ``Project:P1 Subject:S1``."""
        pattern = re.compile(rf"(?:\A|[\s,;]){name}\s*:\s*([\w-]+)", re.IGNORECASE)
        for keyword in COMMENTS:
            if found := pattern.search(self.get(keyword)):
                return found.group(1)
        return ""

    @property
    def project_names(self) -> list[str]:
        """What may be the name of its project, best first."""
        names = (self.assigned("Project"), self.get("StudyDescription"), self.get("AccessionNumber"))
        return [name for name in names if name]

    @property
    def subject(self) -> str:
        """The label of its subject."""
        return label_of(self.assigned("Subject") or self.get("PatientName"))

    @property
    def session(self) -> str:
        """The label of its session."""
        return label_of(self.assigned("Session") or self.get("PatientID")) or "dicom_upload"

    @property
    def scan_id(self) -> str:
        """The ID of its scan, as long as no other series has the same number."""
        return label_of(self.get("SeriesNumber") or self.get("SeriesInstanceUID")) or "NA"

    @property
    def file_name(self) -> str:
        """The name XNAT gives it where the one that was sent cannot be kept."""
        what = hashlib.md5(f"{self.get('SOPClassUID')}{self.get('SOPInstanceUID')}".encode()).hexdigest()[:8]
        parts = (self.get("StudyInstanceUID"), self.get("SeriesNumber"), self.get("InstanceNumber"), what)
        # A header says what whoever wrote it wanted: no part of it may lead to another folder.
        return f"{re.sub(r'[^A-Za-z0-9._-]', '_', '-'.join(parts)).lstrip('.')}.dcm"

    @property
    def scan_type(self) -> str:
        """The data type of its scan."""
        sop_class, modality = self.get("SOPClassUID"), self.get("Modality")
        if sop_class == SECONDARY_CAPTURE or sop_class.startswith(f"{SECONDARY_CAPTURE}."):
            return "xnat:scScanData"
        if sop_class == SEGMENTATION:
            return "xnat:segScanData"
        stem = MODALITIES.get(modality, "otherDicom")
        return "xnat:rtImageScanData" if stem == "rt" else f"xnat:{stem}ScanData"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a session or a scan is, read from its files."""

    xsi_type: str
    fields: Mapping[str, str]


def label_of(text: str) -> str:
    """Replace what cannot stand in a label."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def check_pydicom() -> None:
    """Raise where there is nothing to read DICOM with."""
    try:
        import pydicom  # noqa: F401
    except ModuleNotFoundError as error:
        raise PydicomMissingError(MISSING_EXTRA) from error


def read_instance(path: Path, name: str) -> Instance:
    """Read the header of a file that was sent under `name`."""
    check_pydicom()
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        # What pydicom thinks of a header is nobody's concern here; filters are of the whole process, hence the lock.
        with WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(KEYWORDS))
            values = {keyword: _text(dataset.get(keyword)) for keyword in KEYWORDS}
    except (InvalidDicomError, OSError, ValueError, KeyError, NotImplementedError, AttributeError) as error:
        raise NotDicomError(f"unable to read DICOM object {name}") from error
    for keyword, title in (("SOPClassUID", "SOP Class UID"), ("SOPInstanceUID", "SOP Instance UID")):
        if not values[keyword]:
            raise NotDicomError(f"object {name} contains no {title}")
    return Instance(values)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        parts: Iterable[object] = value  # type: ignore[assignment]
        return "\\".join(str(one) for one in parts)
    return str(value).strip()


def describe_session(instances: Sequence[Instance]) -> Description:
    """Describe the session that some objects are of."""
    first = instances[0]
    modalities = {one.get("Modality") for one in instances}
    stem = next((stem for modality, stem in MODALITIES.items() if modality in modalities), "otherDicom")
    if {"PT", "MR"} <= modalities:
        stem = "petmr"
    fields = {name: first.get(keyword) for name, keyword in SESSION_FIELDS.items()}
    fields |= {"modality": "\\".join(sorted(modalities - {""})), "scanner": _scanner(first)}
    fields |= {"date": date_of(first.get("StudyDate")), "time": time_of(first.get("StudyTime"))}
    return Description(xsi_type=f"xnat:{stem}SessionData", fields=_present(fields))


def describe_scan(instances: Sequence[Instance]) -> Description:
    """Describe the scan that some objects are of."""
    first = instances[0]
    fields = {name: first.get(keyword) for name, keyword in SCAN_FIELDS.items()}
    # Secondary captures are no primary images, and count for none (CatalogBuilder, SOPModel.isPrimaryImagingSOP).
    images = [one for one in instances if one.scan_type != "xnat:scScanData"]
    frames = sum(int(one.get("NumberOfFrames") or 1) for one in images)
    fields |= {"quality": "usable", "frames": str(frames), "scanner": _scanner(first)}
    if not fields["type"]:
        fields["type"] = first.get("ProtocolName")
    return Description(xsi_type=first.scan_type, fields=_present(fields))


def _scanner(instance: Instance) -> str:
    return instance.get("StationName") or instance.get("ManufacturerModelName") or instance.get("Manufacturer")


def _present(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def date_of(value: str) -> str:
    """Write a DICOM date as XNAT does."""
    found = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", value)
    return "-".join(found.groups()) if found else ""


def time_of(value: str) -> str:
    """Write a DICOM time as XNAT does."""
    found = re.match(r"(\d{2}):?(\d{2}):?(\d{2})", value)
    return ":".join(found.groups()) if found else ""
