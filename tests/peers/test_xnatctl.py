"""xnatctl 0.6.0, unmodified: its library, and its commands as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.place import PeerPlace

xnatctl = pytest.importorskip("xnatctl", reason="xnatctl needs Python 3.11")
retry = pytest.importorskip("xnatctl.core.retry")

# httpx 0.28 wants cookies on the client, and xnatctl sets them on one of its requests.
pytestmark = pytest.mark.filterwarnings("ignore:Setting per-request cookies:DeprecationWarning")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def client(place: PeerPlace) -> Iterator[Any]:
    client = xnatctl.XNATClient(
        base_url=place.sandbox.url, username=place.sandbox.user, password=place.sandbox.password, max_retries=0
    )
    with client:
        place.clear()
        yield client


def commands_on(place: PeerPlace, home: Path) -> Command:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XNAT_URL": place.sandbox.url,
        "XNAT_USER": place.sandbox.user,
        "XNAT_PASS": place.sandbox.password,
        "CI": "1",  # it looks for a newer version of itself otherwise
    }

    def run(*arguments: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "xnatctl", *arguments],
            env=environment | ({"XNAT_PASS": password} if password else {}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def command(place: PeerPlace, tmp_path: Path) -> Command:
    return commands_on(place, tmp_path)


def test_login_is_one_request_and_says_who_and_which_version(place: PeerPlace) -> None:
    client = xnatctl.XNATClient(
        base_url=place.sandbox.url, username=place.sandbox.user, password=place.sandbox.password
    )
    with client:
        assert [one.line for one in place.sent()] == ["POST /data/JSESSION 200"]
        assert client.session_token == place.sandbox.requests[0].session_id
        account = client.whoami()
        assert (account.username, account.enabled) == ("admin", True)
        assert client.ping().version == "1.8.11"
    assert {one.status for one in place.sent()} == {200}
    assert {one.session_id for one in place.sandbox.requests} == {place.sandbox.requests[0].session_id}


def test_wrong_password_is_an_authentication_error(place: PeerPlace) -> None:
    client = xnatctl.XNATClient(base_url=place.sandbox.url, username="admin", password="wrong")
    with pytest.raises(xnatctl.AuthenticationError):
        client.authenticate()
    client.close()
    assert [one.line for one in place.sent()] == ["POST /data/JSESSION 401"]


def test_resource_is_created_with_its_metadata_and_a_second_creation_is_no_error(client: Any, place: PeerPlace) -> None:
    for _ in range(2):
        resource = client.resources.create(place.session_id, "NIFTI", scan_id="1", format="NIFTI", content="T1")
        assert (resource.label, resource.format, resource.content) == ("NIFTI", "NIFTI", "T1")
    [row] = place.rows(f"{place.scan_path}/resources")
    assert (row["label"], row["format"], row["content"]) == ("NIFTI", "NIFTI", "T1")
    assert [one.status for one in place.written()] == [200, 409]


@pytest.mark.parametrize("count", [1, 5])
def test_a_file_costs_one_request(client: Any, place: PeerPlace, images: Path, count: int) -> None:
    client.resources.create(place.session_id, "NIFTI", scan_id="1")
    expected = {}
    for number in range(count):
        path = images / f"{number}.nii"
        path.write_bytes(b"%d" % number * 100)
        expected[path.name] = path.read_bytes()
        client.resources.upload_file(place.session_id, "NIFTI", path, scan_id="1")
    assert len(place.sent()) == count + 2
    assert place.content() == expected
    assert {(one.query.get("inbody"), one.status) for one in place.written()[1:]} == {("true", 200)}


def test_upload_onto_an_existing_name_is_called_success_and_loses(client: Any, place: PeerPlace, images: Path) -> None:
    path = images / "masks" / "left.nii"
    client.resources.upload_file(place.session_id, "NIFTI", path, scan_id="1")
    path.write_bytes(b"new")
    assert client.resources.upload_file(place.session_id, "NIFTI", path, scan_id="1")["success"]
    assert place.content() == {"left.nii": b"left" * 500}
    lost = place.written()[-1]
    assert lost.status == 200
    told = place.ask("PUT", lost.path, params=dict(lost.query), data=b"new")
    assert told.text == '{"duplicates":["left.nii"]}'
    client.resources.upload_file(place.session_id, "NIFTI", path, scan_id="1", overwrite=True)
    assert place.content() == {"left.nii": b"new"}


def test_empty_file_is_refused(client: Any, place: PeerPlace, tmp_path: Path) -> None:
    (tmp_path / "empty.nii").touch()
    client.resources.create(place.session_id, "NIFTI", scan_id="1")
    with pytest.raises(xnatctl.XNATCtlError):
        client.resources.upload_file(place.session_id, "NIFTI", tmp_path / "empty.nii", scan_id="1")
    assert place.written()[-1].status == 500
    assert place.content() == {}


def test_directory_travels_as_one_zip_and_is_listed(client: Any, place: PeerPlace, images: Path) -> None:
    client.resources.upload_directory(place.session_id, "TREE", images, scan_id="1")
    expected = {path.relative_to(images).as_posix(): path.read_bytes() for path in images.rglob("*.nii*")}
    assert place.content("TREE") == expected
    [put] = place.written()
    assert (put.path.rpartition("/")[2], put.query["extract"], put.status) == ("images.zip", "true", 200)
    [resource] = client.resources.list(place.session_id, scan_id="1")
    assert (resource.label, resource.file_count) == ("TREE", 2)
    assert resource.file_size == sum(len(content) for content in expected.values())
    rows = client.resources.list_files(place.session_id, "TREE", scan_id="1")
    assert {row.uri.partition("/files/")[2]: row.digest for row in rows} == {
        row["URI"].partition("/files/")[2]: row["digest"]
        for row in place.rows(f"{place.scan_path}/resources/TREE/files")
    }


def test_bulk_upload_by_session_id_stores_and_by_project_takes_a_route_that_is_none(
    client: Any, place: PeerPlace, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It takes the 400 for a passing one, and would wait a minute for the next five.
    monkeypatch.setattr(type(retry.NULL_TOKEN), "sleep", lambda token, seconds: False)
    client.uploads.upload_resource(place.session_id, "BULK", images, scan_id="1")
    assert len(place.content("BULK")) == 2
    with pytest.raises(xnatctl.XNATCtlError):
        client.uploads.upload_resource("ACC1", "LOST", images, scan_id="1", project=place.project)
    refused = place.written()[1:]
    assert {one.path.rpartition("/resources/")[0] for one in refused} == {
        f"/data/projects/{place.project}/experiments/ACC1/scans/1"
    }
    assert [one.status for one in refused] == [400] * 6
    assert [row["label"] for row in place.rows(f"{place.scan_path}/resources")] == ["BULK"]


def test_commands_log_in_upload_and_list(command: Command, place: PeerPlace, images: Path) -> None:
    assert command("auth", "login").returncode == 0
    file = str(images / "brain.nii.gz")
    told = command("resource", "upload", place.session_id, "NIFTI", file, "--scan", "1", "-o", "json")
    assert json.loads(told.stdout)["status"] == "success", told.stderr
    assert command("resource", "upload", place.session_id, "TREE", str(images), "--scan", "1").returncode == 0
    listed = command("resource", "list", place.session_id, "--scan", "1", "-o", "json")
    assert [(row["label"], row["file_count"]) for row in json.loads(listed.stdout)] == [("NIFTI", "1"), ("TREE", "2")]
    assert place.content() == {"brain.nii.gz": (images / "brain.nii.gz").read_bytes()}
    assert len(place.content("TREE")) == 2
    logins = [one for one in place.sent() if one.path == "/data/JSESSION"]
    assert [one.line for one in logins] == ["POST /data/JSESSION 200"]  # the others found it on disk
    assert {one.status for one in place.sent()} == {200}


def test_command_with_a_wrong_password_fails(command: Command, place: PeerPlace) -> None:
    assert command("auth", "login", password="wrong").returncode != 0
    assert [one.line for one in place.sent()] == ["POST /data/JSESSION 401"]


def test_upload_under_a_context_path(place_in_context: PeerPlace, images: Path, tmp_path: Path) -> None:
    place = place_in_context
    run = commands_on(place, tmp_path)
    told = run("resource", "upload", place.session_id, "TREE", str(images), "--scan", "1")
    assert told.returncode == 0, told.stderr
    assert len(place.content("TREE")) == 2
    assert all(one.path.startswith(place.context_path) for one in place.sandbox.requests)
