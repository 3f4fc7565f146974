"""Where files go: said by words, by XNAT's own IDs, by places of this library, or by elements of pyxnat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyxnat
import requests

from tests.hospital import Hospital
from xnat_upload import (
    Accession,
    AlreadyExistsError,
    Destination,
    InvalidIdentifierError,
    NotFoundError,
    Resource,
    Scan,
    Uploader,
    UploadRequest,
)

FILES = {"seg.nii": b"a segmentation"}


def words(hospital: Hospital, **changed: Any) -> dict[str, Any]:
    """The words of an upload into scan 4 of the hospital's session."""
    where = {
        "hub_project_id": hospital.hub_project_id,
        "accession_id": hospital.accession_id,
        "scan_id": "4",
        "resource_id": "SEG",
    }
    return {name: value for name, value in {**where, **changed}.items() if value is not ...}


WAYS: dict[str, Callable[[Uploader, Hospital], dict[str, Any]]] = {
    "words": lambda _, hospital: words(hospital),
    "XNAT's own project ID": lambda _, hospital: words(hospital, hub_project_id=..., project_id=hospital.project_id),
    "numbers": lambda _, hospital: words(hospital, scan_id=4),
    "a resource": lambda uploader, hospital: {"to": Resource(Scan(accession(uploader, hospital), "4"), "SEG")},
    "a scan": lambda uploader, hospital: {"to": accession(uploader, hospital).scans["4"], "resource_id": "SEG"},
    "an accession": lambda uploader, hospital: {
        "to": accession(uploader, hospital),
        "scan_id": "4",
        "resource_id": "SEG",
    },
    "a destination": lambda _, hospital: {"to": Destination(**words(hospital))},
    "pyxnat's resource": lambda uploader, hospital: {"to": element(uploader, hospital).scan("4").resource("SEG")},
    "pyxnat's scan": lambda uploader, hospital: {"to": element(uploader, hospital).scan("4"), "resource_id": "SEG"},
    "pyxnat's experiment": lambda uploader, hospital: {
        "to": element(uploader, hospital),
        "scan_id": "4",
        "resource_id": "SEG",
    },
}


def accession(uploader: Uploader, hospital: Hospital) -> Accession:
    return uploader.locate(hospital.accession_id, hub_project_id=hospital.hub_project_id)


def element(uploader: Uploader, hospital: Hospital) -> Any:
    """pyxnat's experiment, by the labels that its users write."""
    project = uploader.interface.select.project(hospital.project_id)
    return project.subject(hospital.subject_label).experiment(hospital.accession_id)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_saying_where_reaches_the_same_resource(hospital: Hospital, way: str) -> None:
    with hospital.connect() as uploader:
        where = WAYS[way](uploader, hospital)
        assert uploader.plan(FILES, **where).resource == Resource(Scan(accession(uploader, hospital), "4"), "SEG")
        report = uploader.upload(FILES, **where)
        assert report.files[0].destination.scan_id == "4"
        assert uploader.file_exists("seg.nii", **where)
        with pytest.raises(AlreadyExistsError):
            uploader.upload_file(FILES["seg.nii"], name="seg.nii", **where)
        with pytest.raises(AlreadyExistsError):
            uploader.create_resource(**where)
        assert uploader.upload_many([UploadRequest(files=FILES, exist_ok="same", **where)]).count("skipped") == 1
    assert hospital.content("4", "SEG") == FILES


@pytest.mark.parametrize("way", ["words", "an accession", "pyxnat's experiment", "pyxnat's scan", "a scan"])
def test_a_scan_is_created_wherever_it_is_said(hospital: Hospital, way: str) -> None:
    with hospital.connect() as uploader:
        where = {name: value for name, value in WAYS[way](uploader, hospital).items() if name != "resource_id"}
        assert uploader.create_scan(**where).scan_id == "4"
        if "scan_id" in where:
            assert uploader.create_scan(**{**where, "scan_id": 77}).scan_id == "77"
            assert "77" in accession(uploader, hospital).scan_types


SESSION_WAYS: dict[str, Callable[[Uploader, Hospital], dict[str, Any]]] = {
    "words": lambda _, hospital: words(hospital, scan_id=None),
    "an accession": lambda uploader, hospital: {"to": accession(uploader, hospital), "resource_id": "SEG"},
    "a destination": lambda _, hospital: {"to": Destination(**words(hospital, scan_id=None))},
    "pyxnat's experiment": lambda uploader, hospital: {"to": element(uploader, hospital), "resource_id": "SEG"},
    "pyxnat's resource": lambda uploader, hospital: {"to": element(uploader, hospital).resource("SEG")},
}


