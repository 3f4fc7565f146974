"""Lists: any path as a column or filter, subtypes, letter case, ranges, short names and default columns."""

from __future__ import annotations

import pytest

from tests.sandbox.places import Place, message

PATHS = {
    "ID": "XNAT", "xnat:mrSessionData/age": "41.0", "xnat:subjectassessordata/subject_id": "XNAT_S",
    "xnat:mrScanData/ID": "1", "last_modified": "20",
}  # fmt: skip


@pytest.fixture(autouse=True)
def furnished(place: Place) -> None:
    path = f"{place.long_session}?xsiType=xnat:mrSessionData&date=01/02/2020&scanner=S"
    assert place.admin("PUT", f"{path}&xnat:mrSessionData/age=41.0").status_code == 200
    for label, kind in (("CT1", "xnat:ctSessionData"), ("PET1", "xnat:petSessionData")):
        place.sandbox.add_session(place.project, label, xsi_type=kind, subject="SUBJ")
    path = f"{place.long_session}/assessors/QC1?xsiType=xnat:qcManualAssessorData"
    assert place.admin("PUT", path).status_code == 201


def sessions(place: Place, query: str) -> list[dict[str, str]]:
    return place.admin.rows(f"/data/projects/{place.project}/experiments?{query}")


def everywhere(place: Place, query: str) -> list[dict[str, str]]:
    return place.admin.rows(f"/data/experiments?project={place.project}&{query}")


@pytest.mark.parametrize(
    ("xsi_type", "labels"),
    [("xnat:mrSessionData", ["ACC1"]), ("xnat:mrsessiondata", ["ACC1"]), ("XNAT:MRSESSIONDATA", ["ACC1"]),
     ("xnat:imageSessionData", ["ACC1", "CT1", "PET1"]), ("xnat:subjectAssessorData", ["ACC1", "CT1", "PET1"]),
     ("xnat:qcManualAssessorData", ["QC1"]), ("xnat:imageAssessorData", ["QC1"]),
     ("xnat:experimentData", ["ACC1", "CT1", "PET1", "QC1"]), ("", ["ACC1", "CT1", "PET1", "QC1"])],
)  # fmt: skip
def test_a_type_means_its_subtypes_in_any_case_of_letters(place: Place, xsi_type: str, labels: list[str]) -> None:
    rows = everywhere(place, f"columns=label&xsiType={xsi_type}" if xsi_type else "columns=label")
    assert sorted(row["label"] for row in rows) == labels


def test_sessions_of_a_project_are_without_assessors_unless_they_are_asked_for(place: Place) -> None:
    assert sorted(row["label"] for row in sessions(place, "")) == ["ACC1", "CT1", "PET1"]
    assert [row["label"] for row in sessions(place, "xsiType=xnat:qcmanualassessordata")] == ["QC1"]


