"""Ready data sets for tests, made with pydicom and nibabel: small, without anybody's data, and the same every time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xnat_upload.sandbox.store.dicom import check_pydicom

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's own prefix, as generate_uid uses it
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
PIXELS = 16


def dicom_study(
    folder: Path,
    *,
    modality: str = "CT",
    series: int | Sequence[str] = 2,
    images: int = 3,
    patient_id: str = "PAT1",
    patient_name: str = "Test^Patient",
    **elements: Any,
) -> list[Path]:
    """Write a study into a folder, and give its files.

    Parameters
    ----------
    folder : Path
        Where to write; made if it is missing.
    modality : {"CT", "MR", "PT", "CR", "US"}
        Of all series.
    series : int or sequence of str
        How many series, or the description of each.
    images : int
        How many images of 16 by 16 pixels in each series.
    patient_id, patient_name : str
        What the sandbox calls session and subject by, unless it is told otherwise.
    **elements
        Further elements of every header by their keywords, such as ``StudyDate="20260131"``.

    Raises
    ------
    PydicomMissingError
        If pydicom is not installed.
    ValueError
        If the modality is none of these.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in dicom_study(Path(folder), series=1, images=2)]
    ['CT_1_1.dcm', 'CT_1_2.dcm']
    """
    check_pydicom()
    if modality not in SOP_CLASSES:
        raise ValueError(f"There is no data set of the modality {modality!r}: it is one of {', '.join(SOP_CLASSES)}.")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    if isinstance(series, int):
        series = [f"{modality} series {number + 1}" for number in range(series)]
    for series_number, description in enumerate(series, 1):
        given = {"PatientID": patient_id, "PatientName": patient_name, "SeriesDescription": description, **elements}
        for number in range(1, images + 1):
            path = folder / f"{modality}_{series_number}_{number}.dcm"
            _write(path, modality, series_number, number, **given)
            paths.append(path)
    return paths


def nifti_volume(*shape: int) -> bytes:
    """Give a NIfTI file of zeros, of 4 by 4 by 4 voxels unless `shape` is given; needs nibabel.

    >>> len(nifti_volume(2, 2, 2))
    360
    """
    import nibabel
    import numpy

    volume: bytes = nibabel.Nifti1Image(numpy.zeros(shape or (4, 4, 4), numpy.uint8), numpy.eye(4)).to_bytes()
    return volume


def _write(path: Path, modality: str, series_number: int, number: int, **elements: Any) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    study = (modality, elements["PatientID"], elements["PatientName"])
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE_ENDIAN)
    dataset.SOPClassUID = SOP_CLASSES[modality]
    dataset.SOPInstanceUID = generate_uid(ROOT, [*study, str(series_number), str(number)])
    dataset.StudyInstanceUID = generate_uid(ROOT, [*study])
    dataset.SeriesInstanceUID = generate_uid(ROOT, [*study, str(series_number)])
    dataset.StudyDate, dataset.StudyTime = "20260102", "030405"
    dataset.Modality, dataset.Manufacturer = modality, "xnat_upload"
    dataset.SeriesNumber, dataset.InstanceNumber = series_number, number
    dataset.Rows = dataset.Columns = PIXELS
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    values = (position * number * series_number % 4096 for position in range(PIXELS * PIXELS))
    dataset.PixelData = struct.pack(f"<{PIXELS * PIXELS}H", *values)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)
