"""Projects, their people and what each kind of user sees (docs/xnat/projects-and-sessions.md)."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.places import Place, message

XNAT = "{http://nrg.wustl.edu/xnat}"


def new_id(place: Place) -> str:
    return f"{place.project}_new"


def test_listing_has_seven_string_columns_and_a_string_total(place: Place) -> None:
    answer = place.admin("GET", "/data/projects")
    assert answer.headers["Content-Type"] == "application/json"
    assert "Content-Length" not in answer.headers
    result = answer.json()["ResultSet"]
    columns = {"ID", "secondary_ID", "name", "description", "pi_firstname", "pi_lastname", "URI"}
    assert all(set(row) == columns for row in result["Result"])
    assert all(isinstance(value, str) for row in result["Result"] for value in row.values())
    assert result["totalRecords"] == str(len(result["Result"]))


def test_secondary_id_is_set_by_query_parameter(place: Place) -> None:
    answer = place.admin(
        "PUT", f"/data/projects/{new_id(place)}?secondary_ID=hub-{place.project}&name=N{place.project}"
    )
    assert (answer.status_code, answer.content) == (200, b"")
    row = next(row for row in place.admin.rows("/data/projects") if row["ID"] == new_id(place))
    assert (row["secondary_ID"], row["name"]) == (f"hub-{place.project}", f"N{place.project}")


def test_secondary_id_is_set_by_xml(place: Place) -> None:
    document = (
        f'<xnat:projectData xmlns:xnat="http://nrg.wustl.edu/xnat" ID="{new_id(place)}" '
        f'secondary_ID="x{place.project}">'
        "<xnat:description>words</xnat:description></xnat:projectData>"
    )
    path = f"/data/projects/{new_id(place)}"
    answer = place.admin("PUT", path, data=document.encode(), headers={"Content-Type": "text/xml"})
    assert answer.status_code == 200
    root = etree.fromstring(place.admin("GET", f"{path}?format=xml").content)
    assert root.tag == f"{XNAT}Project"
    assert root.get("secondary_ID") == f"x{place.project}"
    assert root.findtext(f"{XNAT}description") == "words"


def test_query_values_are_stored_escaped(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{new_id(place)}", params={"description": "A&B"})
    row = next(row for row in place.admin.rows("/data/projects") if row["ID"] == new_id(place))
    assert row["description"] == "A&amp;B"


def test_filter_works_for_administrators_and_is_ignored_for_others(place: Place) -> None:
    params = {"ID": place.project}
    assert [row["ID"] for row in place.admin.rows("/data/projects", params=params)] == [place.project]
    mine = place.callers["owner"].rows("/data/projects", params={"ID": "no such project"})
    assert place.project in [row["ID"] for row in mine]


@pytest.mark.parametrize("clash", ["secondary_ID", "name", "alias"])
def test_names_of_projects_are_mutually_unique_without_case(place: Place, clash: str) -> None:
    answer = place.admin("PUT", f"/data/projects/{new_id(place)}?{clash}={place.project.lower()}")
    assert answer.status_code == 409
    assert message(answer).startswith("Requested new project conflicts with existing projects")


def test_alias_finds_a_project_and_secondary_id_does_not(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}?alias=alias_{place.project}&secondary_ID=sec_{place.project}")
    assert place.admin("GET", f"/data/projects/alias_{place.project}?format=xml").status_code == 200
    assert place.admin("GET", f"/data/projects/sec_{place.project}?format=xml").status_code == 404
    rows = place.admin.rows(f"/data/projects/alias_{place.project}/experiments")
    assert rows[0]["project"] == place.project


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/projects/NOSUCH", 404), ("/data/projects/{P}/nosuch", 400), ("/data/projects/{P}", 200)],
)
def test_reading_one_project(place: Place, path: str, status: int) -> None:
    assert place.admin("GET", path.format(P=place.project)).status_code == status


def test_single_item_is_html_by_default_and_json_by_parameter_only(place: Place) -> None:
    path = f"/data/projects/{place.project}"
    assert place.admin("GET", path).headers["Content-Type"] == "text/html"
    document = place.admin("GET", f"{path}?format=json").json()
    assert document["items"][0]["meta"]["xsi:type"] == "xnat:projectData"
    narrow = place.admin("GET", f"{path}?format=json", headers={"Accept": "application/json"})
    assert narrow.status_code == 406


def test_illegal_project_id_is_417(place: Place) -> None:
    answer = place.admin("PUT", "/data/projects/a.b")
    assert (answer.status_code, message(answer)) == (417, "Invalid character in project ID.")


def test_deleting_a_project_frees_its_id_for_nobody(place: Place) -> None:
    path = f"/data/projects/{place.project}"
    assert place.callers["member"]("DELETE", path).status_code == 403
    assert place.admin("DELETE", path).status_code == 200
    assert place.admin("GET", path).status_code == 404
    assert place.admin("DELETE", path).status_code == 400
    assert place.admin("PUT", path).status_code == 403


ROLES = ("owner", "member", "collaborator", "outsider")


@pytest.mark.parametrize(
    ("accessibility", "project", "data"),
    [("private", [200, 200, 200, 404], [200, 200, 200, 404]),
     ("protected", [200, 200, 200, 200], [200, 200, 200, 404]),
     ("public", [200, 200, 200, 200], [200, 200, 200, 200])],
)  # fmt: skip
def test_what_each_kind_of_user_sees(place: Place, accessibility: str, project: list[int], data: list[int]) -> None:
    path = f"/data/projects/{place.project}/accessibility"
    answer = place.callers["owner"]("PUT", f"{path}/{accessibility}")
    assert (answer.status_code, answer.text) == (200, accessibility)
    assert place.admin("GET", path).text == accessibility
    seen = [place.callers[role]("GET", f"/data/projects/{place.project}?format=xml").status_code for role in ROLES]
    assert seen == project
    assert [place.callers[role]("GET", f"{place.session}?format=xml").status_code for role in ROLES] == data


def test_experiments_of_a_protected_project_are_forbidden_to_outsiders(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}/accessibility/protected")
    for noun in ("experiments", "subjects"):
        answer = place.callers["outsider"]("GET", f"/data/projects/{place.project}/{noun}")
        assert answer.status_code == 403


@pytest.mark.parametrize("group", ["Members", "member", "{P}_member"])
def test_owner_adds_and_removes_members(place: Place, group: str) -> None:
    path = f"/data/projects/{place.project}/users/{group.format(P=place.project)}/outsider"
    assert place.callers["member"]("PUT", path).status_code == 403
    answer = place.callers["owner"]("PUT", path)
    assert answer.status_code == 200
    row = next(row for row in answer.json()["ResultSet"]["Result"] if row["login"] == "outsider")
    assert (row["GROUP_ID"], row["displayname"]) == (f"{place.project}_member", "Members")
    assert place.callers["outsider"]("PUT", f"{place.scan}/resources/BY_OUTSIDER").status_code == 200
    assert place.callers["owner"]("DELETE", path).status_code == 200
    assert place.callers["outsider"]("GET", f"/data/projects/{place.project}").status_code == 404


def test_members_are_listed_for_owners_only(place: Place) -> None:
    path = f"/data/projects/{place.project}/users"
    assert {row["login"] for row in place.callers["owner"].rows(path)} >= {"owner", "member", "collaborator"}
    assert place.callers["collaborator"]("GET", path).status_code == 403


@pytest.mark.parametrize("restrict", ["edit", "delete"])
def test_restricted_listing_is_of_projects_that_are_ones_own_and_not_of_those_whose_data_one_may_edit(
    place: Place, restrict: str
) -> None:
    for user, listed in (("owner", True), ("member", False), ("collaborator", False)):
        rows = place.callers[user].rows(f"/data/projects?restrict={restrict}")
        assert (place.project in [row["ID"] for row in rows]) == listed, user


def test_accessible_listing_has_other_keys(place: Place) -> None:
    answer = place.callers["owner"]("GET", "/data/projects?accessible=true").json()["ResultSet"]
    row = next(row for row in answer["Result"] if row["id"] == place.project)
    assert answer["title"] == "Projects"
    assert "URI" not in row
    assert row["user_role_owner"] == "Owners"


@pytest.mark.parametrize(
    ("format_", "content_type", "beginning"),
    [("csv", "text/csv", "ID,secondary_ID,name,description,pi_firstname,pi_lastname,URI\n"),
     ("xml", "text/xml", "<ResultSet totalRecords="),
     ("json", "application/json", '{"ResultSet":{"Result":['),
     ("anything", "text/html", "<html xmlns=")],
)  # fmt: skip
def test_listing_formats(place: Place, format_: str, content_type: str, beginning: str) -> None:
    answer = place.admin("GET", f"/data/projects?format={format_}")
    assert answer.headers["Content-Type"] == content_type
    assert answer.text.startswith(beginning)


def test_accept_header_that_matches_nothing_is_406_whatever_the_format(place: Place) -> None:
    answer = place.admin("GET", "/data/projects?format=csv", headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert "<title>HTTP Status 406" in answer.text


def test_columns_and_sorting(place: Place) -> None:
    rows = place.admin.rows("/data/projects?columns=ID,name,nosuch&sortBy=ID&sortOrder=DESC")
    assert all(set(row) == {"ID", "name", "URI"} for row in rows)
    assert [row["ID"] for row in rows] == sorted((row["ID"] for row in rows), reverse=True)


def test_unknown_method_is_405_with_allow(place: Place) -> None:
    answer = place.admin("PATCH", "/data/projects")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert place.admin("OPTIONS", "/data/projects").headers["Allow"] == "GET, POST"


def test_head_of_an_error_has_no_body(place: Place) -> None:
    answer = place.admin("HEAD", "/data/projects/NOSUCH")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html;charset=utf-8")
