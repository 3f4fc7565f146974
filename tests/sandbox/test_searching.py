"""Search documents: posted, saved and fetched again."""

from __future__ import annotations

import csv
import io

import pytest

from tests.sandbox.places import Place

SECURITY = "http://nrg.wustl.edu/security"
MR = "xnat:mrSessionData"


def bundle(root: str, columns: list[str], where: str, *, secure: str = "false") -> str:
    fields = "".join(
        f"<xdat:search_field><xdat:element_name>{element}</xdat:element_name><xdat:field_ID>{field}</xdat:field_ID>"
        f"<xdat:sequence>{number}</xdat:sequence><xdat:header>h</xdat:header></xdat:search_field>"
        for number, (element, field) in enumerate(column.split("/", 1) for column in columns)
    )
    return (
        f'<xdat:bundle xmlns:xdat="{SECURITY}" secure="{secure}" brief-description="mine">'
        f"<xdat:root_element_name>{root}</xdat:root_element_name>{fields}{where}</xdat:bundle>"
    )


def criteria(field: str, comparison: str, value: str) -> str:
    shown = comparison.replace("<", "&lt;").replace(">", "&gt;")
    return (
        f"<xdat:criteria><xdat:schema_field>{field}</xdat:schema_field>"
        f"<xdat:comparison_type>{shown}</xdat:comparison_type><xdat:value>{value}</xdat:value></xdat:criteria>"
    )


def where(*inner: str, method: str = "AND", tag: str = "search_where") -> str:
    return f'<xdat:{tag} method="{method}">{"".join(inner)}</xdat:{tag}>'


def found(place: Place, document: str, caller: str = "admin") -> list[dict[str, str]]:
    answer = place.callers[caller]("POST", "/data/search?format=json", data=document)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, str]] = answer.json()["ResultSet"]["Result"]
    return rows


def mine(place: Place, *more: str) -> str:
    return where(criteria(f"{MR}/PROJECT", "=", place.project), *more)


@pytest.fixture
def sessions(place: Place) -> Place:
    for label, date, age in (("ACC2", "2020-01-02", "40"), ("ACC3", "2021-05-06", "9")):
        path = f"/data/projects/{place.project}/subjects/S{label}/experiments/{label}"
        assert place.admin("PUT", f"{path}?xsiType={MR}&date={date}&{MR}/age={age}").status_code == 201
    return place


@pytest.mark.parametrize(
    ("more", "labels"),
    [((f"{MR}/label", "=", "ACC2"), {"ACC2"}), ((f"{MR}/LABEL", "LIKE", "%acc%"), {"ACC1", "ACC2", "ACC3"}),
     ((f"{MR}/LABEL", "LIKE", "CC2"), set()), ((f"{MR}/DATE", ">=", "01/01/2021"), {"ACC3"}),
     ((f"{MR}/DATE", "<", "2021-05-06"), {"ACC2"}), ((f"{MR}/AGE", ">", "9"), {"ACC2"}),
     ((f"{MR}/DATE", "IS NULL", ""), {"ACC1"}), ((f"{MR}/LABEL", "IN", "ACC1,ACC3"), {"ACC1", "ACC3"}),
     (("xnat:subjectData/LABEL", "=", "SACC3"), {"ACC3"})],
)  # fmt: skip
def test_criteria_choose_the_rows(sessions: Place, more: tuple[str, str, str], labels: set[str]) -> None:
    rows = found(sessions, bundle(MR, [f"{MR}/LABEL"], mine(sessions, criteria(*more))))
    assert {row["label"] for row in rows} == labels


def test_sets_of_criteria_are_nested_with_and_and_or(sessions: Place) -> None:
    either = where(
        criteria(f"{MR}/LABEL", "=", "ACC1"), criteria(f"{MR}/LABEL", "=", "ACC3"), method="OR", tag="child_set"
    )
    rows = found(sessions, bundle(MR, [f"{MR}/LABEL"], mine(sessions, either)))
    assert {row["label"] for row in rows} == {"ACC1", "ACC3"}


