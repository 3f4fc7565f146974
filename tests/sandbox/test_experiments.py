"""Subjects and sessions: lists, documents, writing (docs/xnat/projects-and-sessions.md)."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.places import Place, message

XNAT = "{http://nrg.wustl.edu/xnat}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def test_listing_of_a_project(place: Place) -> None:
    row = place.admin.rows(f"/data/projects/{place.project}/experiments")[0]
    assert set(row) == {
        "xnat:subjectassessordata/id", "ID", "project", "date", "xsiType", "label", "insert_date", "URI",
    }  # fmt: skip
    assert row["ID"] == row["xnat:subjectassessordata/id"] == place.session_id
    assert (row["label"], row["xsiType"], row["URI"]) == ("ACC1", "xnat:mrSessionData", place.session)


@pytest.mark.parametrize(
    ("query", "found"),
    [("label=ACC1", 1), ("label=acc1", 0), ("label=ACC", 0), ("label=AC*", 1), ("label=ac%25", 1), ("label=X,ACC1", 1),
     ("xsiType=xnat:mrSessionData", 1), ("xsiType=xnat:ctSessionData", 0), ("subject_label=SUBJ", 1)],
)  # fmt: skip
def test_filters_work_on_experiments(place: Place, query: str, found: int) -> None:
    assert len(place.admin.rows(f"/data/projects/{place.project}/experiments?{query}")) == found


def test_single_type_becomes_the_key_column(place: Place) -> None:
    row = place.admin.rows(f"/data/projects/{place.project}/experiments?xsiType=xnat:mrSessionData")[0]
    assert row["xnat:mrsessiondata/id"] == place.session_id


def test_columns_choose_and_unknown_ones_are_dropped(place: Place) -> None:
    path = f"/data/projects/{place.project}/experiments?columns=ID,label,subject_ID,subject_label,project,nosuch"
    row = place.admin.rows(path)[0]
    assert row["subject_label"] == "SUBJ"
    assert row["subject_ID"].startswith("XNAT_S")
    assert "nosuch" not in row
    assert "date" not in row


def test_unknown_type_in_a_listing_is_200_without_a_body(place: Place) -> None:
    answer = place.admin("GET", f"/data/projects/{place.project}/experiments?xsiType=xnat:nosuch")
    assert (answer.status_code, answer.content) == (200, b"")


def test_page_has_no_total(place: Place) -> None:
    result = place.admin("GET", f"/data/projects/{place.project}/experiments?limit=1&offset=0").json()["ResultSet"]
    assert len(result["Result"]) == 1
    assert "totalRecords" not in result


def test_global_listing_has_a_title(place: Place) -> None:
    result = place.admin("GET", f"/data/experiments?project={place.project}").json()["ResultSet"]
    assert result["title"] == "Matching experiments"
    assert [row["ID"] for row in result["Result"]] == [place.session_id]


@pytest.mark.parametrize("noun", ["experiments", "subjects", "subjects/SUBJ/experiments"])
def test_lists_of_an_unknown_project_are_404(place: Place, noun: str) -> None:
    assert place.admin("GET", f"/data/projects/NOSUCH/{noun}").status_code == 404
    assert place.callers["outsider"]("GET", f"/data/projects/{place.project}/{noun}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/projects/{P}/experiments/ACC1", 200), ("/data/projects/{P}/experiments/{E}", 200),
     ("/data/projects/NOSUCH/experiments/{E}", 200), ("/data/projects/{P}/experiments/acc1", 404),
     ("/data/projects/{P}/subjects/NOSUCH/experiments/ACC1", 200), ("/data/experiments/ACC1", 404),
     ("/data/projects/NOSUCH/subjects/SUBJ/experiments/{E}", 404), ("/data/experiments/{E}", 200),
     ("/data/projects/{P}/experiments/ACC1/scans", 200), ("/data/projects/{P}/experiments/ACC1/scans/1/x", 200),
     ("/data/projects/{P}/experiments/ACC1/files", 200)],
)  # fmt: skip
def test_how_a_session_is_found(place: Place, path: str, status: int) -> None:
    path = path.format(P=place.project, E=place.session_id)
    answer = place.admin("GET", f"{path}?format=xml")
    assert answer.status_code == status
    if status == 200:
        assert etree.fromstring(answer.content).get("ID") == place.session_id


def test_session_xml(place: Place) -> None:
    place.admin("PUT", f"{place.scan}?xsiType=xnat:mrScanData&type=T1&quality=usable&series_description=t1")
    place.put("a.nii", b"12345")
    root = etree.fromstring(place.admin("GET", f"{place.session}?format=xml").content)
    assert root.tag == f"{XNAT}MRSession"
    assert [root.get(name) for name in ("ID", "project", "label")] == [place.session_id, place.project, "ACC1"]
    subject_id = root.findtext(f"{XNAT}subject_ID")
    assert subject_id is not None
    assert subject_id.startswith("XNAT_S")
    scan = root.find(f"{XNAT}scans/{XNAT}scan")
    assert scan is not None
    assert (scan.get("ID"), scan.get("type"), scan.get(XSI_TYPE)) == ("1", "T1", "xnat:mrScanData")
    names = [etree.QName(child).localname for child in scan if isinstance(child.tag, str)]
    assert names == ["image_session_ID", "quality", "series_description", "file"]
    resource = scan.find(f"{XNAT}file")
    assert resource is not None
    assert (resource.get("label"), resource.get("file_count"), resource.get("file_size")) == ("NIFTI", "1", "5")
    assert str(resource.get("URI")).endswith(f"/archive/{place.project}/arc001/ACC1/SCANS/1/NIFTI/1_catalog.xml")
    assert b"<!--hidden_fields[xnat_abstractResource_id=" in place.admin("GET", f"{place.session}?format=xml").content
    concealed = place.admin("GET", f"{place.session}?format=xml&concealHiddenFields=true")
    assert b"hidden_fields" not in concealed.content


def test_session_without_scans_has_no_such_element(place: Place) -> None:
    place.sandbox.add_session(place.project, "EMPTY")
    root = etree.fromstring(place.admin("GET", f"/data/projects/{place.project}/experiments/EMPTY?format=xml").content)
    assert root.find(f"{XNAT}scans") is None


def test_session_json_nests_scans_and_resources(place: Place) -> None:
    item = place.admin("GET", f"{place.session}?format=json").json()["items"][0]
    assert item["meta"]["xsi:type"] == "xnat:mrSessionData"
    scans = next(child for child in item["children"] if child["field"] == "scans/scan")
    assert scans["items"][0]["data_fields"]["ID"] == "1"
    files = next(child for child in scans["items"][0]["children"] if child["field"] == "file")
    assert files["items"][0]["data_fields"]["label"] == "NIFTI"


def test_put_session_is_201_then_200_and_makes_the_subject(place: Place) -> None:
    path = f"/data/projects/{place.project}/subjects/NEW/experiments/ACC2?xsiType=xnat:ctSessionData&date=2020-01-02"
    first, second = place.admin("PUT", path), place.admin("PUT", path)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.text == second.text
    assert first.headers["Content-Type"] == "text/plain;charset=ISO-8859-1"
    assert "NEW" in [row["label"] for row in place.admin.rows(f"/data/projects/{place.project}/subjects")]
    row = place.admin.rows(f"/data/projects/{place.project}/experiments?label=ACC2")[0]
    assert (row["xsiType"], row["date"]) == ("xnat:ctSessionData", "2020-01-02")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/projects/{P}/subjects/S/experiments/N", 417),
     ("/data/projects/{P}/subjects/S/experiments/N?xsiType=xnat:nosuch", 400),
     ("/data/projects/{P}/subjects/S/experiments/N?xsiType=xnat:mrScanData", 422),
     ("/data/projects/{P}/subjects/S/experiments/a.b?xsiType=xnat:mrSessionData", 500),
     ("/data/projects/NOSUCH/subjects/S/experiments/N?xsiType=xnat:mrSessionData", 404),
     ("/data/projects/{P}/experiments/ACC1/scans/1?xsiType=xnat:mrScanData", 400),
     ("/data/projects/{P}/experiments/NOSUCH/scans/1?xsiType=xnat:mrScanData", 422),
     ("/data/projects/{P}/experiments/NOSUCH/scans/1", 417)],
)  # fmt: skip
def test_refused_session_puts(place: Place, path: str, status: int) -> None:
    assert place.admin("PUT", path.format(P=place.project)).status_code == status


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 201), ("member", 201), ("collaborator", 403), ("outsider", 404)]
)
def test_who_may_create_sessions(place: Place, role: str, status: int) -> None:
    path = f"/data/projects/{place.project}/subjects/SUBJ/experiments/BY?xsiType=xnat:mrSessionData"
    assert place.callers[role]("PUT", path).status_code == status


def test_session_is_renamed_with_its_files(place: Place) -> None:
    place.put("a.nii", b"12345")
    assert place.admin("PUT", f"{place.long_session}?label=ACC9").status_code == 200
    assert place.sandbox.files(place.project, "ACC9", "1", "NIFTI") == {"a.nii": b"12345"}
    assert place.admin("GET", f"{place.resource}/files/a.nii").content == b"12345"
    place.sandbox.add_session(place.project, "ACC8")
    path = f"/data/projects/{place.project}/subjects/SUBJ/experiments/ACC9?label=ACC8"
    assert place.admin("PUT", path).status_code == 409


def test_shared_session_is_seen_under_its_other_label(place: Place) -> None:
    other = place.sandbox.add_project(f"{place.project}_other")
    assert place.admin("PUT", f"{place.long_session}/projects/{other}?label=SHARED").status_code == 200
    assert place.admin("PUT", f"{place.long_session}/projects/{other}").status_code == 409
    row = place.admin.rows(f"/data/projects/{other}/experiments")[0]
    assert (row["label"], row["project"], row["ID"]) == ("SHARED", other, place.session_id)
    assert place.admin.rows(f"/data/projects/{other}/experiments?label=SHARED") == []
    root = etree.fromstring(place.admin("GET", f"/data/projects/{other}/experiments/SHARED?format=xml").content)
    assert (root.get("project"), root.get("label")) == (place.project, "ACC1")


def test_deleting_a_session_needs_an_owner(place: Place) -> None:
    assert place.callers["member"]("DELETE", place.session).status_code == 403
    assert place.callers["owner"]("DELETE", place.session).status_code == 200
    assert place.admin("GET", f"{place.session}?format=xml").status_code == 404


def test_subject_is_created_and_updated(place: Place) -> None:
    path = f"/data/projects/{place.project}/subjects/S9"
    first, second = place.admin("PUT", f"{path}?gender=female"), place.admin("PUT", path)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.text == second.text
    root = etree.fromstring(place.admin("GET", f"{path}?format=xml").content)
    assert (root.tag, root.get("label")) == (f"{XNAT}Subject", "S9")
    assert root.findtext(f"{XNAT}demographics/{XNAT}gender") == "female"
    assert place.admin("PUT", f"{path}?label=SUBJ").status_code == 409
    assert place.admin("DELETE", path).status_code == 200
    assert place.admin("GET", path).status_code == 404


def test_subject_listing(place: Place) -> None:
    row = place.admin.rows(f"/data/projects/{place.project}/subjects")[0]
    assert set(row) == {"ID", "project", "label", "insert_date", "insert_user", "URI"}
    assert row["URI"] == f"/data/subjects/{row['ID']}"


def test_missing_experiment_says_so(place: Place) -> None:
    answer = place.admin("GET", "/data/experiments/NOSUCH?format=xml")
    assert message(answer) == "Unable to find the specified experiment."
    assert answer.headers["Content-Type"] == "text/html;charset=ISO-8859-1"
