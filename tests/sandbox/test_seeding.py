"""Filling a sandbox from Python: DICOM files, and data sets made for tests."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from tests.sandbox.places import Place
from xnat_upload.sandbox.datasets import SOP_CLASSES, dicom_study
from xnat_upload.sandbox.store.archiving import ArchiveConflictError
from xnat_upload.sandbox.store.dicom import NotDicomError


@pytest.mark.parametrize("modality", SOP_CLASSES)
def test_a_data_set_becomes_a_session_of_its_modality(place: Place, tmp_path: Path, modality: str) -> None:
    paths = dicom_study(tmp_path, modality=modality, patient_id=f"P_{modality}")
    assert all(pydicom.dcmread(path).pixel_array.shape == (16, 16) for path in paths)
    [session_id] = place.sandbox.add_dicom(place.project, tmp_path)
    [row] = [row for row in place.admin.rows(f"/data/projects/{place.project}/experiments") if row["ID"] == session_id]
    kind = {"PT": "pet"}.get(modality, modality.lower())
    assert (row["label"], row["xsiType"]) == (f"P_{modality}", f"xnat:{kind}SessionData")
    scans = place.admin.rows(f"/data/experiments/{session_id}/scans")
    assert [(scan["ID"], scan["type"]) for scan in scans] == [
        ("1", f"{modality} series 1"), ("2", f"{modality} series 2"),
    ]  # fmt: skip
    stored = place.sandbox.files(place.project, f"P_{modality}", "1", "DICOM")
    assert stored == {path.name: path.read_bytes() for path in paths[:3]}


def test_data_sets_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = dicom_study(tmp_path / "a"), dicom_study(tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with pytest.raises(ValueError, match="'XX'"):
        dicom_study(tmp_path, modality="XX")


def test_two_studies_become_two_sessions_and_the_files_stay_where_they_were(place: Place, tmp_path: Path) -> None:
    for patient in ("A", "B"):
        dicom_study(tmp_path / patient, patient_id=patient, series=1, images=1)
    assert len(place.sandbox.add_dicom(place.project, [tmp_path / "A", tmp_path / "B"])) == 2
    assert len(list(tmp_path.rglob("*.dcm"))) == 2


def test_labels_of_ones_own_and_more_files_later(place: Place, tmp_path: Path) -> None:
    paths = dicom_study(tmp_path, series=1)
    where = {"subject": "S1", "session": "S1_CT"}
    [session_id] = place.sandbox.add_dicom(place.project, paths[:2], **where)
    assert place.sandbox.add_dicom(place.project, paths[2:], **where) == [session_id]
    assert len(place.sandbox.files(place.project, "S1_CT", "1", "DICOM")) == 3
    with pytest.raises(ArchiveConflictError, match="another Subject"):
        place.sandbox.add_dicom(place.project, paths, subject="S2", session="S1_CT")


def test_what_cannot_be_added(place: Place, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"no image")
    with pytest.raises(NotDicomError, match=r"notes\.txt"):
        place.sandbox.add_dicom(place.project, tmp_path)
    with pytest.raises(ValueError, match="no DICOM files"):
        place.sandbox.add_dicom(place.project, [])
    with pytest.raises(ValueError, match="no project 'NOSUCH'"):
        place.sandbox.add_dicom("NOSUCH", [])
