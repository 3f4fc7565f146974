"""``pullDataFromHeaders`` and ``fixScanTypes``: what stored files say about their session and scans."""

from __future__ import annotations

import pytest

from tests.sandbox.dicom import CT, MR, dicom
from tests.sandbox.places import Place, message

INBODY = {"Content-Type": "application/octet-stream"}


def store(place: Place, data: bytes, name: str = "1.dcm") -> None:
    path = f"{place.scan}/resources/DICOM/files/{name}"
    assert place.admin("PUT", path, data=data, headers=INBODY).status_code == 200


def fields(place: Place, path: str) -> dict[str, object]:
    found: dict[str, object] = place.admin("GET", f"{path}?format=json").json()["items"][0]["data_fields"]
    return found


@pytest.mark.parametrize("parameter", ["pullDataFromHeaders=true", "action=fixScanTypes,pullDataFromHeaders"])
def test_session_and_scans_are_described_by_their_files(place: Place, parameter: str) -> None:
    store(place, dicom(MR, SeriesDescription="t1 mprage"))
    store(place, b"no image", "notes.txt")
    assert place.admin("PUT", f"{place.long_session}?date=2001-02-03").status_code == 200
    answer = place.admin("PUT", f"{place.long_session}?{parameter}")
    assert (answer.status_code, answer.text) == (200, place.session_id)
    session, scan = fields(place, place.session), fields(place, place.scan)
    assert session["dcmPatientName"] == "CompressedSamples^MR1"
    assert session["date"] == "2001-02-03"  # its own value stays
    assert (scan["type"], scan["series_description"], scan["quality"]) == ("t1 mprage", "t1 mprage", "usable")
    overwritten = place.admin("PUT", f"{place.long_session}?pullDataFromHeaders=true&overwrite=true")
    assert overwritten.status_code == 200
    assert fields(place, place.session)["date"] == "2004-08-26"


def test_a_scan_is_described_by_its_files(place: Place) -> None:
    store(place, dicom(MR, SeriesDescription="t2"))
    assert place.admin("PUT", f"{place.scan}?pullDataFromHeaders=true").status_code == 200
    assert fields(place, place.scan)["type"] == "t2"
    assert "dcmPatientName" not in fields(place, place.session)


def test_without_files_or_with_those_of_another_modality_it_fails(place: Place) -> None:
    answer = place.admin("PUT", f"{place.long_session}?pullDataFromHeaders=true&note=kept")
    assert (answer.status_code, message(answer)) == (500, "Unable to locate DICOM or ECAT files")
    assert fields(place, place.session)["note"] == "kept"  # saved before it failed, as in XNAT
    store(place, dicom(CT))
    answer = place.admin("PUT", f"{place.scan}?pullDataFromHeaders=true")
    assert (answer.status_code, "not supported" in message(answer)) == (500, True)


def test_fixing_scan_types_fills_only_those_that_are_missing(place: Place) -> None:
    place.admin("PUT", f"{place.scan}?series_description=localizer")
    place.admin("PUT", f"{place.session}/scans/2?xsiType=xnat:mrScanData&type=T1&series_description=other")
    assert place.admin("PUT", f"{place.long_session}?fixScanTypes=true").status_code == 200
    assert fields(place, place.scan)["type"] == "localizer"
    assert fields(place, f"{place.session}/scans/2")["type"] == "T1"


@pytest.mark.parametrize("name", ["quarantine", "_lock", "_obsolete"])
def test_states_are_refused_by_name_before_anything_is_saved(place: Place, name: str) -> None:
    subject = f"/data/projects/{place.project}/subjects/SUBJ"
    for path in (place.long_session, place.session, subject):
        before = fields(place, path)
        answer = place.admin("PUT", f"{path}?{name}=true&note=lost&group=lost")
        assert (answer.status_code, name in message(answer)) == (501, True)
        assert fields(place, path) == before


def test_there_is_no_pipeline_to_trigger_and_every_item_is_active(place: Place) -> None:
    query = "triggerPipelines=true&supressEmail=true&activate=true&note=kept"
    assert place.admin("PUT", f"{place.long_session}?{query}").status_code == 200
    assert fields(place, place.session)["note"] == "kept"