def test_columns_are_called_by_what_they_show_and_described_before_the_rows(sessions: Place) -> None:
    columns = [f"{MR}/PROJECT", f"{MR}/{MR}/label", "xnat:subjectData/LABEL"]
    document = bundle(MR, columns, mine(sessions, criteria(f"{MR}/LABEL", "=", "ACC2")))
    result = sessions.admin("POST", "/data/search?format=json", data=document).json()["ResultSet"]
    keys = ["project", "xnat_col_mrsessiondatalabel", "xnat_subjectdata_label", "quarantine_status"]
    assert [one["key"] for one in result["Columns"]] == keys
    assert result["Columns"][1]["xPATH"] == f"{MR}.XNAT_COL_MRSESSIONDATALABEL"
    assert result["Result"] == [dict(zip(keys, (sessions.project, "ACC2", "SACC2", "active"), strict=True))]
    assert (result["rootElementName"], result["totalRecords"]) == (MR, "1")
    text = sessions.admin("POST", "/data/search?format=csv", data=document).text
    assert list(csv.reader(io.StringIO(text))) == [keys, [sessions.project, "ACC2", "SACC2", "active"]]


def test_nobody_finds_what_they_may_not_see(sessions: Place) -> None:
    document = bundle(MR, [f"{MR}/LABEL"], mine(sessions))
    assert len(found(sessions, document)) == 3
    assert len(found(sessions, document, "collaborator")) == 3
    assert found(sessions, document, "outsider") == []
    subjects = bundle("xnat:subjectData", ["xnat:subjectData/LABEL"], "")
    assert "SACC2" not in {row["label"] for row in found(sessions, subjects, "outsider")}


@pytest.mark.parametrize(
    ("document", "status"),
    [("nothing", 422), ("<a/>", 422), (bundle("xnat:nosuchData", [], ""), 422),
     (bundle(MR, [f"{MR}/nosuch"], ""), 500), (bundle(MR, [], where(criteria(f"{MR}/tag", "LIKE", "%"))), 500)],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(place: Place, document: str, status: int) -> None:
    assert place.admin("POST", "/data/search", data=document).status_code == status


def saved(place: Place, caller: str = "admin") -> set[str]:
    return {row["id"] for row in place.callers[caller].rows("/data/search/saved?format=json")}


def test_saved_search_is_listed_run_and_deleted(sessions: Place) -> None:
    name = f"search_{sessions.project}"
    path = f"/data/search/saved/{name}"
    document = bundle(MR, [f"{MR}/LABEL"], mine(sessions))
    assert sessions.admin("PUT", f"{path}?inbody=true", data=document).status_code == 200
    assert name in saved(sessions)
    assert name in saved(sessions, "member")  # it is not secure, so all see it
    assert "mine" in sessions.admin("GET", path).text
    rows = sessions.admin.rows(f"{path}/results?format=json")
    assert {row["label"] for row in rows} == {"ACC1", "ACC2", "ACC3"}
    assert sessions.callers["outsider"].rows(f"{path}/results?format=json") == []
    assert sessions.callers["member"]("PUT", path, data=document).status_code == 403
    assert sessions.callers["member"]("DELETE", path).status_code == 403
    assert sessions.admin("DELETE", path).status_code == 200
    assert name not in saved(sessions)
    assert sessions.admin("GET", path).status_code == 404


def test_secure_search_is_seen_by_its_users_alone(place: Place) -> None:
    name = f"secure_{place.project}"
    document = bundle(MR, [f"{MR}/LABEL"], "", secure="true")
    assert place.callers["member"]("PUT", f"/data/search/saved/{name}", data=document).status_code == 200
    assert name in saved(place, "member")
    assert name not in saved(place, "outsider")
    assert place.callers["outsider"]("GET", f"/data/search/saved/{name}").status_code == 403
