"""Sharing as pyxnat and xnatpy do it."""

from __future__ import annotations

import logging

import pyxnat
import xnat

from tests.peers.conftest import NUMBERS
from tests.peers.place import PeerPlace


def other_project(place: PeerPlace) -> str:
    return place.sandbox.add_project(f"OTHER{next(NUMBERS)}")


def test_pyxnat_shares_and_unshares_subjects_and_experiments(place: PeerPlace) -> None:
    other = other_project(place)
    with pyxnat.Interface(
        server=place.sandbox.url, user=place.sandbox.user, password=place.sandbox.password
    ) as central:
        subject = central.select(f"/project/{place.project}/subject/SUBJ")
        experiment = subject.experiment("ACC1")
        for one in (subject, experiment):
            one.share(other)
            assert set(one.shares().get()) == {place.project, other}
        assert [row["ID"] for row in place.rows(f"/data/projects/{other}/experiments")] == [place.session_id]
        for one in (experiment, subject):
            one.unshare(other)
            assert one.shares().get() == [place.project]
    assert place.rows(f"/data/projects/{other}/subjects") == []
    assert place.ask("GET", place.scan_path, params={"format": "xml"}).status_code == 200


def test_xnatpy_shares_subjects_and_experiments(place: PeerPlace) -> None:
    other = other_project(place)
    logger = logging.getLogger("tests.peers.xnatpy")
    with xnat.connect(
        place.sandbox.url, user=place.sandbox.user, password=place.sandbox.password, logger=logger
    ) as one:
        project = one.projects[place.project]
        project.subjects["SUBJ"].share(other, label="THERE")
        project.experiments["ACC1"].share(other, label="THERE")
        assert list(one.projects[other].subjects.keys()) != []
    assert [row["label"] for row in place.rows(f"/data/projects/{other}/subjects")] == ["THERE"]
    assert [row["label"] for row in place.rows(f"/data/projects/{other}/experiments")] == ["THERE"]
