"""The samples of xnat4tests by its names, with small files of nobody in place of its images."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.datasets import dicom_study, nifti_volume
from xnat_upload.sandbox.seeds.dicom import add_dicom


@dataclass(frozen=True, kw_only=True)
class Sample:
    """MR sessions of one project: by their labels the subjects; with series of DICOM, or one scan with files."""

    project: str
    sessions: Mapping[str, str]
    series: tuple[str, ...] = ()
    scan_type: str = ""
    resource: str = ""
    files: Callable[[], Mapping[str, bytes]] = dict


SAMPLES: dict[str, Sample] = {
    "dummydicom": Sample(
        project="dummydicomproject",
        sessions={"dummydicomsession": "dummydicomsubject"},
        series=("t1w", "dwi", "fmap"),
    ),
    "user-training": Sample(
        project="TRAINING",
        sessions={
            f"{subject}_MR{number}": subject
            for number in ("01", "02")
            for subject in ("CONT01", "CONT02", "TEST01", "TEST02")
        },
        series=("t1w", "fmap"),
    ),
    "openneuro-t1w": Sample(
        project="OPENNEURO_T1W",
        sessions={"subject01_MR01": "subject01", "subject02_MR01": "subject02"},
        scan_type="t1w",
        resource="NIFTI",
        files=lambda: {"t1w.nii": nifti_volume()},
    ),
    "simple-dir": Sample(
        project="SIMPLE_DIR",
        sessions={"subject01_1": "subject01", "subject02_1": "subject02"},
        scan_type="a-directory",
        resource="DIRECTORY",
        files=lambda: {f"a-dir/file{number}.txt": f"A dummy file - {number}\n".encode() for number in (1, 2, 3)},
    ),
}


def add_sample(contents: Contents, name: str) -> None:
    """Add what is missing of a sample."""
    sample, archive = SAMPLES[name], contents.archive
    if archive.project(sample.project) is None:
        contents.add_project(sample.project, secondary_id="", name="", accessibility="private")
    for label, subject in sample.sessions.items():
        if archive.session_labelled(label, project=contents.project(sample.project)) is not None:
            continue
        if sample.series:
            _add_study(contents, sample, label, subject)
            continue
        contents.add_session(
            sample.project,
            label,
            xsi_type="xnat:mrSessionData",
            subject=subject,
            scans={"1": "xnat:mrScanData"},
            scan_types={"1": sample.scan_type},
            fields={},
        )
        contents.add_files(sample.project, label, "1", sample.resource, sample.files())


def _add_study(contents: Contents, sample: Sample, label: str, subject: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = dicom_study(Path(folder), modality="MR", series=sample.series, patient_id=label, patient_name=subject)
        add_dicom(
            contents.archive,
            contents.disk,
            files,
            project_id=sample.project,
            subject=subject,
            session=label,
            user=contents.user,
        )
