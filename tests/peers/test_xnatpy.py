"""xnatpy 0.8.1, unmodified: it builds its classes from the schemas of the server it connects to."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xnat
from xnat.exceptions import XNATLoginFailedError, XNATResponseError, XNATUploadError

from tests.peers.place import PeerPlace

ARCHIVES = ["tar_memory", "tgz_memory", "tar_file", "tgz_file"]


def connect(place: PeerPlace, **options: Any) -> Any:
    options.setdefault("password", place.sandbox.password)
    # With a logger of ours it does not write to stderr for every connection.
    logger = logging.getLogger("tests.peers.xnatpy")
    return xnat.connect(place.sandbox.url, user=place.sandbox.user, logger=logger, **options)


@pytest.fixture
def connection(place: PeerPlace) -> Iterator[Any]:
    with connect(place) as connection:
        place.clear()
        yield connection


@pytest.fixture
def resource(connection: Any, place: PeerPlace) -> Any:
    created = session_of(connection, place).scans["1"].create_resource("NIFTI")
    place.clear()
    return created


def session_of(connection: Any, place: PeerPlace) -> Any:
    return connection.projects[place.project].experiments["ACC1"]


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_connecting_finds_the_root_the_login_the_version_and_the_schemas(place: PeerPlace) -> None:
    with connect(place) as connection:
        assert connection.logged_in_user == "admin"
        assert connection.xnat_version == "1.8.11"
        assert {"MrScanData", "CtSessionData", "ResourceCatalog"} <= set(dir(connection.classes))
    lines = [one.line for one in place.sent()]
    assert lines[:10] == [
        "GET / 302",  # whoever is not logged in goes to the login page
        "GET /app/template/Login.vm 200",
        "PUT /data/services/auth 200",
        "GET /data/auth 200",
        "GET /data/JSESSION 200",
        "GET /data/version 404",  # only a 1.6 has it
        "GET /xapi/siteConfig/buildInfo 200",
        "GET /xapi/schemas 200",
        "GET /xapi/schemas/xdat 200",
        "GET /xapi/schemas/xnat 200",
    ]
    assert set(lines[10:-1]) == {f"GET /data/search/elements{tail} 200" for tail in searchable(place)}
    assert lines[-1] == "DELETE /data/JSESSION 200"


def searchable(place: PeerPlace) -> list[str]:
    return ["", *(f"/{row['ELEMENT_NAME']}" for row in place.rows("/data/search/elements"))]


def test_the_connection_is_one_session_and_its_end_is_a_logout(place: PeerPlace) -> None:
    connection = connect(place)
    session_id = connection.interface.cookies["JSESSIONID"]
    assert {one.session_id for one in place.sandbox.requests[3:]} == {session_id}
    connection.disconnect()
    answer = place.ask("GET", "/data/JSESSION", cookies={"JSESSIONID": session_id})
    assert answer.text != session_id


def test_wrong_password_is_refused_at_login(place: PeerPlace) -> None:
    with pytest.raises(XNATLoginFailedError, match="Authentication failed"):
        connect(place, password="wrong")
    assert place.sent()[-1].line == "PUT /data/services/auth 401"


def test_listings_lead_from_project_to_scan(connection: Any, place: PeerPlace) -> None:
    project = connection.projects[place.project]
    assert [subject.label for subject in project.subjects.values()] == ["SUBJ"]
    session = project.experiments["ACC1"]
    assert (session.id, type(session).__name__) == (place.session_id, "MrSessionData")
    assert session.subject.label == "SUBJ"
    assert [(scan.id, type(scan).__name__) for scan in session.scans.values()] == [("1", "MrScanData")]
    assert {one.status for one in place.sent()} == {200}


def test_created_scan_has_the_id_it_was_given_and_is_addressed_by_it(connection: Any, place: PeerPlace) -> None:
    session = session_of(connection, place)
    scan = connection.classes.MrScanData(parent=session, id="77", type="T1w")
    [put] = place.written()
    assert put.path.endswith("/scans/77")
    assert put.query["xnat:mrScanData/id"] == "77"
    rows = {row["ID"]: row for row in place.rows(f"/data/experiments/{place.session_id}/scans")}
    assert set(rows) == {"1", "77"}
    assert (rows["77"]["type"], rows["77"]["xsiType"]) == ("T1w", "xnat:mrScanData")
    scan.create_resource("NIFTI").upload_data(b"content", "a.nii")  # its resources are found by type as well
    assert place.content(scan="77") == {"a.nii": b"content"}


def test_a_client_made_from_the_schema_creates_subjects_and_sessions_with_their_scans(
    connection: Any, place: PeerPlace
) -> None:
    project = connection.projects[place.project]
    subject = connection.classes.SubjectData(parent=project, label="NEW")
    session = connection.classes.MrSessionData(parent=subject, label="NEW_MR1")
    for number in ("1", "2"):
        connection.classes.MrScanData(parent=session, id=number, type="T1w")  # two of one type
    rows = place.rows(f"/data/experiments/{session.id}/scans")
    assert [(row["ID"], row["type"]) for row in rows] == [("1", "T1w"), ("2", "T1w")]


def test_created_resource_has_its_format_and_a_second_one_is_a_conflict(connection: Any, place: PeerPlace) -> None:
    scan = session_of(connection, place).scans["1"]
    resource = scan.create_resource("NIFTI", format="NIFTI")
    [row] = place.rows(f"{place.scan_path}/resources")
    assert (row["label"], row["xnat_abstractresource_id"], row["format"]) == ("NIFTI", str(resource.id), "NIFTI")
    with pytest.raises(XNATResponseError, match="status 409"):
        scan.create_resource("NIFTI")
    assert [one.status for one in place.written()] == [200, 409]


def test_upload_stores_the_bytes_and_lists_their_digest(resource: Any, place: PeerPlace, images: Path) -> None:
    resource.upload(images / "brain.nii.gz", file_format="NIFTI", file_content="T1")
    content = (images / "brain.nii.gz").read_bytes()
    assert place.content() == {"brain.nii.gz": content}
    file = resource.files["brain.nii.gz"]
    assert (file.digest, file.file_size) == (hashlib.md5(content).hexdigest(), str(len(content)))
    assert (file.file_format, file.file_content, file.size) == ("NIFTI", "T1", str(len(content)))
    [put] = place.written()
    assert (put.status, "inbody" in put.query) == (200, False)  # the octet-stream speaks for itself


def test_upload_onto_an_existing_name_loses_silently(resource: Any, place: PeerPlace) -> None:
    resource.upload_data(b"old", "a.nii")
    resource.upload_data(b"new", "a.nii")
    assert place.content() == {"a.nii": b"old"}
    lost = place.written()[-1]
    assert lost.status == 200
    told = place.ask("PUT", f"{lost.path}?inbody=true", data=b"new")
    assert told.text == '{"duplicates":["a.nii"]}'
    resource.upload_data(b"new", "a.nii", overwrite=True)
    assert place.content() == {"a.nii": b"new"}


def test_empty_upload_is_refused(resource: Any, place: PeerPlace) -> None:
    with pytest.raises(XNATUploadError):
        resource.upload_data(b"", "empty.nii")
    assert place.written()[-1].status == 500
    assert place.content() == {}


@pytest.mark.parametrize("method", ["per_file", *ARCHIVES])
def test_every_method_stores_the_directory_as_it_is(
    resource: Any, place: PeerPlace, images: Path, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    resource.upload_dir(images, method=method)
    assert place.content() == files_below(images)
    puts = place.written()
    if method == "per_file":
        assert sorted(one.path.partition("/files/")[2] for one in puts) == sorted(files_below(images))
    else:
        [put] = puts
        suffix = "tar.gz" if method.startswith("tgz") else "tar"
        assert put.path.endswith(f"/files/upload.{suffix}")
        assert put.query["extract"] == "true"
    assert {one.status for one in puts} == {200}


@pytest.mark.parametrize("method", ["per_file", "tar_memory"])
def test_empty_files_are_left_out_file_by_file_and_kept_in_a_tar(
    resource: Any, place: PeerPlace, images: Path, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (images / "empty.nii").touch()
    resource.upload_dir(images, method=method)
    assert ("empty.nii" in place.content()) == (method != "per_file")


def test_links_in_a_tar_become_empty_files(
    resource: Any, place: PeerPlace, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (images / "link.nii").symlink_to(images / "masks" / "left.nii")
    resource.upload_dir(images, method="tar_memory")
    assert place.content()["link.nii"] == b""
    assert place.content()["masks/left.nii"] == b"left" * 500


def test_downloads_are_the_bytes_that_were_stored(
    resource: Any, place: PeerPlace, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    resource.upload_dir(images, method="per_file")
    resource.files["masks/left.nii"].download(tmp_path / "left.nii", verbose=False)
    assert (tmp_path / "left.nii").read_bytes() == (images / "masks" / "left.nii").read_bytes()
    resource.download_dir(tmp_path / "all", verbose=False)
    found = {path.name: path.read_bytes() for path in (tmp_path / "all").rglob("*.nii*")}
    assert found == {Path(name).name: content for name, content in files_below(images).items()}
    assert place.sent()[-1].query["format"] == "zip"


def test_guest_may_look_where_no_login_is_required(place: PeerPlace) -> None:
    settings = place.sandbox.site
    place.sandbox.site = replace(settings, require_login=False)
    try:
        with xnat.connect(place.sandbox.url, logger=logging.getLogger("tests.peers.xnatpy")) as connection:
            assert connection.logged_in_user == "guest"
            assert place.project not in connection.projects
            assert {one.user for one in place.sandbox.requests} == {"guest"}
    finally:
        place.sandbox.site = settings


def test_upload_under_a_context_path(place_in_context: PeerPlace, images: Path) -> None:
    place = place_in_context
    with connect(place) as connection:
        resource = session_of(connection, place).scans["1"].create_resource("NIFTI")
        resource.upload(images / "brain.nii.gz")
        assert list(resource.files) != []
    assert place.content() == {"brain.nii.gz": (images / "brain.nii.gz").read_bytes()}
    assert place.sent()[0].line == "GET  302"  # the site's root without its slash
    assert all(one.path.startswith(place.context_path) for one in place.sandbox.requests)
