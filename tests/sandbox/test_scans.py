"""Scans (docs/xnat/scans-and-resources.md)."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.places import Place, message


def test_listing(place: Place) -> None:
    result = place.admin("GET", f"{place.session}/scans").json()["ResultSet"]
    row = result["Result"][0]
    assert set(row) == {
        "xnat_imagescandata_id", "ID", "type", "quality", "xsiType", "note", "series_description", "URI",
    }  # fmt: skip
    assert (row["ID"], row["xsiType"], row["URI"]) == ("1", "xnat:mrScanData", place.scan)
    assert result["totalRecords"] == "1"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/experiments/{E}/scans?type=nosuch", 200), ("/data/experiments/ACC1/scans", 500),
     ("/data/experiments/NOSUCH/scans", 500), ("/data/projects/NOSUCH/subjects/SUBJ/experiments/ACC1/scans", 500),
     ("/data/projects/{P}/subjects/NOSUCH/experiments/ACC1/scans", 404),
     ("/data/projects/{P}/subjects/SUBJ/experiments/NOSUCH/scans", 404),
     ("/data/experiments/{E}/scans?columns=type", 500), ("/data/experiments/{E}/scansFOO", 200)],
)  # fmt: skip
def test_listing_of_what_is_not_there(place: Place, path: str, status: int) -> None:
    assert place.admin("GET", path.format(P=place.project, E=place.session_id)).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/experiments/{E}/scans/1", 200), ("/data/experiments/{E}/scans/2", 404),
     ("/data/experiments/ACC1/scans/1", 404),
     ("/data/projects/{P}/subjects/NOSUCH/experiments/ACC1/scans/1", 200),
     ("/data/projects/NOSUCH/subjects/SUBJ/experiments/{E}/scans/1", 200),
     ("/data/experiments/{E}/scans/1/nosuch", 200)],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_how_a_scan_is_found(place: Place, path: str, status: int, method: str) -> None:
    path = path.format(P=place.project, E=place.session_id)
    assert place.admin(method, f"{path}?format=xml").status_code == status


def test_scan_document_has_the_types_own_root(place: Place) -> None:
    root = etree.fromstring(place.admin("GET", f"{place.scan}?format=xml").content)
    assert (etree.QName(root).localname, root.get("ID")) == ("MRScan", "1")


def test_put_scan_is_200_and_empty_new_or_not(place: Place) -> None:
    path = f"{place.long_session}/scans/7?xsiType=xnat:ctScanData&type=AXIAL"
    for _ in range(2):
        answer = place.admin("PUT", path)
        assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
        assert "Location" not in answer.headers
    row = next(row for row in place.admin.rows(f"{place.session}/scans") if row["ID"] == "7")
    assert (row["type"], row["xsiType"]) == ("AXIAL", "xnat:ctScanData")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/data/experiments/{E}/scans/9", 417, "Need PUT Contents"),
     ("/data/experiments/{E}/scans/9?xsiType=xnat:nosuch", 400, "Element not found: 'xnat:nosuch'"),
     ("/data/experiments/{E}/scans/9?xsiType=xnat:mrSessionData", 400, "Only Scan documents can be PUT"),
     ("/data/experiments/{E}/scans/9?xsiType=xnat:imageScanData", 400, "Multiple scan modalities"),
     ("/data/experiments/NOSUCH/scans/9?xsiType=xnat:mrScanData", 417, "Specified scan must reference a valid"),
     ("/data/experiments/ACC1/scans/9?xsiType=xnat:mrScanData", 417, "Specified scan must reference a valid"),
     ("/data/experiments/{E}/scans/1?xsiType=xnat:ctScanData", 409, "Specified xsiType differs"),
     ("/data/experiments/{E}/scans/a.b?xsiType=xnat:mrScanData", 500, "Invalid character"),
     ("/data/experiments/{E}/scans/9/tail?xsiType=xnat:mrScanData", 400, "malformed syntax")],
)  # fmt: skip
def test_refused_scan_puts(place: Place, path: str, status: int, words: str) -> None:
    answer = place.admin("PUT", path.format(E=place.session_id))
    assert answer.status_code == status
    assert words in message(answer)


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("member", 200), ("collaborator", 403), ("outsider", 417), ("anonymous", 401)]
)
def test_who_may_create_scans(place: Place, role: str, status: int) -> None:
    answer = place.callers[role]("PUT", f"{place.session}/scans/8?xsiType=xnat:mrScanData")
    assert answer.status_code == status


def test_existing_scan_keeps_its_type_when_none_is_sent(place: Place) -> None:
    assert place.admin("PUT", f"{place.scan}?quality=usable").status_code == 200


def test_fields_of_another_type_are_ignored_with_200(place: Place) -> None:
    path = f"{place.scan}?xsiType=xnat:mrScanData&xnat:ctScanData/note=x&xnat:mrScanData/parameters/tr=2300.0"
    assert place.admin("PUT", path).status_code == 200
    fields = place.admin("GET", f"{place.scan}?format=json").json()["items"][0]["data_fields"]
    assert "note" not in fields
    assert fields["parameters/tr"] == 2300.0


def test_scan_by_xml(place: Place) -> None:
    document = (
        b'<xnat:MRScan xmlns:xnat="http://nrg.wustl.edu/xnat" ID="5" type="T2">'
        b"<xnat:quality>usable</xnat:quality></xnat:MRScan>"
    )
    headers = {"Content-Type": "text/xml"}
    assert place.admin("PUT", f"{place.session}/scans/5", data=document, headers=headers).status_code == 200
    row = next(row for row in place.admin.rows(f"{place.session}/scans") if row["ID"] == "5")
    assert (row["type"], row["quality"]) == ("T2", "usable")
    broken = place.admin("PUT", f"{place.session}/scans/6", data=document[:-5], headers=headers)
    assert broken.status_code == 422


def test_chunked_xml_is_silently_ignored(place: Place) -> None:
    document = iter([b'<xnat:MRScan xmlns:xnat="http://nrg.wustl.edu/xnat" ID="5"/>'])
    answer = place.admin("PUT", f"{place.session}/scans/5", data=document, headers={"Content-Type": "text/xml"})
    assert (answer.status_code, message(answer)) == (417, "Need PUT Contents")


def test_post_numbers_scans_and_refuses_a_second_one(place: Place) -> None:
    answer = place.admin("POST", f"{place.session}/scans?xsiType=xnat:mrScanData")
    assert answer.status_code == 200
    assert answer.headers["Location"] == answer.text == f"{place.session}/scans/2"
    assert place.admin("POST", f"{place.session}/scans?xsiType=xnat:mrScanData&ID=1").status_code == 409


def test_post_can_be_taken_for_another_method(place: Place) -> None:
    assert place.admin("POST", f"{place.session}/scans/6?method=PUT&xsiType=xnat:mrScanData").status_code == 200
    assert "6" in [row["ID"] for row in place.admin.rows(f"{place.session}/scans")]


def test_deleting_a_scan(place: Place) -> None:
    assert place.callers["member"]("DELETE", place.scan).status_code == 403
    assert place.admin("DELETE", place.scan).status_code == 200
    assert place.admin("DELETE", place.scan).status_code == 404


def test_change_needs_a_reason_where_the_site_wants_one(place: Place) -> None:
    path = f"{place.session}/scans/9?xsiType=xnat:mrScanData"
    with place.site(require_change_justification=True):
        refused = place.admin("PUT", path)
        assert (refused.status_code, message(refused)) == (500, "Justification required.")
        assert place.admin("PUT", f"{path}&event_reason=test").status_code == 200