@pytest.mark.parametrize("way", SESSION_WAYS)
def test_a_resource_of_the_session_itself_has_the_same_rules(hospital: Hospital, way: str) -> None:
    with hospital.connect() as uploader:
        where = SESSION_WAYS[way](uploader, hospital)
        report = uploader.upload(FILES, **where)
        assert report.files[0].ok
        assert f"/experiments/{accession(uploader, hospital).experiment_id}/resources/SEG/files/" in report.urls[0]
        with pytest.raises(AlreadyExistsError):
            uploader.upload(FILES, **where)
        (resource,) = accession(uploader, hospital).resources
        assert resource.label == "SEG"
        assert uploader.file_exists(resource, "seg.nii")
    answer = hospital.ask("GET", report.urls[0].removeprefix(hospital.server))
    assert answer.content == FILES["seg.nii"]


def test_leaving_the_scan_out_is_no_way_to_the_session(hospital: Hospital) -> None:
    with hospital.connect() as uploader, pytest.raises(InvalidIdentifierError, match="say scan_id=None for a resource"):
        uploader.upload(FILES, **words(hospital, scan_id=...))


def test_pyxnats_resource_by_its_number_is_the_one_with_that_number(hospital: Hospital) -> None:
    hospital.put("4", "OTHER", "x", b"x")
    hospital.put("4", "SEG", "y", b"y")
    with hospital.connect() as uploader:
        numbers = accession(uploader, hospital).resource_numbers["4"]
        assert set(numbers) == {"OTHER", "SEG"}
        found = [
            uploader.plan(FILES, to=each).resource.label for each in element(uploader, hospital).scan("4").resources()
        ]
        assert sorted(found) == ["OTHER", "SEG"]
        with pytest.raises(NotFoundError, match="has the number 999999"):
            uploader.plan(FILES, to=element(uploader, hospital).scan("4").resource("999999"))


def test_an_experiment_id_alone_is_enough_for_a_pyxnat_element(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        experiment_id = accession(uploader, hospital).experiment_id
        by_id = pyxnat.core.resources.Experiment(f"/data/experiments/{experiment_id}", uploader.interface)
        assert uploader.upload(FILES, to=by_id, scan_id="4", resource_id="SEG").ok


def test_an_element_under_another_subject_is_not_believed(hospital: Hospital) -> None:
    hospital.ask("PUT", f"/data/projects/{hospital.project_id}/subjects/SOMEBODY_ELSE")
    with hospital.connect() as uploader:
        project = uploader.interface.select.project(hospital.project_id)
        wrong = project.subject("SOMEBODY_ELSE").experiment(hospital.accession_id)
        with pytest.raises(NotFoundError, match="is not one of subject 'SOMEBODY_ELSE'"):
            uploader.upload(FILES, to=wrong, scan_id="4", resource_id="SEG")
        with pytest.raises(NotFoundError):
            uploader.upload(FILES, to=project.subject("S").experiment("NOWHERE"), scan_id="4", resource_id="SEG")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"project_id": "P"}, "exactly one way: hub_project_id= .* Both were given"),
        ({"hub_project_id": ...}, "exactly one way: hub_project_id= .* None was given"),
        ({"accession_id": ...}, "Say where: .* no accession_id"),
        ({"resource_id": ...}, "resource_id is missing"),
        ({"to": "SEG"}, "exactly one way: to= was given, and hub_project_id and accession_id too"),
    ],
)
def test_none_or_two_ways_of_saying_where_end_in_a_sentence(
    hospital: Hospital, change: dict[str, Any], sentence: str
) -> None:
    with hospital.connect() as uploader:
        for call in (uploader.upload, uploader.plan):
            with pytest.raises(InvalidIdentifierError, match=sentence):
                call(FILES, **words(hospital, **change))


