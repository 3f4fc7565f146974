"""What is stored of an item, and how its documents give it back: as XML, and as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree

from tests.sandbox.places import Place

NAMES = {"xnat": "http://nrg.wustl.edu/xnat", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}
SESSION = "/data/projects/{P}/subjects/SUBJ/experiments/ACC1"
SUBJECT = "/data/projects/{P}/subjects/SUBJ"
PROJECT = "/data/projects/{P}"
VARIABLES = [
    (PROJECT, "xnat:projectData"),
    (SUBJECT, "xnat:subjectData"),
    (SESSION, "xnat:mrSessionData"),
    (SESSION, "xnat:experimentData"),
]


def stored(place: Place, path: str, **fields: str) -> None:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in fields.items())
    answer = place.admin("PUT", f"{path.format(P=place.project)}?{query}")
    assert answer.status_code == 200, answer.text


def xml(place: Place, path: str) -> etree._Element:
    answer = place.admin("GET", f"{path.format(P=place.project)}?format=xml")
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def texts(place: Place, path: str, xpath: str) -> list[str]:
    found = xml(place, path).xpath(xpath, namespaces=NAMES)
    return [str(one) for one in found]  # type: ignore[union-attr]


def json_item(place: Place, path: str) -> dict[str, Any]:
    [item] = place.admin("GET", f"{path.format(P=place.project)}?format=json").json()["items"]
    found: dict[str, Any] = item
    return found


def children(item: dict[str, Any], field: str) -> list[dict[str, Any]]:
    return [one for child in item["children"] if child["field"] == field for one in child["items"]]


@pytest.mark.parametrize(("path", "xsi_type"), VARIABLES)
def test_custom_variables_are_stored_and_served_as_xml_and_json(place: Place, path: str, xsi_type: str) -> None:
    for name, value in (("site", "north"), ("wave", "2"), ("site", "south")):
        stored(place, path, **{f"{xsi_type}/fields/field[name={name}]/field": value})
    found = xml(place, path).findall("xnat:fields/xnat:field", NAMES)
    assert [(one.get("name"), one.text) for one in found] == [("site", "south"), ("wave", "2")]
    items = children(json_item(place, path), "fields/field")
    assert [one["data_fields"] for one in items] == [
        {"name": "site", "field": "south"},
        {"name": "wave", "field": "2"},
    ]
    assert {one["meta"]["xsi:type"].partition("_")[2] for one in items} == {"field"}


def test_further_parameters_of_a_scan_are_stored_by_their_name(place: Place) -> None:
    parameter = "xnat:mrScanData/parameters/addParam[name={}]/addField"
    stored(place, place.scan, **{parameter.format("a"): "1", parameter.format("b"): "2", "xnat:mrScanData/note": "n"})
    found = xml(place, place.scan).findall("xnat:parameters/xnat:addParam", NAMES)
    assert [(one.get("name"), one.text) for one in found] == [("a", "1"), ("b", "2")]
    items = children(json_item(place, place.scan), "parameters/addParam")
    assert [one["data_fields"] for one in items] == [{"name": "a", "addField": "1"}, {"name": "b", "addField": "2"}]


@pytest.mark.parametrize("spelled", ["gender", "xnat:subjectData/demographics[@xsi:type=xnat:demographicData]/gender"])
def test_demographics_are_an_item_of_their_own(place: Place, spelled: str) -> None:
    stored(place, SUBJECT, **{spelled: "female", "yob": "1980", "height": "171.5", "dob": "02/01/1980"})
    [demographics] = xml(place, SUBJECT).findall("xnat:demographics", NAMES)
    assert demographics.get(f"{{{NAMES['xsi']}}}type") == "xnat:demographicData"
    assert [(etree.QName(one).localname, one.text) for one in demographics] == [
        ("dob", "1980-02-01"),
        ("yob", "1980"),
        ("gender", "female"),
        ("height", "171.5"),
    ]
    [item] = children(json_item(place, SUBJECT), "demographics")
    assert item["data_fields"] == {"gender": "female", "yob": 1980, "height": 171.5, "dob": "1980-02-01"}
    [row] = place.admin.rows(f"/data/projects/{place.project}/subjects?columns=ID,gender,yob")
    assert (row["gender"], row["yob"]) == ("female", "1980")


def test_numbers_are_numbers_in_json_and_nested_ones_are_flat(place: Place) -> None:
    path = "xnat:mrScanData/parameters"
    stored(
        place, place.scan, **{f"{path}/voxelRes/x": "0.5", f"{path}/tr": "2300", "frames": "192", "quality": "usable"}
    )
    fields = json_item(place, place.scan)["data_fields"]
    assert (fields["parameters/voxelRes/x"], fields["parameters/tr"], fields["frames"]) == (0.5, 2300, 192)
    assert fields["quality"] == "usable"
    assert texts(place, place.scan, "xnat:parameters/xnat:voxelRes/@x") == ["0.5"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("01/31/2000", "2000-01-31"), ("2000-01-31", "2000-01-31"), ("2000-01-31T10:11:12", "2000-01-31"),
     ("20000131", "2000-01-31"), ("01.31.2000", "2000-01-31")],
)  # fmt: skip
def test_dates_read_back_in_one_form(place: Place, given: str, kept: str) -> None:
    stored(place, SESSION, date=given)
    assert json_item(place, SESSION)["data_fields"]["date"] == kept
    assert texts(place, SESSION, "xnat:date/text()") == [kept]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [(SESSION, "date", "yesterday"), (SESSION, "date", "2000-13-01"), (SUBJECT, "yob", "young"),
     (SESSION, "xnat:mrSessionData/age", "old")],
)  # fmt: skip
def test_what_is_not_of_its_fields_kind_is_refused_and_nothing_changes(
    place: Place, path: str, field: str, value: str
) -> None:
    before = json_item(place, path)
    assert place.admin("PUT", f"{path.format(P=place.project)}?note=n&{field}={value}").status_code == 400
    assert json_item(place, path) == before


@pytest.mark.parametrize("path", ["parameters/addParam[name", "parameters//tr", "a]b", "1x"])
def test_what_is_no_path_is_refused(place: Place, path: str) -> None:
    before = json_item(place, place.scan)
    assert place.admin("PUT", f"{place.scan}?xnat:mrScanData/{path}=foo]/addField=x").status_code == 400
    assert json_item(place, place.scan) == before


def test_fractions_read_back_as_the_database_gives_them(place: Place) -> None:
    stored(place, SESSION, **{"xnat:mrSessionData/age": "42"})
    assert texts(place, SESSION, "xnat:age/text()") == ["42.0"]
    assert place.admin("PUT", f"{SESSION.format(P=place.project)}?xnat:mrSessionData/age=forty").status_code == 400


def test_paths_are_understood_in_any_case_and_from_the_types_that_are_extended(place: Place) -> None:
    stored(place, SESSION, **{"xnat:mrsessiondata/FIELDSTRENGTH": "3.0"})
    stored(place, SESSION, **{"xnat:subjectAssessorData/age": "41.5", "xnat:experimentdata/Note": "hello"})
    fields = json_item(place, SESSION)["data_fields"]
    assert (fields["fieldStrength"], fields["age"], fields["note"]) == ("3.0", 41.5, "hello")


def test_principal_investigator_and_aliases_are_items_of_a_project(place: Place) -> None:
    stored(place, PROJECT, pi_firstname="Ada", pi_lastname="L", alias=f"also-{place.project}", note="n")
    item = json_item(place, PROJECT)
    assert [one["data_fields"] for one in children(item, "PI")] == [{"firstname": "Ada", "lastname": "L"}]
    assert [one["data_fields"] for one in children(item, "aliases/alias")] == [{"alias": f"also-{place.project}"}]
    assert texts(place, PROJECT, "xnat:aliases/xnat:alias/text()") == [f"also-{place.project}"]
    assert texts(place, PROJECT, "xnat:fields/xnat:field[@name='note']/text()") == ["n"]


def test_a_project_without_a_name_is_called_by_its_id(place: Place) -> None:
    name = f"N{place.project}"
    assert place.admin("PUT", f"/data/projects/{name}").status_code == 200
    assert json_item(place, f"/data/projects/{name}")["data_fields"]["name"] == name


def test_a_subjects_document_holds_its_sessions_with_their_scans(place: Place) -> None:
    [session] = children(json_item(place, SUBJECT), "experiments/experiment")
    assert (session["meta"]["xsi:type"], session["data_fields"]["label"]) == ("xnat:mrSessionData", "ACC1")
    assert [scan["data_fields"]["ID"] for scan in children(session, "scans/scan")] == ["1"]
    path = "xnat:experiments/xnat:experiment[@xsi:type='xnat:mrSessionData']/xnat:scans/xnat:scan/@ID"
    assert texts(place, SUBJECT, path) == ["1"]


def test_a_document_of_a_type_that_the_site_has_by_itself_is_xml(place: Place) -> None:
    session_id = place.sandbox.add_session(place.project, "OWN", xsi_type="site:newSessionData")
    root = xml(place, f"/data/experiments/{session_id}")
    assert root.get("label") == "OWN"
    assert etree.QName(root).localname == "NEWSession"


def test_session_fields_change_by_the_global_address_and_the_label_too(place: Place) -> None:
    assert place.admin("PUT", f"{place.session}?xnat:mrSessionData/note=hi").status_code == 200
    assert json_item(place, place.session)["data_fields"]["note"] == "hi"
    assert place.admin("PUT", f"{place.session}?label=RENAMED").status_code == 200
    assert json_item(place, place.session)["data_fields"]["label"] == "RENAMED"
    assert place.admin("PUT", f"{place.session}?xnat:mrSessionData/label=OTHER").status_code == 400
    assert place.admin("PUT", f"{place.session}?xnat:mrSessionData/ID=OTHER").status_code == 400


def test_the_short_address_creates_a_session_for_the_subject_that_is_named(place: Place) -> None:
    path = f"/data/projects/{place.project}/experiments/E9?xsiType=xnat:mrSessionData"
    assert place.admin("PUT", path).status_code == 422  # whose?
    made = place.admin("PUT", f"{path}&xnat:mrSessionData/subject_ID=SUBJ")
    assert made.status_code == 201
    fields = json_item(place, f"/data/experiments/{made.text}")["data_fields"]
    assert (fields["label"], fields["subject_ID"]) == ("E9", json_item(place, SUBJECT)["data_fields"]["ID"])


@pytest.mark.parametrize("spelled", ["ID", "xnat:mrSessionData/ID"])
def test_ids_of_ones_own_are_taken(place: Place, spelled: str) -> None:
    own = f"OWN{place.project}"
    subject = place.admin("PUT", f"/data/projects/{place.project}/subjects/S9?ID={own}S")
    assert (subject.status_code, subject.text) == (201, f"{own}S")
    path = f"/data/projects/{place.project}/subjects/S9/experiments/E9?xsiType=xnat:mrSessionData"
    session = place.admin("PUT", f"{path}&{spelled}={own}E")
    assert (session.status_code, session.text) == (201, f"{own}E")
    assert json_item(place, f"/data/experiments/{own}E")["data_fields"]["subject_ID"] == f"{own}S"
    other = place.sandbox.add_project(f"O{place.project}")
    taken = place.admin("PUT", f"/data/projects/{other}/subjects/S/experiments/E?xsiType=xnat:mrSessionData&ID={own}E")
    assert taken.status_code == 409
    assert json_item(place, f"/data/experiments/{own}E")["data_fields"]["project"] == place.project
    bad = place.admin("PUT", f"/data/projects/{place.project}/subjects/S10?ID=a.b")
    assert bad.status_code == 417
