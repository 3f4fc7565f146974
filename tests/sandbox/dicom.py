"""Real DICOM files to send: pydicom's own test images, altered where a test needs it."""

from __future__ import annotations

import io
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from tests.sandbox.places import zipped

CT, MR = "CT_small.dcm", "MR_small.dcm"


def dicom(name: str = CT, **changes: Any) -> bytes:
    """Give one object of pydicom's test data with some elements changed."""
    path = get_testdata_file(name)
    assert isinstance(path, str)
    dataset = pydicom.dcmread(path)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    if "SOPInstanceUID" in changes:
        dataset.file_meta.MediaStorageSOPInstanceUID = changes["SOPInstanceUID"]
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def study(name: str = CT, *, series: int = 2, images: int = 2, **changes: Any) -> dict[str, bytes]:
    """Give a study of several series: file name to bytes."""
    study_uid = changes.pop("StudyInstanceUID", generate_uid())
    files = {}
    for number in range(1, series + 1):
        series_uid = generate_uid()
        for image in range(1, images + 1):
            files[f"s{number}/{number}_{image}.dcm"] = dicom(
                name,
                StudyInstanceUID=study_uid,
                SeriesInstanceUID=series_uid,
                SeriesNumber=number,
                SeriesDescription=f"series {number}",
                InstanceNumber=image,
                SOPInstanceUID=generate_uid(),
                **changes,
            )
    return files


def zipped_study(name: str = CT, **changes: Any) -> bytes:
    """Give such a study in a zip."""
    return zipped(study(name, **changes))