def test_what_is_no_place_says_what_one_is(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        place = accession(uploader, hospital)
        for to in ("SEG", 4, object(), Path("SEG")):
            with pytest.raises(InvalidIdentifierError, match="Give a Resource, Scan, Accession or Destination"):
                uploader.upload(FILES, to=to)
        with pytest.raises(InvalidIdentifierError, match="is no experiment"):
            uploader.upload(FILES, to=uploader.interface.select.project(hospital.project_id), resource_id="SEG")
        with pytest.raises(InvalidIdentifierError, match="is in scan 4 already"):
            uploader.upload(FILES, to=place.scans["4"], scan_id="5", resource_id="SEG")
        with pytest.raises(InvalidIdentifierError, match="is a resource already"):
            uploader.upload(FILES, to=Resource(place, "SEG"), resource_id="SEG2")
        with pytest.raises(InvalidIdentifierError, match="no single experiment"):
            uploader.upload(FILES, to=element(uploader, hospital).scans(), resource_id="SEG")
        with pytest.raises(InvalidIdentifierError, match=r"scan ID '\*' cannot be one"):
            uploader.upload(FILES, to=element(uploader, hospital).scan("*"), resource_id="SEG")


def test_an_element_of_another_server_is_refused(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        to = element(uploader, hospital).scan("4").resource("SEG")
        to._intf._server = "https://elsewhere.example"
        try:
            with pytest.raises(InvalidIdentifierError, match="is of another server"):
                uploader.upload(FILES, to=to)
        finally:
            to._intf._server = hospital.server


def test_every_place_has_the_address_of_its_element(hospital: Hospital) -> None:
    asked: list[str] = []
    with hospital.connect() as uploader:
        send = uploader._archive.connection.send

        def remembering(method: str, path: str, **options: Any) -> Any:
            asked.append(path)
            return send(method, path, **options)

        uploader._archive.connection.send = remembering  # type: ignore[method-assign]
        place = accession(uploader, hospital)
        scan = uploader.create_scan(place, "77")
        resource = uploader.create_resource(scan, "SEG")
        own = uploader.create_resource(place, "OWN")
        uploader.upload(FILES, to=resource)
        for each in (scan, resource, own):
            assert uploader.select(each)._uri == str(each)
            assert str(each) in asked
        assert uploader.select(place)._uri == str(place)
        file = uploader.select(resource, "seg.nii")
        assert file._uri == resource.file_path("seg.nii")
        assert (
            requests.get(hospital.server + file._uri, auth=(hospital.user, hospital.password), timeout=10).content
            == FILES["seg.nii"]
        )
        with pytest.raises(InvalidIdentifierError, match="has no element of pyxnat"):
            uploader.select(place, "seg.nii")
        with pytest.raises(InvalidIdentifierError, match="has no element of pyxnat"):
            uploader.select("SEG")  # type: ignore[arg-type]


def test_the_callers_own_interface_is_given_back(hospital: Hospital) -> None:
    with pyxnat.Interface(hospital.server, hospital.user, hospital.password) as interface:
        with Uploader(interface) as uploader:
            assert uploader.interface is interface
        assert interface.select.project(hospital.project_id).exists()
    with pytest.raises(InvalidIdentifierError, match=r"Uploader\.connect\('https"):
        Uploader("http://xnat.hospital.example")


def test_an_accession_shows_its_scans_and_their_resources_without_a_request(hospital: Hospital) -> None:
    hospital.put("4", "SEG", "y", b"y")
    with hospital.connect() as uploader:
        place = accession(uploader, hospital)
        uploader._archive.connection.send = None  # type: ignore[assignment, method-assign]
        (scan,) = place.scans
        assert (scan.scan_id, scan.data_type) == ("4", "xnat:ctScanData")
        assert [resource.label for resource in scan.resources] == ["SEG"]
        assert place.scans["4"] == place.scans[0] == scan
        assert str(place.scans).splitlines()[1].split() == ["4", "xnat:ctScanData", "SEG"]
        assert "<td" in place.scans._repr_html_()
        with pytest.raises(KeyError, match="There is no scan '5'; there are 4"):
            place.scans["5"]


@pytest.mark.parametrize("old", [True, False])
def test_locate_takes_its_old_form_too(hospital: Hospital, old: bool) -> None:
    with hospital.connect() as uploader:
        if old:
            found = uploader.locate(hospital.hub_project_id, hospital.accession_id)
        else:
            found = uploader.locate(hospital.accession_id, project_id=hospital.project_id)
        assert found.project_id == hospital.project_id
        with pytest.raises(InvalidIdentifierError, match="locate finds one session"):
            uploader.locate()
        with pytest.raises(InvalidIdentifierError, match="exactly one way"):
            uploader.locate(hospital.accession_id)
        assert uploader.check(project_id=hospital.project_id, accession_id=hospital.accession_id).accession == found


def test_a_keyword_that_is_none_says_which_was_meant(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        for spelt, meant in (("resource", "resource_id"), ("acession_id", "accession_id"), ("exists_ok", "exist_ok")):
            with pytest.raises(TypeError, match=f"argument '{spelt}'. Did you mean '{meant}'"):
                uploader.upload(FILES, **words(hospital), **{spelt: "x"})


def test_the_place_may_stand_behind_the_files_and_never_before_them(hospital: Hospital) -> None:
    with hospital.connect() as uploader:
        to = element(uploader, hospital).scan("4").resource("SEG")
        assert uploader.upload(FILES, to).ok
        with pytest.raises(InvalidIdentifierError, match="takes the place first, or by name"):
            uploader.upload_file("a.nii", to)
