"""Importing DICOM and working on the prearchive, as xnatpy, xnatctl and pyxnat do it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyxnat
import xnat
from pyxnat.core.manage import PreArchive

from tests.peers.place import PeerPlace
from tests.sandbox.dicom import study, zipped_study


@pytest.fixture
def connection(place: PeerPlace) -> Iterator[Any]:
    logger = logging.getLogger("tests.peers.xnatpy")
    with xnat.connect(
        place.sandbox.url, user=place.sandbox.user, password=place.sandbox.password, logger=logger
    ) as one:
        yield one


@pytest.fixture
def archive_file(tmp_path: Path) -> Path:
    path = tmp_path / "study.zip"
    path.write_bytes(zipped_study())
    return path


def test_xnatpy_imports_a_zip_and_gets_its_session(connection: Any, place: PeerPlace, archive_file: Path) -> None:
    session = connection.services.import_(
        str(archive_file), project=place.project, subject="P1", experiment="P1_CT", overwrite="none"
    )
    assert (session.label, type(session).__name__, session.subject.label) == ("P1_CT", "CtSessionData", "P1")
    assert [scan.id for scan in session.scans.values()] == ["1", "2"]
    assert session.scans["1"].resources["DICOM"].file_count == 2


def test_xnatpy_archives_moves_and_deletes_in_the_prearchive(
    connection: Any, place: PeerPlace, archive_file: Path, tmp_path: Path
) -> None:
    dest = f"/prearchive/projects/{place.project}"
    where = {"destination": dest, "subject": "P1", "experiment": "P1_CT"}
    waiting = connection.services.import_(str(archive_file), **where)
    assert (waiting.status, waiting.project, waiting.label, waiting.subject) == ("READY", place.project, "P1_CT", "P1")
    assert [one.id for one in connection.prearchive.sessions(project=place.project)] == [waiting.id]
    assert [scan.series_description for scan in waiting.scans.values()] == ["series 1", "series 2"]
    files = waiting.scans["1"].resources["DICOM"].files
    assert sorted(file.name for file in files.values()) == ["1_1.dcm", "1_2.dcm"]
    assert waiting.scan_date is not None
    waiting.download(str(tmp_path / "waiting.zip"))
    waiting.rebuild(asynchronous=False)
    session = waiting.archive(subject="P2", experiment="P2_CT")
    assert (session.label, session.subject.label) == ("P2_CT", "P2")

    other = place.sandbox.add_project(f"{place.project}_OTHER")
    waiting = connection.services.import_(str(archive_file), **where)
    waiting.move(other)
    [moved] = connection.prearchive.sessions(project=other)
    moved.delete()
    assert list(connection.prearchive.sessions(project=other)) == []


def test_xnatctl_works_on_the_prearchive(place: PeerPlace, archive_file: Path) -> None:
    pytest.importorskip("xnatctl", reason="xnatctl needs Python 3.11")
    from xnatctl import XNATClient
    from xnatctl.services.prearchive import PrearchiveService

    query = f"dest=/prearchive/projects/{place.project}&subject=P1&session=P1_CT"
    for _ in range(2):
        sent = {"file": ("study.zip", archive_file.read_bytes())}
        assert place.ask("POST", f"/data/services/import?{query}", files=sent).status_code == 200
    client = XNATClient(base_url=place.sandbox.url, username=place.sandbox.user, password=place.sandbox.password)
    with client:
        service = PrearchiveService(client)
        rows = service.list(place.project)
        assert [row["name"] for row in rows] == ["P1_CT", "P1_CT"]
        first, second = ((place.project, row["timestamp"], row["folderName"]) for row in rows)
        assert service.get(*first)["status"] == "READY"
        assert len(service.get_scans(*first)) == 2
        assert service.archive(*first)["success"]
        service.delete(*second)
        assert service.list(place.project) == []


def test_pyxnat_sets_the_prearchive_code_and_works_on_the_prearchive(place: PeerPlace) -> None:
    sandbox = place.sandbox
    with pyxnat.Interface(server=sandbox.url, user=sandbox.user, password=sandbox.password) as central:
        project = central.select.project(place.project)
        assert project.prearchive_code() == 4
        project.set_prearchive_code("0")
        assert project.prearchive_code() == 0
        [data] = study(series=1, images=1).values()
        query = f"import-handler=gradual-DICOM&PROJECT_ID={place.project}&SUBJECT_ID=P1&EXPT_LABEL=P1_CT"
        sent = {"file": ("image.dcm", data)}
        assert place.ask("POST", f"/data/services/import?{query}", files=sent).status_code == 200
        prearchive = PreArchive(central)
        [row] = place.rows(f"/data/prearchive/projects/{place.project}")
        triple = [place.project, row["timestamp"], row["name"]]
        assert triple in list(prearchive.get())
        assert prearchive.status(triple) == "RECEIVING"
        assert place.ask("POST", f"/data{row['url']}?action=build").status_code == 200
        assert prearchive.status(triple) == "READY"
        assert prearchive.get_scans(triple) == "1"
        assert prearchive.get_files(triple, "1", "DICOM") == "image.dcm"
