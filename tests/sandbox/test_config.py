"""Configurations of tools, lists of the site, and headers of DICOM files."""

from __future__ import annotations

import pytest
from pydicom.data import get_testdata_file

from tests.sandbox.places import Place

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def path(place: Place) -> str:
    return f"/data/projects/{place.project}/config/tool/folder/file.json"


def test_configuration_is_kept_with_its_versions(place: Place, path: str) -> None:
    assert place.admin("PUT", path, data=b"one").status_code == 201
    assert place.admin("PUT", path, data=b"one").status_code == 200
    assert place.admin("PUT", f"{path}?inbody=true", data=b"two").status_code == 200
    assert place.admin("GET", f"{path}?contents=true").text == "two"
    [row] = place.admin.rows(path)
    assert (row["tool"], row["path"], row["project"]) == ("tool", "folder/file.json", place.project)
    assert (row["contents"], row["version"], row["status"], row["user"]) == ("two", "2", "enabled", "admin")
    history = place.admin.rows(f"{path}?action=getHistory")
    assert [(one["version"], one["contents"]) for one in history] == [("1", "one"), ("2", "two")]
    assert [one["contents"] for one in place.admin.rows(f"{path}?version=1")] == ["one"]
    assert [one["contents"] for one in place.admin.rows(f"{path}?meta=true")] == [""]
    base = f"/data/projects/{place.project}/config"
    assert place.admin.rows(base) == [{"tool": "tool"}]
    assert [row["path"] for row in place.admin.rows(f"{base}/tool")] == ["folder/file.json"]


def test_configuration_is_disabled_by_its_status_and_by_delete(place: Place, path: str) -> None:
    place.admin("PUT", path, data=b'{"contents": "one", "status": "enabled"}', headers=JSON)
    assert place.admin("PUT", f"{path}?status=disabled").status_code == 200
    assert place.admin("GET", f"{path}?contents=true").status_code == 404
    assert place.admin("PUT", f"{path}?status=enabled").status_code == 200
    assert place.admin("GET", f"{path}?contents=true").text == "one"
    assert place.admin("DELETE", path).status_code == 200
    assert place.admin.rows(path)[0]["status"] == "disabled"


def test_absent_configuration_is_404_or_204_as_it_is_asked_for(place: Place, path: str) -> None:
    assert place.admin("GET", path).status_code == 404
    assert place.admin("GET", f"{path}?accept-not-found=true").status_code == 204
    assert place.admin("PUT", path).status_code == 400
    assert place.admin("PUT", f"{path}?status=perhaps").status_code == 400


def test_a_project_may_fall_back_on_the_configuration_of_the_site(place: Place, path: str) -> None:
    site = "/data/config/tool/folder/file.json"
    try:
        assert place.admin("PUT", site, data=b"of the site").status_code in (200, 201)
        assert place.admin("GET", f"{path}?contents=true").status_code == 404
        assert place.admin("GET", f"{path}?contents=true&defaultToSiteWide=true").text == "of the site"
    finally:
        place.admin("DELETE", site)


def test_who_may_read_and_keep_configurations(place: Place, path: str) -> None:
    assert place.callers["owner"]("PUT", path, data=b"x").status_code == 201
    assert place.callers["member"]("PUT", path, data=b"y").status_code == 403
    assert place.callers["collaborator"]("GET", f"{path}?contents=true").text == "x"
    assert place.callers["outsider"]("GET", path).status_code == 404
    assert place.callers["owner"]("PUT", "/data/config/tool/a", data=b"x").status_code == 403


def test_what_would_be_done_with_images_is_refused_and_not_kept(place: Place) -> None:
    anon = f"/data/projects/{place.project}/config/anon/script"
    assert place.admin("PUT", anon, data=b"(0010,0010) := 'x'").status_code == 501
    assert place.admin("GET", anon).status_code == 404


def test_scan_types_and_scanners_are_of_what_the_user_may_read(place: Place) -> None:
    scan_type, scanner = f"T1-{place.project}", f"S-{place.project}"
    place.admin("PUT", f"{place.scan}?xsiType=xnat:mrScanData&type={scan_type}&series_description=d")
    place.admin("PUT", f"{place.session}?scanner={scanner}")
    in_project = place.admin.rows(f"/data/projects/{place.project}/scan_types")
    assert in_project == [{"series_descriptions": "d,", "type": scan_type}]
    for caller, sees in (("admin", True), ("outsider", False)):
        rows = place.callers[caller].rows("/data/scan_types")
        assert (scan_type in {row["type"] for row in rows}) is sees
        assert (scanner in {row["scanner"] for row in place.callers[caller].rows("/data/scanners")}) is sees
    assert place.admin("GET", "/data/scan_types?table=users").status_code == 403


@pytest.fixture
def image(place: Place) -> str:
    file = get_testdata_file("CT_small.dcm", read=False)
    with open(str(file), "rb") as content:
        files = f"{place.long_session}/scans/1/resources/DICOM/files"
        place.admin("PUT", f"{place.long_session}/scans/1/resources/DICOM?format=DICOM")
        headers = {"Content-Type": "application/dicom"}
        assert place.admin("PUT", f"{files}/1.dcm", data=content, headers=headers).status_code == 200
    return f"{files.removeprefix('/data')}/1.dcm"


def dumped(place: Place, source: str, *fields: str) -> dict[str, dict[str, str]]:
    more = "".join(f"&field={field}" for field in fields)
    rows = place.admin.rows(f"/data/services/dicomdump?src={source}{more}")
    return {row["tag1"]: row for row in rows}


def test_header_of_a_file_a_scan_and_a_session_is_shown(place: Place, image: str) -> None:
    scan = image.partition("/resources")[0]
    for source in (image, scan, scan.partition("/scans")[0]):
        rows = dumped(place, f"/archive{source}")
        row = rows["(0008,0060)"]
        assert (row["vr"], row["value"], row["desc"]) == ("CS", "CT", "Modality")
        assert "(7FE0,0010)" not in rows  # no pixels
    assert set(dumped(place, f"/archive{image}", "Modality", "00100010")) == {"(0008,0060)", "(0010,0010)"}


def test_header_of_what_is_not_there_is_empty_or_refused(place: Place, image: str) -> None:
    assert dumped(place, image) == {}  # without /archive XNAT finds nothing, and says so with an empty table
    assert dumped(place, f"/archive{image}x") == {}
    ask = "/data/services/dicomdump"
    assert place.admin("GET", ask).status_code == 400
    assert place.admin("GET", f"{ask}?src=/archive{image}&field=nothing").status_code == 400
    assert place.callers["outsider"]("GET", f"{ask}?src=/archive{image}").status_code == 400
    assert place.admin("GET", f"{ask}?src=/prearchive/projects/P/1/S").status_code == 501
