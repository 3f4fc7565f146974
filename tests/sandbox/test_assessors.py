"""Assessors and reconstructions, with their resources and files."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from lxml import etree

from tests.sandbox.places import NUMBERS, Place, message, zipped

QC = "xnat:qcManualAssessorData"
XNAT = "{http://nrg.wustl.edu/xnat}"


def make_assessor(place: Place, label: str = "QC1") -> str:
    answer = place.admin("PUT", f"{place.long_session}/assessors/{label}?xsiType={QC}&{QC}/rater=ada")
    assert answer.status_code == 201, answer.text
    return answer.text


@pytest.fixture(params=["assessor by session", "assessor by subject", "assessor alone", "reconstruction", "in"])
def part(request: pytest.FixtureRequest, place: Place) -> str:
    """An address that can have resources."""
    match request.param:
        case "reconstruction":
            assert place.admin("PUT", f"{place.session}/reconstructions/R1?type=MPRAGE").status_code == 200
            return f"{place.session}/reconstructions/R1"
        case "assessor by subject":
            make_assessor(place)
            return f"{place.long_session}/assessors/QC1"
        case "assessor alone":
            return f"/data/experiments/{make_assessor(place)}"
        case "in":
            return f"{place.session}/assessors/{make_assessor(place)}/in"
    return f"{place.session}/assessors/{make_assessor(place)}"


def test_files_are_kept_by_the_rules_of_scans(place: Place, part: str) -> None:
    resource = f"{part}/resources/SEG"
    assert place.callers["collaborator"]("PUT", resource).status_code == 403
    assert place.admin("PUT", f"{resource}?format=NIFTI").status_code == 200
    assert place.admin("PUT", resource).status_code == 409
    headers = {"Content-Type": "application/octet-stream"}
    stored = place.admin("PUT", f"{resource}/files/sub/s.nii", data=b"mask", headers=headers)
    assert (stored.status_code, stored.headers["Content-Type"]) == (200, "text/plain")
    again = place.admin("PUT", f"{resource}/files/sub/s.nii", data=b"other", headers=headers)
    assert again.json() == {"duplicates": ["sub/s.nii"]}
    denied = place.callers["collaborator"]("PUT", f"{resource}/files/x.nii", data=b"x", headers=headers)
    assert (denied.status_code, denied.content, "Content-Type" in denied.headers) == (200, b"", False)
    batch = zipped({"a.nii": b"aa", "b.nii": b"bbb"})
    zip_headers = {"Content-Type": "application/zip"}
    packed = place.admin("PUT", f"{resource}/files/b.zip?extract=true", data=batch, headers=zip_headers)
    assert packed.status_code == 200
    rows = {row["Name"]: row for row in place.admin.rows(f"{resource}/files")}
    assert {name: row["Size"] for name, row in rows.items()} == {"s.nii": "4", "a.nii": "2", "b.nii": "3"}
    for row in rows.values():
        assert place.admin("GET", row["URI"]).content in (b"mask", b"aa", b"bbb")
    [row] = place.admin.rows(f"{part}/resources")
    assert (row["label"], row["format"], row["file_count"], row["file_size"]) == ("SEG", "NIFTI", "3", "9")
    with zipfile.ZipFile(io.BytesIO(place.admin("GET", f"{part}/files?format=zip").content)) as archive:
        assert sorted(name.rpartition("/files/")[2] for name in archive.namelist()) == ["a.nii", "b.nii", "sub/s.nii"]
    assert place.admin("DELETE", f"{resource}/files/sub").status_code == 200
    assert len(place.admin.rows(f"{resource}/files")) == 2
    assert place.admin("DELETE", resource).status_code == 200
    assert place.admin.rows(f"{part}/resources") == []
    # The session and its scans have not been touched.
    assert place.admin("GET", place.resource).status_code == 200


def test_multipart_into_a_resource_that_is_not_there_yet(place: Place, part: str) -> None:
    form = {"file": ("3.dcm", b"dicom")}
    answer = place.admin("PUT", f"{part}/resources/T/files/3.dcm", files=form)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain")
    assert place.admin("GET", f"{part}/resources/T/files/3.dcm").content == b"dicom"


def test_in_and_out_are_two_lists(place: Place) -> None:
    part = f"{place.session}/assessors/{make_assessor(place)}"
    for path, content in (("/in", b"in"), ("/out", b"out")):
        place.admin("PUT", f"{part}{path}/resources/R/files/f.txt?inbody=true", data=content)
        assert place.admin("GET", f"{part}{path}/resources/R/files/f.txt").content == content
    assert place.admin("GET", f"{part}/resources/R/files/f.txt").content == b"out"


@pytest.mark.parametrize("path", ["assessors/NOSUCH", "reconstructions/NOSUCH"])
def test_nothing_is_stored_where_the_item_is_missing(place: Place, path: str) -> None:
    resource = f"{place.session}/{path}/resources/SEG"
    assert place.admin("PUT", resource).status_code == 404
    assert place.admin("PUT", f"{resource}/files/a?inbody=true", data=b"a").status_code == 404
    assert [row["label"] for row in place.admin.rows(f"{place.session}/resources?all=true")] == ["NIFTI"]


def test_an_assessor_is_an_experiment_of_its_session(place: Place) -> None:
    assessor_id = make_assessor(place)
    [row] = place.admin.rows(f"{place.session}/assessors?format=json")
    expected = {
        "xnat:imageassessordata/id": assessor_id, "ID": assessor_id, "project": place.project, "label": "QC1",
        "xsiType": QC, "session_ID": place.session_id, "session_label": "ACC1",
        "URI": f"/data/experiments/{assessor_id}",
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    for path in (f"{place.session}/assessors/QC1", f"{place.long_session}/assessors/{assessor_id}", row["URI"]):
        root = etree.fromstring(place.admin("GET", f"{path}?format=xml").content)
        assert etree.QName(root).localname == "QCManualAssessment"
        assert root.findtext(f"{XNAT}imageSession_ID") == place.session_id
        assert root.findtext(f"{XNAT}rater") == "ada"
    fields = place.admin("GET", f"{row['URI']}?format=json").json()["items"][0]["data_fields"]
    assert fields["imageSession_ID"] == place.session_id
    assert [row["ID"] for row in place.admin.rows(f"/data/projects/{place.project}/experiments")] == [place.session_id]


def test_putting_an_assessor_again_changes_its_fields(place: Place) -> None:
    assessor_id = make_assessor(place)
    path = f"{place.session}/assessors/{assessor_id}"
    answer = place.admin("PUT", f"{path}?{QC}/comments=fine")
    assert (answer.status_code, answer.text) == (200, assessor_id)
    fields = place.admin("GET", f"{path}?format=json").json()["items"][0]["data_fields"]
    assert (fields["rater"], fields["comments"]) == ("ada", "fine")
    assert place.admin("PUT", f"{path}?label=OTHER").status_code == 400
    assert place.callers["collaborator"]("PUT", f"{path}?{QC}/comments=no").status_code == 403


def test_posting_assessors_and_reconstructions_gives_their_addresses(place: Place) -> None:
    made = place.admin("POST", f"{place.long_session}/assessors?xsiType={QC}&label=POSTED")
    assert made.status_code == 200
    assert made.headers["Location"] == made.text == f"{place.long_session}/assessors/{made.text.rpartition('/')[2]}"
    assert place.admin("GET", f"{made.text}?format=xml").status_code == 200
    assert place.admin("POST", f"{place.long_session}/assessors?xsiType={QC}&label=POSTED").status_code == 409
    for number in ("1", "2"):
        made = place.admin("POST", f"{place.session}/reconstructions?type=T{number}")
        assert made.text == f"{place.session}/reconstructions/{number}"
    assert place.admin("POST", f"{place.session}/reconstructions?ID=1").status_code == 409


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [("", 417, "Need POST Contents"), ("?xsiType=xnat:nosuch", 400, "Element not found"),
     ("?xsiType=xnat:mrScanData", 422, "Only xnat:Subject documents")],
)  # fmt: skip
def test_refused_assessors(place: Place, query: str, status: int, words: str) -> None:
    answer = place.admin("PUT", f"{place.session}/assessors/A1{query}")
    assert answer.status_code == status
    assert words in message(answer)
    assert place.admin.rows(f"{place.session}/assessors?format=json") == []


def test_reconstructions_are_listed_read_and_found_by_type(place: Place) -> None:
    path = f"{place.session}/reconstructions/R1"
    assert place.admin("PUT", f"{path}?type=MPRAGE&xnat:reconstructedImageData/baseScanType=T1").status_code == 200
    [row] = place.admin.rows(f"{place.session}/reconstructions?format=json")
    assert (row["ID"], row["type"], row["baseScanType"], row["URI"]) == ("R1", "MPRAGE", "T1", path)
    root = etree.fromstring(place.admin("GET", f"{path}?format=xml").content)
    assert (etree.QName(root).localname, root.get("ID"), root.get("type")) == ("ReconstructedImage", "R1", "MPRAGE")
    place.admin("PUT", f"{path}/resources/OUT/files/a.txt?inbody=true", data=b"a")
    [row] = place.admin.rows(f"{place.session}/reconstructions/MPRAGE/resources/OUT/files")
    assert "/reconstructions/R1/out/resources/" in row["URI"]
    assert place.admin("PUT", f"{path}/tail").status_code == 400
    assert place.admin("PUT", f"{place.session}/reconstructions/R2?xsiType=xnat:mrScanData").status_code == 422


def test_the_sessions_documents_and_lists_hold_all_of_it(place: Place) -> None:
    assessor_id = make_assessor(place)
    place.admin("PUT", f"{place.session}/reconstructions/R1?type=MPRAGE")
    for path in (f"assessors/{assessor_id}", "reconstructions/R1"):
        place.admin("PUT", f"{place.session}/{path}/resources/SEG/files/a?inbody=true", data=b"a")
    root = etree.fromstring(place.admin("GET", f"{place.session}?format=xml").content)
    [assessor] = root.findall(f"{XNAT}assessors/{XNAT}assessor")
    [reconstruction] = root.findall(f"{XNAT}reconstructions/{XNAT}reconstructedImage")
    for one, name in ((assessor, assessor_id), (reconstruction, "R1")):
        assert one.get("ID") == name
        assert [file.get("label") for file in one.findall(f"{XNAT}out/{XNAT}file")] == ["SEG"]
    children = place.admin("GET", f"{place.session}?format=json").json()["items"][0]["children"]
    fields = {child["field"]: child["items"] for child in children}
    assert fields["assessors/assessor"][0]["children"][0]["field"] == "out/file"
    assert fields["reconstructions/reconstructedImage"][0]["data_fields"]["ID"] == "R1"
    rows = place.admin.rows(f"{place.session}/resources?all=true")
    assert [(row["category"], row["cat_id"]) for row in rows] == [
        ("scans", "1"), ("reconstructions", "R1"), ("assessors", assessor_id),
    ]  # fmt: skip


@pytest.mark.parametrize("tail", ["", "/projects/{P}"])
def test_deleting_an_assessor_deletes_nothing_else(place: Place, tail: str) -> None:
    place.put("a.nii")
    assessor_id = make_assessor(place)
    path = f"{place.session}/assessors/{assessor_id}"
    place.admin("PUT", f"{path}/resources/SEG/files/s.nii?inbody=true", data=b"s")
    assert place.callers["member"]("DELETE", path).status_code == 403
    assert place.admin("DELETE", f"{path}/nosuch").status_code == 400
    assert place.admin("DELETE", path + tail.format(P=place.project)).status_code == 200
    assert place.admin("GET", f"{path}?format=xml").status_code == 404
    assert place.admin.rows(f"{place.session}/assessors?format=json") == []
    assert place.files() == {"a.nii": b"content"}


def test_an_assessor_is_shared_by_itself(place: Place) -> None:
    other = place.sandbox.add_project(f"ASSESS{next(NUMBERS)}")
    place.sandbox.add_member(other, "outsider")
    path = f"{place.session}/assessors/{make_assessor(place)}"
    assert place.admin("PUT", f"{path}/projects/{other}?label=THERE").status_code == 200
    assert {row["ID"] for row in place.admin.rows(f"{path}/projects?format=json")} == {place.project, other}
    assert place.callers["outsider"]("GET", f"/data/experiments/{path.rpartition('/')[2]}").status_code == 200
    assert place.admin("DELETE", f"{path}/projects/{other}").status_code == 200
    assert place.admin("GET", f"{path}?format=xml").status_code == 200


def test_deleting_a_reconstruction_and_a_session(place: Place) -> None:
    assessor_id = make_assessor(place)
    place.admin("PUT", f"{place.session}/reconstructions/R1")
    assert place.callers["member"]("DELETE", f"{place.session}/reconstructions/R1").status_code == 403
    assert place.admin("DELETE", f"{place.session}/reconstructions/R1").status_code == 200
    assert place.admin("DELETE", f"{place.session}/reconstructions/R1").status_code == 404
    assert place.admin("DELETE", place.session).status_code == 200
    assert place.admin("GET", f"/data/experiments/{assessor_id}").status_code == 404


def test_files_follow_when_the_session_is_renamed(place: Place) -> None:
    path = f"{place.session}/assessors/{make_assessor(place)}/resources/SEG/files/s.nii"
    place.admin("PUT", f"{path}?inbody=true", data=b"mask")
    assert place.admin("PUT", f"{place.long_session}?label=RENAMED").status_code == 200
    assert place.admin("GET", path).content == b"mask"


def test_refreshing_catalogs_of_parts(place: Place, part: str) -> None:
    files = f"{part}/resources/SEG/files"
    place.admin("PUT", f"{files}/s.nii?inbody=true", data=b"mask")
    [row] = place.admin.rows(f"{files}?locator=absolutePath")
    Path(row["absolutePath"]).write_bytes(b"changed")
    uri = f"/archive{part.removeprefix('/data')}/resources/SEG"
    assert place.admin("POST", f"/data/services/refresh/catalog?resource={uri}&options=checksum").status_code == 200
    assert place.admin.rows(files)[0]["digest"] == hashlib.md5(b"changed").hexdigest()
