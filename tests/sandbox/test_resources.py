"""Resources: create, list, read, delete, on every level (docs/xnat/scans-and-resources.md)."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.places import Place, message

LEVELS = [
    "/data/projects/{P}",
    "/data/projects/{P}/subjects/SUBJ",
    "/data/projects/{P}/experiments/ACC1",
    "/data/projects/{P}/subjects/SUBJ/experiments/ACC1",
    "/data/experiments/{E}",
    "/data/projects/{P}/subjects/SUBJ/experiments/ACC1/scans/1",
    "/data/experiments/{E}/scans/1",
]
FOLDERS = ["resources/L", "subjects/SUBJ/L", *["arc001/ACC1/RESOURCES/L"] * 3, *["arc001/ACC1/SCANS/1/L"] * 2]


def at(place: Place, path: str) -> str:
    return path.format(P=place.project, E=place.session_id)


def test_new_is_200_and_a_second_time_409(place: Place) -> None:
    first = place.admin("PUT", f"{place.scan}/resources/SEG?format=NIFTI&content=SEG&tags=a,k:v")
    assert (first.status_code, first.content, first.headers["Content-Length"]) == (200, b"", "0")
    assert "Location" not in first.headers
    assert "Content-Type" not in first.headers
    second = place.admin("PUT", f"{place.scan}/resources/SEG")
    assert (second.status_code, message(second)) == (409, "Specified resource already exists.")


def test_listing_has_eleven_columns_and_no_sizes_before_the_first_file(place: Place) -> None:
    place.admin("PUT", f"{place.scan}/resources/SEG?format=NIFTI&content=SEG&tags=a,k:v")
    result = place.admin("GET", f"{place.scan}/resources").json()["ResultSet"]
    assert (result["title"], result["totalRecords"]) == ("Resources", "2")
    row = next(row for row in result["Result"] if row["label"] == "SEG")
    assert list(row) == [
        "xnat_abstractresource_id", "label", "element_name", "category", "cat_id", "cat_desc", "file_count",
        "file_size", "tags", "content", "format",
    ]  # fmt: skip
    assert (row["element_name"], row["category"], row["cat_id"]) == ("xnat:resourceCatalog", "scans", "1")
    assert (row["file_count"], row["file_size"], row["tags"]) == ("", "", "a,k=v")
    assert (row["content"], row["format"]) == ("SEG", "NIFTI")


def test_first_resource_of_a_scan_with_a_type_is_raw(place: Place) -> None:
    place.admin("PUT", f"{place.session}/scans/2?xsiType=xnat:mrScanData&type=T1")
    place.admin("PUT", f"{place.session}/scans/2/resources/A")
    place.admin("PUT", f"{place.session}/scans/2/resources/B")
    contents = {row["label"]: row["content"] for row in place.admin.rows(f"{place.session}/scans/2/resources")}
    assert contents == {"A": "RAW", "B": ""}


@pytest.mark.parametrize(("level", "folder"), list(zip(LEVELS, FOLDERS, strict=True)))
def test_resources_exist_on_every_level(place: Place, level: str, folder: str) -> None:
    path = f"{at(place, level)}/resources/L"
    assert place.admin("PUT", path).status_code == 200
    files = {"file": ("a.txt", b"12345")}
    assert place.admin("PUT", f"{path}/files/a.txt", files=files).headers["Content-Type"] == "text/plain"
    assert place.admin("GET", f"{path}/files/a.txt").content == b"12345"
    document = etree.fromstring(place.admin("GET", path).content)
    entries = document.findall(".//{http://nrg.wustl.edu/catalog}entry")
    assert [entry.get("URI") for entry in entries] == ["a.txt"]
    row = next(row for row in place.admin.rows(f"{at(place, level)}/resources") if row["label"] == "L")
    assert (row["file_count"], row["file_size"]) == ("1", "5")
    on_disk = f"/archive/{place.project}/{folder}/a.txt"
    rows = place.admin.rows(f"{path}/files?locator=absolutePath")
    assert rows[0]["absolutePath"].endswith(on_disk)
    assert place.callers["collaborator"]("PUT", f"{at(place, level)}/resources/M").status_code == 403
    assert place.admin("DELETE", path).status_code == 200
    assert place.admin("GET", path).status_code == 404


def test_session_listing_shows_scans_only_when_asked(place: Place) -> None:
    place.admin("PUT", f"{place.session}/resources/OWN")
    assert {row["label"] for row in place.admin.rows(f"{place.session}/resources")} == {"OWN"}
    assert {row["label"] for row in place.admin.rows(f"{place.session}/resources?all=true")} == {"OWN", "NIFTI"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/data/projects/NOSUCH/subjects/SUBJ/experiments/ACC1/scans/1/resources/L", 404),
     ("PUT", "/data/projects/{P}/subjects/NOSUCH/experiments/ACC1/scans/1/resources/L", 404),
     ("PUT", "/data/experiments/NOSUCH/scans/1/resources/L", 404),
     ("PUT", "/data/experiments/{E}/scans/NOSUCH/resources/L", 404),
     ("HEAD", "/data/experiments/{E}/scans/NOSUCH/resources/L", 404),
     ("GET", "/data/experiments/{E}/scans/NOSUCH/resources", 404),
     ("GET", "/data/experiments/{E}/scans/NOSUCH/resources/L/files", 500),
     ("GET", "/data/experiments/{E}/scans/1/resources/NOSUCH", 404),
     ("GET", "/data/experiments/{E}/scans/1/resources/NIFTI/tail", 400),
     ("PUT", "/data/experiments/{E}/scans/1/resources/NIFTI/tail", 400),
     ("PUT", "/data/experiments/{E}/scans/1/resources/123456", 404),
     ("DELETE", "/data/experiments/{E}/scans/1/resources/NOSUCH", 200)],
)  # fmt: skip
def test_what_is_missing(place: Place, method: str, path: str, status: int) -> None:
    assert place.admin(method, at(place, path)).status_code == status


def test_missing_scan_falls_through_to_the_subjects_resources(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}/subjects/SUBJ/resources/OF_SUBJECT")
    rows = place.admin.rows(f"{place.long_session}/scans/NOSUCH/resources")
    assert [row["label"] for row in rows] == ["OF_SUBJECT"]


def test_scan_is_found_by_type_and_by_decoded_segment(place: Place) -> None:
    place.admin("PUT", f"{place.scan}?type=T1 MPRAGE")
    rows = place.admin.rows(f"{place.session}/scans/T1%20MPRAGE/resources")
    assert [row["label"] for row in rows] == ["NIFTI"]
    assert place.admin("PUT", f"{place.session}/scans/%31/resources/VIA_ESCAPE").status_code == 200


def test_label_is_never_decoded(place: Place) -> None:
    assert place.admin("PUT", f"{place.scan}/resources/a%20b").status_code == 200
    assert "a%20b" in [row["label"] for row in place.admin.rows(f"{place.scan}/resources")]


def test_digits_mean_the_number_of_a_resource(place: Place) -> None:
    number = place.admin.rows(f"{place.scan}/resources")[0]["xnat_abstractresource_id"]
    assert place.admin("GET", f"{place.scan}/resources/{number}").status_code == 200
    assert place.admin("PUT", f"{place.scan}/resources/{number}").status_code == 409


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("member", 200), ("collaborator", 403), ("outsider", 404), ("anonymous", 401)]
)
def test_put_resource_is_the_permission_probe(place: Place, role: str, status: int) -> None:
    assert place.callers[role]("PUT", f"{place.scan}/resources/NEW").status_code == status


def test_permission_is_checked_before_existence(place: Place) -> None:
    assert place.callers["member"]("PUT", place.resource).status_code == 409
    assert place.callers["collaborator"]("PUT", place.resource).status_code == 403


def test_narrow_accept_is_406(place: Place) -> None:
    answer = place.admin("GET", place.resource, headers={"Accept": "application/json"})
    assert answer.status_code == 406


def test_deleting_leaves_orphans_that_come_back(place: Place) -> None:
    place.put("a.txt")
    place.put("b.txt")
    place.admin("DELETE", f"{place.resource}/files/a.txt?removeFiles=false")
    assert place.callers["member"]("DELETE", place.resource).status_code == 403
    assert place.admin("DELETE", place.resource).status_code == 200
    assert place.admin("PUT", place.resource).status_code == 200
    assert place.orphans() == {"a.txt": b"content"}
    assert place.put("a.txt").json() == {"duplicates": ["a.txt"]}


def test_second_creator_truncates_the_catalog_of_the_first(place: Place) -> None:
    place.put("a.txt")
    answer = place.admin("POST", f"{place.scan}/resources?label=NIFTI")
    assert answer.status_code == 200
    assert answer.headers["Location"].startswith(f"{place.scan}/resources/")
    assert place.names() == []
    assert place.orphans() == {"a.txt": b"content"}
