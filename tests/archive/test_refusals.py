"""What an archive, or what stands before it, refuses is named in one sentence with the way out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.archive.test_odd_answers import Conversation, upload
from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from tests.sandbox.dicom import zipped_study
from xnat_upload import NotFoundError, PermissionDeniedError, ServerError, Uploader, XnatUploadError

NGINX = b"<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>"
XNATS = b"<html><head><title>Status page</title></head><body><h3>You may not.</h3></body></html>"


def refused(login: bytes) -> XnatUploadError:
    with OddServer(Conversation(), login=login) as server, pytest.raises(XnatUploadError) as caught:
        Uploader.connect(server.url, user="ada", password="s3cret", settings=replace(IMPATIENT, attempts=1))
    return caught.value


def redirect(location: str) -> bytes:
    return answer(b"", status=302, headers=f"Location: {location}\r\n")


def test_a_single_sign_on_is_named() -> None:
    error = refused(redirect("https://login.example/saml2?SAMLRequest=s3cret"))
    assert isinstance(error, ServerError)
    assert "It points to 'https://login.example/saml2', and redirects are not followed" in str(error)
    assert "login.example seems to be a single sign-on" in str(error)
    assert "alias token" in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("location", ["https://127.0.0.1/data/auth", "https://new.example/data/auth", "/elsewhere", ""])
def test_an_archive_that_has_moved_is_no_single_sign_on(location: str) -> None:
    error = refused(redirect(location))
    assert "redirects are not followed" in str(error)
    assert "sign-on" not in str(error)


@pytest.mark.parametrize(
    ("login", "by_gateway"),
    [
        (answer(NGINX, status=403, content_type="text/html"), True),
        (answer(XNATS, status=403, content_type="text/html"), False),
        (answer(b"", status=403, content_type="text/plain"), False),
        (answer(b"Access denied by policy 7", status=403, content_type="text/plain"), True),
    ],
)
def test_a_gateway_that_refuses_is_told_from_xnat(login: bytes, by_gateway: bool) -> None:
    error = refused(login)
    assert isinstance(error, PermissionDeniedError)
    assert ("a gateway or firewall in front of it refuses" in str(error)) is by_gateway


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, b"java.io.IOException: No space left on device"), (500, b"Disk quota exceeded"), (507, b"")],
)
def test_a_full_disk_of_the_archive_is_named(status: int, words: bytes, tmp_path: Path) -> None:
    full = answer(b"<html><body><h3>%s</h3></body></html>" % words, status=status, content_type="text/html")
    with OddServer(Conversation(file=full)) as server, pytest.raises(XnatUploadError) as caught:
        upload(server, tmp_path)
    assert "Its disk is full: let whoever runs it make room" in str(caught.value)


def test_two_resources_of_one_label_are_told_with_their_numbers(tmp_path: Path) -> None:
    rows = [
        {"URI": f"/data/experiments/E1/scans/4/resources/{number}/files/x.nii", "Size": "1", "cat_ID": number}
        for number in ("57", "112")
    ]
    listing = answer(json.dumps({"ResultSet": {"Result": rows}}).encode())
    with OddServer(Conversation(listing=listing)) as server, pytest.raises(ServerError) as caught:
        upload(server, tmp_path)
    assert "2 resources of one place bear the label 'SEG', with the numbers '112' and '57'" in str(caught.value)
    assert "rename or delete one of them" in str(caught.value)


@pytest.mark.parametrize("evil", ["../../projects/OTHER", "E1?x=", "E1%2F..", "", None, 7])
def test_an_id_of_a_list_that_is_none_goes_into_no_path(evil: object) -> None:
    rows = [{"ID": evil, "label": "LABEL", "project": "P1"}]
    table = answer(json.dumps({"ResultSet": {"Result": rows}}).encode())

    def say(method: str, path: str) -> bytes:
        return table if path.startswith("/data/projects/P1/experiments?") else answer(b"", status=404)

    with OddServer(say) as server:
        with (
            Uploader.connect(server.url, user="ada", password="p", settings=IMPATIENT) as uploader,
            pytest.raises(NotFoundError),
        ):
            uploader.locate(project_id="P1", accession_id="LABEL")
        asked = {head.split(b" ")[1].partition(b"?")[0].decode() for head in server.heads}
    assert asked == {
        "/data/auth",
        "/data/projects/P1/experiments/LABEL",
        "/data/projects/P1/experiments",
        "/data/prearchive/projects/P1",
        "/data/JSESSION",
    }


def test_a_session_that_is_only_shared_into_the_project_is_told_with_its_owner(ward: SandboxHospital) -> None:
    other = f"{ward.project_id}_B"
    assert ward.ask("PUT", f"/data/projects/{other}").ok
    assert ward.ask("PUT", f"{ward.session_path}/projects/{other}").ok
    with ward.connect() as uploader, pytest.raises(NotFoundError) as caught:
        uploader.locate(project_id=other, accession_id=ward.accession_id)
    assert f"is only shared into project '{other}': it belongs to project '{ward.project_id}'" in str(caught.value)
    assert f"Give project_id='{ward.project_id}'" in str(caught.value)


def test_a_session_that_is_still_in_the_prearchive_is_told(ward: SandboxHospital) -> None:
    query = {"dest": f"/prearchive/projects/{ward.project_id}", "subject": "P9", "session": "CT9"}
    sent = ward.ask(
        "POST",
        "/data/services/import",
        params=query,
        data=zipped_study(),
        headers={"Content-Type": "application/zip"},
    )
    assert sent.ok, sent.text
    with ward.connect() as uploader:
        with pytest.raises(NotFoundError, match="'CT9' is still in the prearchive of project"):
            uploader.locate(project_id=ward.project_id, accession_id="CT9")
        with pytest.raises(NotFoundError, match="'CT8' is not in project"):
            uploader.locate(project_id=ward.project_id, accession_id="CT8")
