"""The prearchive: list, read, build, archive, move, delete."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import requests
from lxml import etree

from tests.sandbox.dicom import CT, study, zipped_study
from tests.sandbox.places import NUMBERS, Place, message, zipped
from xnat_upload.sandbox import Sandbox

ZIP = {"Content-Type": "application/zip"}
XNAT = "{http://nrg.wustl.edu/xnat}"


def send(place: Place, data: bytes | None = None, *, name: str = "CT9") -> str:
    """Send a study to the prearchive, and give its address without ``/data``."""
    query = f"dest=/prearchive/projects/{place.project}&subject=P9&session={name}"
    answer = place.admin("POST", f"/data/services/import?{query}", data=data or zipped_study(), headers=ZIP)
    assert answer.status_code == 200, answer.text
    return answer.text.strip().removeprefix("/data")


def rows(place: Place, project: str | None = None) -> list[dict[str, str]]:
    return place.admin.rows(f"/data/prearchive/projects/{project or place.project}")


def test_listing(place: Place) -> None:
    url = send(place)
    [row] = rows(place)
    assert {key: row[key] for key in ("project", "subject", "name", "folderName", "status", "url")} == {
        "project": place.project, "subject": "P9", "name": "CT9", "folderName": "CT9", "status": "READY", "url": url,
    }  # fmt: skip
    assert set(row) == {
        "project", "timestamp", "lastmod", "uploaded", "scan_date", "scan_time", "subject", "folderName", "name", "tag",
        "status", "url", "autoarchive", "prevent_anon", "prevent_auto_commit", "SOURCE", "VISIT", "PROTOCOL",
        "TIMEZONE",
    }  # fmt: skip
    assert url in [row["url"] for row in place.admin.rows("/data/prearchive")]
    assert url in [row["url"] for row in place.admin.rows("/data/prearchive/projects")]
    assert [one["url"] for one in place.admin.rows(f"/data/prearchive?tag={row['tag']}")] == [url]
    assert place.admin.rows(f"/data{url}?format=json") == [row]


@pytest.mark.parametrize("role", ["member", "collaborator", "outsider"])
def test_who_sees_and_changes_what_has_arrived(place: Place, role: str) -> None:
    url = send(place)
    caller = place.callers[role]
    expected = 200 if role == "member" else 403
    assert (url in [row["url"] for row in caller.rows("/data/prearchive")]) == (role == "member")
    assert caller("GET", f"/data{url}?format=json").status_code == expected
    assert caller("POST", f"/data/services/archive?src={url}&auto-archive=false").status_code == expected
    if role != "member":
        assert caller("DELETE", f"/data{url}").status_code == 403
        assert caller("POST", f"/data/services/prearchive/delete?src={url}").status_code == 403
        assert len(rows(place)) == 1


def test_what_is_in_it_before_it_is_archived(place: Place) -> None:
    files = study(CT)
    url = f"/data{send(place, zipped(files))}"
    root = etree.fromstring(place.admin("GET", f"{url}?format=xml").content)
    assert (etree.QName(root).localname, root.get("label")) == ("CTSession", "CT9")
    assert [scan.get("ID") for scan in root.findall(f"{XNAT}scan")] == ["1", "2"]
    scans = place.admin.rows(f"{url}/scans?format=json")
    assert scans[0] == {"ID": "1", "xsiType": "xnat:ctScanData", "series_description": "series 1"}
    [resource] = place.admin.rows(f"{url}/scans/1/resources?format=json")
    assert (resource["label"], resource["file_count"]) == ("DICOM", "2")
    assert [row["cat_id"] for row in place.admin.rows(f"{url}/resources?format=json")] == ["1", "2"]
    listed = place.admin.rows(f"{url}/scans/1/resources/DICOM/files?format=json")
    assert [row["Name"] for row in listed] == ["1_1.dcm", "1_2.dcm"]
    assert place.admin("GET", listed[0]["URI"]).content == files["s1/1_1.dcm"]
    assert place.admin("GET", f"{url}/scans/9/resources").status_code == 404
    with zipfile.ZipFile(io.BytesIO(place.admin("GET", f"{url}?format=zip").content)) as archive:
        assert {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()} == {
            name[3:]: data for name, data in files.items()
        }


def test_archiving_by_the_service(place: Place) -> None:
    url = send(place)
    answer = place.admin("POST", "/data/services/archive", data={"src": url, "auto-archive": "false"})
    assert (answer.status_code, answer.text) == (
        200, f"/data/archive/projects/{place.project}/subjects/P9/experiments/CT9\r\n",
    )  # fmt: skip
    assert rows(place) == []
    assert len(place.sandbox.files(place.project, "CT9", "2", "DICOM")) == 2
    assert place.admin("POST", f"/data/services/archive?src={url}").status_code == 404


def test_archiving_into_another_project_under_other_names(place: Place) -> None:
    other = place.sandbox.add_project(f"PREARC{next(NUMBERS)}")
    url = send(place)
    query = f"src={url}&auto-archive=false&project={other}&subject=S&session=E&note=hello"
    answer = place.admin("POST", f"/data/services/archive?{query}")
    assert answer.text.strip() == f"/data/archive/projects/{other}/subjects/S/experiments/E"
    document = place.admin("GET", f"/data/projects/{other}/experiments/E?format=json").json()
    assert document["items"][0]["data_fields"]["note"] == "hello"


def test_a_project_that_archives_by_itself_answers_with_a_redirect(place: Place) -> None:
    url = send(place)
    answer = place.admin("POST", f"/data/services/archive?src={url}")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/data/archive/projects/{place.project}/subjects/P9/experiments/CT9")


def test_a_conflict_leaves_it_where_it_is(place: Place) -> None:
    data = zipped_study()
    place.admin("POST", f"/data/services/archive?src={send(place, data)}")
    url = send(place, data)
    answer = place.admin("POST", f"/data/services/archive?src={url}")
    assert (answer.status_code, message(answer)) == (500, "FAILED: Session already exists with the same resources.")
    assert [row["status"] for row in rows(place)] == ["CONFLICT"]
    assert place.admin("POST", f"/data/services/archive?src={url}&overwrite=delete").status_code == 303
    assert rows(place) == []


@pytest.mark.parametrize("how", ["service", "address"])
def test_deleting(place: Place, how: str) -> None:
    url = send(place)
    place.put("a.nii")
    root = next(one for one in place.path_of("a.nii").parents if one.name == "archive").parent
    assert list((root / "prearchive" / place.project).rglob("*.dcm"))
    if how == "service":
        assert place.admin("POST", f"/data/services/prearchive/delete?src={url}&async=false").status_code == 200
    else:
        assert place.admin("DELETE", f"/data{url}/tail").status_code == 400
        assert place.admin("DELETE", f"/data{url}").status_code == 200
    assert rows(place) == []
    assert not list((root / "prearchive" / place.project).rglob("*.dcm"))
    assert place.admin("DELETE", f"/data{url}").status_code == 404


@pytest.mark.parametrize("how", ["service", "address"])
def test_moving(place: Place, how: str) -> None:
    other = place.sandbox.add_project(f"PREARC{next(NUMBERS)}")
    url = send(place)
    if how == "service":
        query = f"src={url}&newProject={other}"
        assert place.admin("POST", f"/data/services/prearchive/move?{query}").status_code == 200
    else:
        answer = place.admin("POST", f"/data{url}?action=move&newProject={other}")
        assert (answer.status_code, answer.text) == (301, f"/data{url.replace(place.project, other)}")
    assert rows(place) == []
    [row] = rows(place, other)
    assert len(place.admin.rows(f"/data{row['url']}/scans?format=json")) == 2
    by_member = place.callers["member"]("POST", f"/data/services/prearchive/move?src={url}&newProject={other}")
    assert by_member.status_code in (403, 404)


def test_rebuilding_and_setting_a_status(place: Place) -> None:
    url = send(place)
    assert place.admin("POST", f"/data{url}?action=set-status&status=ERROR").status_code == 200
    assert [row["status"] for row in rows(place)] == ["ERROR"]
    assert place.admin("POST", f"/data/services/prearchive/rebuild?src={url}").status_code == 200
    assert [row["status"] for row in rows(place)] == ["READY"]
    assert place.admin("POST", f"/data{url}?action=build").text == f"/data{url}"


@pytest.mark.parametrize(
    ("path", "status"),
    [("{url}?action=nosuch", 400), ("{url}", 400), ("{url}?action=commit&nosuch=1", 501),
     ("{url}?action=commit&quarantine=true", 501), ("/services/archive?src={url}&nosuch=1", 501),
     ("/services/archive?src=/archive/projects/P", 400), ("/services/archive", 404),
     ("/services/prearchive/delete", 404), ("/services/prearchive/move?src={url}&newProject=NOSUCH", 403)],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(place: Place, path: str, status: int) -> None:
    url = send(place)
    assert place.admin("POST", f"/data{path.format(url=url)}").status_code == status
    assert [row["status"] for row in rows(place)] == ["READY"]


def test_what_no_project_was_found_for_is_the_administrators(place: Place) -> None:
    headers = {"Content-Type": "application/dicom"}
    [data] = study(series=1, images=1).values()
    answer = place.callers["member"]("POST", "/data/services/import?inbody=true", data=data, headers=headers)
    url = answer.text.strip()
    assert url.startswith("/data/prearchive/projects/Unassigned/")
    assert place.callers["member"]("GET", f"{url}?format=json").status_code == 403
    assert place.admin("POST", f"/data/services/archive?src={url}").status_code == 400
    moved = place.admin("POST", f"{url}?action=move&newProject={place.project}")
    assert moved.status_code == 301
    assert len(rows(place)) == 1


def test_it_is_there_after_a_restart(tmp_path: Path) -> None:
    auth = ("admin", "admin")
    with Sandbox(data=tmp_path) as sandbox:
        sandbox.add_project("P1")
        url = f"{sandbox.url}/data/services/import?dest=/prearchive/projects/P1&session=E&subject=S"
        assert requests.post(url, data=zipped_study(), headers=ZIP, auth=auth, timeout=30).status_code == 200
    with Sandbox(data=tmp_path) as sandbox:
        listed = requests.get(f"{sandbox.url}/data/prearchive?format=json", auth=auth, timeout=30).json()
        [row] = listed["ResultSet"]["Result"]
        answer = requests.post(f"{sandbox.url}/data/services/archive?src={row['url']}&auto-archive=false", auth=auth,
                               timeout=30)  # fmt: skip
        assert answer.status_code == 200
        assert len(sandbox.files("P1", "E", "1", "DICOM")) == 2