def test_what_is_no_type_of_experiments_fails_the_query(place: Place) -> None:
    for wanted in ("xnat:nosuch", "xnat:subjectData", "nosuch"):
        answer = place.admin("GET", f"/data/projects/{place.project}/experiments?xsiType={wanted}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert place.admin("GET", f"/data/experiments?xsiType={wanted}").status_code == 500


def test_any_path_is_a_column_named_by_its_short_name_or_in_lower_case(place: Place) -> None:
    (row,) = everywhere(place, f"columns={','.join(PATHS)},xnat:nosuch/x,nosuch")
    assert row["ID"].startswith("XNAT_E")
    assert row["xnat:mrsessiondata/age"] == "41.0"
    assert row["subject_ID"].startswith("XNAT_S")
    assert row["xnat:mrscandata/id"] == "1"
    assert row["last_modified"].startswith("20")
    assert not {"nosuch", "xnat:nosuch/x"} & set(row)


def test_scans_as_a_column_give_a_row_for_each(place: Place) -> None:
    for scan in ("2", "3"):
        place.admin("PUT", f"{place.session}/scans/{scan}?xsiType=xnat:mrScanData&type=T{scan}")
    rows = sessions(place, "label=ACC1&columns=label,xnat:mrScanData/ID,xnat:imageScanData/type")
    assert [(row["xnat:mrscandata/id"], row["xnat:imagescandata/type"]) for row in rows] == [
        ("1", ""), ("2", "T2"), ("3", "T3"),
    ]  # fmt: skip
    assert [row["label"] for row in sessions(place, "xnat:mrScanData/type=T3")] == ["ACC1"]


def test_a_path_makes_its_type_the_root_of_the_list(place: Place) -> None:
    rows = sessions(place, "columns=label,coil")
    assert [(row["label"], row["xnat:mrsessiondata/id"] != "") for row in rows] == [("ACC1", True)]


@pytest.mark.parametrize(
    ("query", "found"),
    [("date=01/02/2020", 1), ("date=01/03/2020", 0), ("date=01/01/2020-12/31/2020", 1),
     ("date=01/01/1990-02/02/1990", 0),
     ("date=01/01/1990-02/02/1990,01/02/2020", 1), ("xnat:experimentData/date=01/02/2020", 1),
     ("insert_date=01/01/2020-01/01/2100", 3), ("insert_date=01/01/1990-01/01/2000", 0),
     ("xnat:mrSessionData/age=40-42", 1), ("xnat:mrSessionData/age=41", 1), ("xnat:mrSessionData/age=42-50", 0),
     ("XNAT:MRSESSIONDATA/AGE=41", 1), ("scanner=S", 1), ("xnat:subjectData/label=SUBJ", 3), ("subject_label=X", 0)],
)  # fmt: skip
def test_filters_compare_as_the_kind_of_the_field_wants(place: Place, query: str, found: int) -> None:
    assert len(sessions(place, query)) == found


def test_iso_date_is_taken_for_a_range_and_fails_the_query(place: Place) -> None:
    answer = place.admin("GET", f"/data/projects/{place.project}/experiments?date=2020-01-02")
    assert (answer.status_code, answer.content) == (200, b"")


def test_subjects_of_experiments_are_default_columns_where_a_parameter_leads_to_them(place: Place) -> None:
    subject = place.admin.rows(f"/data/projects/{place.project}/subjects")[0]["ID"]
    rows = everywhere(place, f"subject_ID={subject}")
    assert {(row["subject_ID"], row["subject_label"]) for row in rows} == {(subject, "SUBJ")}
    assert "subject_ID" not in everywhere(place, "")[0]
    assert {row["session_label"] for row in everywhere(place, "xsiType=xnat:imageAssessorData")} == {"ACC1"}


def test_default_columns_can_be_asked_for_by_that_name(place: Place) -> None:
    assert list(sessions(place, "columns=DEFAULT")[0]) == list(sessions(place, "")[0])


def test_key_is_a_column_of_every_list(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}?alias=a{place.project}")
    rows = place.admin.rows("/data/projects?columns=alias")
    assert {row["alias"] for row in rows if row["ID"] == place.project} == {f"a{place.project}"}
    (subject,) = place.admin.rows(f"/data/projects/{place.project}/subjects?columns=last_modified")
    assert set(subject) == {"ID", "last_modified", "URI"}
    assert subject["last_modified"] >= "20"


def test_last_modified_moves_with_every_change(place: Place) -> None:
    before = sessions(place, "columns=last_modified&label=ACC1")[0]["last_modified"]
    place.admin("PUT", f"{place.session}?note=x")
    assert sessions(place, "columns=last_modified&label=ACC1")[0]["last_modified"] > before


def test_subjects_take_paths_too(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}/subjects/SUBJ?gender=female")
    path = f"/data/projects/{place.project}/subjects"
    wanted = "xnat:subjectData/demographics%5B@xsi:type=xnat:demographicData%5D/gender"
    assert place.admin.rows(f"{path}?columns={wanted}")[0]["gender"] == "female"
    assert place.admin.rows(f"{path}?gender=male") == []


def test_scans_take_paths_and_types(place: Place) -> None:
    place.admin("PUT", f"{place.scan}?xsiType=xnat:mrScanData&xnat:mrScanData/parameters/tr=2300")
    rows = place.admin.rows(f"{place.session}/scans?columns=ID,xnat:mrScanData/parameters/tr")
    assert [(row["ID"], row["xnat:mrscandata/parameters/tr"]) for row in rows] == [("1", "2300.0")]
    assert place.admin.rows(f"{place.session}/scans?xsiType=xnat:ctscandata") == []
    assert len(place.admin.rows(f"{place.session}/scans?type=nosuch")) == 1  # filters are ignored here


@pytest.mark.parametrize(
    ("query", "row"),
    [("columns=project,subject_ID", {"project", "subject_ID"}),
     ("columns=xnat:mrSessionData/DATE", {"xnat:mrSessionData/DATE"}),
     ("columns=age", {"age"})],
)  # fmt: skip
def test_values_of_an_item_are_a_table(place: Place, query: str, row: set[str]) -> None:
    answer = place.admin("GET", f"{place.session}?format=json&handler=values&{query}")
    (found,) = answer.json()["ResultSet"]["Result"]
    assert set(found) == row
    assert all(found.values())


def test_one_value_can_be_had_as_text_and_wrong_questions_are_400(place: Place) -> None:
    path = f"{place.session}?handler=values"
    assert place.admin("GET", f"{path}&columns=label&asValue=true").text == "ACC1"
    assert place.admin("GET", f"{path}&asValue=true", data="label").text == "ACC1"
    for query in ("", "&columns=label,project&asValue=true", "&columns=nosuch", "&columns=label/nosuch"):
        assert place.admin("GET", path + query).status_code == 400
    answer = place.admin("GET", f"{place.session}?handler=nosuch")
    assert (answer.status_code, message(answer)) == (400, "Invalid handler definition: nosuch")


def test_items_in_sessions_are_joined_by_their_path_as_far_as_the_user_may_read_them(place: Place) -> None:
    session = f"{place.long_session}/assessors"
    for label in ("A1", "A2"):
        assert place.admin("PUT", f"{session}/{label}?xsiType=xnat:qcAssessmentData").status_code == 201
    base = f"/data/experiments?project={place.project}&columns=ID,xnat:mrSessionData"
    for path, found in (("assessors/assessor/label", {"QC1", "A1", "A2"}), ("scans/scan/ID", {"1"})):
        rows = place.admin.rows(f"{base}/{path}")
        assert {row[f"xnat:mrsessiondata/{path.lower()}"] for row in rows} - {""} == found
    assert place.callers["outsider"].rows(f"{base}/assessors/assessor/label") == []
