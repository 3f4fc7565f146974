"""What clients ask for before they work: pages, build information, the user, schemas, searchable types."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest
import requests
from lxml import etree

from tests.peers.place import PeerPlace

SPRING_JSON = "application/json"


def anonymous(place: PeerPlace, path: str, agent: str = "python-requests/2") -> requests.Response:
    headers = {"User-Agent": agent}
    return requests.get(place.sandbox.url + path, headers=headers, allow_redirects=False, timeout=30)


def schema(place: PeerPlace) -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(place.ask("GET", "/xapi/schemas/xnat").content))


def test_root_of_the_site_leads_the_anonymous_to_the_login_page(place: PeerPlace) -> None:
    root = anonymous(place, "/")
    assert (root.status_code, root.headers["Location"]) == (302, "/app/template/Login.vm")
    page = anonymous(place, "/app/template/Login.vm")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html;charset=UTF-8")
    assert 'action="/login"' in page.text


def test_root_of_the_site_tells_users_their_name(place: PeerPlace) -> None:
    page = place.ask("GET", "/")
    assert page.status_code == 200
    assert ">admin</a>" in page.text
    assert "Server" not in page.headers  # Restlet is not asked


def test_context_path_without_its_slash_is_sent_to_the_one_with_it(place_in_context: PeerPlace) -> None:
    answer = anonymous(place_in_context, "")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/xnat/")
    root = anonymous(place_in_context, "/")
    assert root.headers["Location"] == "/xnat/app/template/Login.vm"


def test_build_information_is_open_as_a_whole_and_for_users_by_property(place: PeerPlace) -> None:
    assert anonymous(place, "/xapi/siteConfig/buildInfo").json()["version"] == "1.8.11"
    assert anonymous(place, "/xapi/siteConfig/buildInfo/version").status_code == 401
    answer = place.ask("GET", "/xapi/siteConfig/buildInfo/version")
    # The bare string, whatever the type says.
    assert (answer.text, answer.headers["Content-Type"]) == ("1.8.11", "application/json;charset=ISO-8859-1")
    assert place.ask("GET", "/xapi/siteConfig/buildInfo/nothing").content == b""
    assert place.ask("GET", "/xapi/siteConfig/buildInfoX").status_code == 404  # a preference nobody has set


def test_user_may_see_the_own_account_and_an_administrator_all(place: PeerPlace) -> None:
    place.sandbox.add_user("ada", "secret")
    url = f"{place.sandbox.url}/xapi/users"

    def ada(name: str) -> requests.Response:
        return requests.get(f"{url}/{name}", auth=("ada", "secret"), timeout=30)

    assert (ada("username").text, ada("username").headers["Content-Type"]) == ("ada", "text/plain;charset=ISO-8859-1")
    assert ada("ada").json()["username"] == "ada"
    assert ada("admin").status_code == 403
    assert place.ask("GET", "/xapi/users/ada").json()["enabled"] is True
    assert place.ask("GET", "/xapi/users/nobody").status_code == 500


def test_spring_does_not_speak_like_restlet(place: PeerPlace) -> None:
    answer = place.ask("GET", "/xapi/schemas")
    assert (answer.headers["Content-Type"], answer.json()) == (SPRING_JSON, ["xdat", "xnat"])
    assert {"Server", "Vary", "Accept-Ranges"}.isdisjoint(answer.headers)
    missing = place.ask("GET", "/xapi/schemas/nothing")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "text/plain")
    assert missing.text.startswith("Unable to find requested file or resource")


@pytest.mark.parametrize("path", ["xnat", "xnat/xnat", "xdat"])
def test_schemas_are_schemas(place: PeerPlace, path: str) -> None:
    answer = place.ask("GET", f"/xapi/schemas/{path}")
    assert answer.headers["Content-Type"] == "application/xml;charset=ISO-8859-1"
    etree.XMLSchema(etree.fromstring(answer.content))


@pytest.mark.parametrize("tail", ["", "/subjects/SUBJ", "/subjects/SUBJ/experiments/ACC1"])
def test_what_the_archive_writes_fits_the_schema_it_serves(place: PeerPlace, tail: str) -> None:
    place.ask("PUT", f"{place.scan_path}/resources/NIFTI", params={"format": "NIFTI"})
    scan = {"xsiType": "xnat:segScanData", "series_description": "masks", "quality": "usable", "type": "SEG"}
    place.ask("PUT", f"{place.long_scan_path.removesuffix('1')}2", params=scan)
    session = {"date": "2020-01-02", "note": "n", "scanner": "S", "operator": "O", "dcmAccessionNumber": "ACC1"}
    place.ask("PUT", place.long_scan_path.partition("/scans")[0], params={"xsiType": "xnat:mrSessionData", **session})
    item = place.ask("GET", f"/data/projects/{place.project}{tail}", params={"format": "xml"})
    document = etree.fromstring(item.content)
    found = schema(place)
    assert found.validate(document), found.error_log


def test_every_type_that_may_be_written_is_in_the_schema(place: PeerPlace) -> None:
    found = schema(place)
    for stem, element in [("ct", "CTScan"), ("rtImage", "RTImageScan"), ("seg", "SegScan"), ("xa3D", "XA3DScan")]:
        path = f"{place.long_scan_path.removesuffix('1')}{stem}"
        assert place.ask("PUT", path, params={"xsiType": f"xnat:{stem}ScanData"}).status_code == 200
        document = etree.fromstring(place.ask("GET", path, params={"format": "xml"}).content)
        assert etree.QName(document).localname == element
        assert found.validate(document), found.error_log


def test_searchable_types_are_counted_and_have_fields(place: PeerPlace) -> None:
    rows = {row["ELEMENT_NAME"]: row for row in place.rows("/data/search/elements")}
    assert rows["xnat:mrSessionData"]["PLURAL"] == "MR Sessions"
    assert int(rows["xnat:mrSessionData"]["COUNT"]) >= 1
    for name in rows:
        fields = place.rows(f"/data/search/elements/{name}")
        assert {row["ELEMENT_NAME"] for row in fields} == {name}
    plain = place.ask("GET", "/data/search/elements/xnat:subjectData")
    assert plain.headers["Content-Type"] == "text/xml"
    assert place.ask("GET", "/data/search/elements/xnat:nothing").status_code == 400


@pytest.mark.parametrize("name", ["id", "ID"])
def test_id_given_as_a_field_of_the_scan_wins_over_the_path(place: PeerPlace, name: str) -> None:
    query = {"xsiType": "xnat:mrScanData", f"xnat:mrScanData/{name}": "9", "xnat:mrScanData/Quality": "usable"}
    assert place.ask("PUT", f"{place.long_scan_path.removesuffix('1')}T1", params=query).status_code == 200
    rows = {row["ID"]: row for row in place.rows(f"/data/experiments/{place.session_id}/scans")}
    assert set(rows) == {"1", "9"}
    assert rows["9"]["quality"] == "usable"


def test_no_client_brings_another_urllib3() -> None:
    with pytest.raises(PackageNotFoundError):
        distribution("urllib3-future")
