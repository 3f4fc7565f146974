"""Assessors and reconstructions with files, as pyxnat and xnatpy make and read them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyxnat
import xnat

from tests.peers.place import PeerPlace

QC = "xnat:qcManualAssessorData"


def interface(place: PeerPlace) -> Any:
    return pyxnat.Interface(server=place.sandbox.url, user=place.sandbox.user, password=place.sandbox.password)


def test_pyxnat_makes_an_assessor_with_a_file_and_reads_it_back(place: PeerPlace, images: Path, tmp_path: Path) -> None:
    with interface(place) as central:
        experiment = central.select(f"/project/{place.project}/subject/SUBJ/experiment/ACC1")
        assessor = experiment.assessor("QC1")
        assert not assessor.exists()
        assessor.create(assessors=QC)
        assert assessor.exists()
        assert [one.label() for one in experiment.assessors()] == ["QC1"]
        assert assessor.datatype() == QC
        for resource in (assessor.resource("SEG"), assessor.out_resource("OUT"), assessor.in_resource("IN")):
            resource.file("brain.nii.gz").put(str(images / "brain.nii.gz"))
            assert resource.files().get() == ["brain.nii.gz"]
            copy = Path(resource.file("brain.nii.gz").get(str(tmp_path / f"{resource.label()}.nii.gz")))
            assert copy.read_bytes() == (images / "brain.nii.gz").read_bytes()
        assessor.delete()
        assert not assessor.exists()
        assert experiment.exists()


def test_pyxnat_makes_a_reconstruction_with_a_file(place: PeerPlace, images: Path) -> None:
    with interface(place) as central:
        experiment = central.select(f"/project/{place.project}/subject/SUBJ/experiment/ACC1")
        reconstruction = experiment.reconstruction("R1").create()
        reconstruction.out_resource("NIFTI").file("brain.nii.gz").put(str(images / "brain.nii.gz"))
        assert reconstruction.exists()
        assert experiment.reconstructions().get() == ["R1"]
        assert reconstruction.out_resource("NIFTI").files().get() == ["brain.nii.gz"]


def test_xnatpy_makes_an_assessor_with_a_file(place: PeerPlace, images: Path) -> None:
    logger = logging.getLogger("tests.peers.xnatpy")
    with xnat.connect(
        place.sandbox.url, user=place.sandbox.user, password=place.sandbox.password, logger=logger
    ) as one:
        session = one.projects[place.project].experiments["ACC1"]
        assessor = one.classes.QcManualAssessorData(parent=session, label="QC1")
        resource = assessor.create_resource("SEG")
        resource.upload(str(images / "brain.nii.gz"), "brain.nii.gz")
        session.clearcache()
        assert [found.label for found in session.assessors.values()] == ["QC1"]
        assert list(session.assessors["QC1"].resources["SEG"].files.keys()) == ["brain.nii.gz"]
    [row] = place.rows(f"/data/experiments/{place.session_id}/assessors/QC1/resources/SEG/files")
    assert row["Size"] == str((images / "brain.nii.gz").stat().st_size)
