"""One client for every generation of servers: what differs between them, on the face that shows it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.archive.test_odd_answers import Conversation
from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, open_hospital
from tests.odd_server import OddServer, answer
from tests.sending import send
from xnat_upload import InvalidIdentifierError, ServerError, TransferSettings, Uploader
from xnat_upload.archive.generation import generation_of
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import CatalogBusy, NoContent
from xnat_upload.sandbox.site import Profile


@pytest.fixture(scope="module", params=["1.6", "1.8", "1.10", "1.11"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(profile=request.param) as sandbox:
        yield sandbox


@pytest.fixture
def face(sandbox: Sandbox) -> SandboxHospital:
    sandbox.forget_sessions()
    return SandboxHospital(**vars(open_hospital(sandbox.url, sandbox.user, sandbox.password)), sandbox=sandbox)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nii", "b c.nii", "é#+.nii"):
        (tmp_path / name).write_bytes(name.encode() * 10)
    return tmp_path


def on(profile: Profile) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sandbox", [profile], indirect=True, ids=[profile])


def test_check_says_which_generation_it_talks_to(face: SandboxHospital) -> None:
    with face.connect() as uploader:
        ready = uploader.check(face.hub_project_id, face.accession_id)
    told = {"1.6.4": "1.6:", "1.8.11": "1.8:", "1.10.2": "1.10.2:", "1.11.0-SNAPSHOT": "1.11:"}
    assert ready.generation.startswith(told[ready.version])
    assert ready.ok
    assert f"version    {ready.version}\nkind       {ready.generation}\n" in str(ready)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("1.6.4", "1.6"),
        ("1.7.5.3", "1.8"),
        ("1.9.1.2-RC-SNAPSHOT", "1.8"),
        ("1.10.0-RC2", "1.8"),
        ("1.10.2", "1.10.2"),
        ("1.10.3-integration2", "1.10.2"),
        ("1.12", "1.11"),
        ("2.0", "1.11"),
        ("", ""),
        ("Unknown", ""),
        ("9" * 5_000, "1.11"),
    ],
)
def test_a_kind_follows_from_a_version(version: str, kind: str) -> None:
    assert generation_of(version).partition(":")[0] == kind


@pytest.mark.parametrize("exist_ok", [False, True])
def test_files_are_stored_replaced_and_skipped(face: SandboxHospital, folder: Path, exist_ok: bool) -> None:
    with face.connect() as uploader:
        assert send(uploader, face, folder, folder).ok
        if exist_ok:
            (folder / "a.nii").write_bytes(b"another")
            assert send(uploader, face, folder, folder, exist_ok=True).ok
    assert face.content("4", "SEG") == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name", ["lock-a.nii", ".~lock-a.nii", "masks/lock-a.nii", ".xnat-tmp-upload-7/a.nii", "x_catalog.xml"]
)
def test_names_that_xnat_keeps_are_refused_before_anything_is_sent(
    face: SandboxHospital, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    with face.connect() as uploader:
        uploader.locate(face.hub_project_id, face.accession_id)
        face.sandbox.clear_requests()
        with pytest.raises(InvalidIdentifierError, match="one that XNAT keeps for its own"):
            send(uploader, face, name, tmp_path, keep_paths=True, ignore=[])
    assert not [request for request in face.sandbox.requests if request.method == "PUT"]


@on("1.8")
@pytest.mark.parametrize("name", ["lock-theirs.nii", ".xnat-tmp-upload-12/theirs.nii"])
def test_names_that_xnat_keeps_are_nobodys_file_where_they_are_listed(
    face: SandboxHospital, folder: Path, name: str
) -> None:
    face.put("4", "SEG", name, b"bytes of an upload that was killed")
    assert name in face.listing("4", "SEG")
    with face.connect() as uploader:
        report = send(uploader, face, folder, folder)
    assert report.ok
    assert name not in str(report.to_json())


@on("1.10")
def test_a_catalog_that_is_busy_is_tried_again(face: SandboxHospital, folder: Path) -> None:
    with face.connect() as uploader, face.sandbox.inject(CatalogBusy(path="/files/", times=2)):
        assert send(uploader, face, folder, folder).ok
    said = [request.status for request in face.sandbox.requests if "/files/" in request.path]
    assert said.count(500) == 2


def test_the_time_limits_outlast_a_busy_catalog() -> None:
    assert TransferSettings().read_timeout_seconds > 3 * 60 + 4


def test_a_204_is_a_success_where_an_empty_200_was_expected(face: SandboxHospital, folder: Path) -> None:
    with face.connect() as uploader, face.sandbox.inject(NoContent(times=None)):
        assert send(uploader, face, folder, folder, scan_id="new").ok
    assert len(face.content("new", "SEG")) == 3


@pytest.mark.parametrize(("sandbox", "status"), [("1.8", 500), ("1.11", 400)], indirect=["sandbox"])
def test_a_refusal_of_the_firewall_is_a_refusal_with_either_status(face: SandboxHospital, status: int) -> None:
    with face.connect() as uploader, pytest.raises(ServerError) as caught:
        uploader._archive.connection.ask("GET", "/data/projects/P%25", doing="asking")
    assert caught.value.status == status


def test_headers_of_a_forms_part_are_short(face: SandboxHospital, tmp_path: Path) -> None:
    name = "é" * 120 + ".nii"
    face.put("4", "SEG", "a.nii", b"old")
    for each in (name, "a.nii"):
        (tmp_path / each).write_bytes(b"new")
    with face.connect() as uploader:
        assert send(uploader, face, [name, "a.nii"], tmp_path, exist_ok=True).ok


def test_nothing_is_asked_that_a_generation_would_read_differently(face: SandboxHospital, folder: Path) -> None:
    unwanted = ["content-encoding", "if-match", "if-none-match", "if-modified-since", "expect"]
    face.sandbox.clear_requests()
    with face.connect() as uploader:
        send(uploader, face, folder, folder, scan_id="new")
    for request in face.sandbox.requests:
        assert request.headers["accept"] == "*/*"
        assert not set(unwanted) & set(request.headers)
        assert "urlencoded" not in request.headers.get("content-type", "")
        if "/files/" in request.path and request.method == "PUT":
            assert request.headers["content-type"] == "application/zip"
            assert request.headers["content-length"].isdigit()


def test_a_digest_that_is_missing_is_missing_for_one_file_only(tmp_path: Path) -> None:
    def row(name: str, digest: str) -> dict[str, str]:
        uri = f"/data/experiments/E1/scans/4/resources/7/files/{name}"
        return {"URI": uri, "Size": "1", "digest": digest, "cat_ID": "7"}

    listing = [row("a.nii", hashlib.md5(b"a").hexdigest()), row("b.nii", "")]

    class OneWithout(Conversation):
        sent = False

        def __call__(self, method: str, path: str) -> bytes | Iterable[bytes]:
            self.sent = self.sent or (method == "PUT" and "/files/" in path)
            if method == "GET" and "/files?" in path and self.sent:
                return answer(json.dumps({"ResultSet": {"Result": listing}}).encode())
            return answer(b"b", content_type="x/y") if method == "HEAD" else super().__call__(method, path)

    for name in ("a.nii", "b.nii"):
        (tmp_path / name).write_bytes(name[:1].encode())
    with OddServer(OneWithout()) as server, Uploader.connect(server.url, user="u", password="p") as uploader:
        report = uploader.upload(
            ["a.nii", "b.nii"],
            root=tmp_path,
            hub_project_id="hub-1",
            accession_id="ACC",
            scan_id="4",
            resource_id="SEG",
        )
    assert {file.name: str(file.status) for file in report.files} == {"a.nii": "stored", "b.nii": "unproven"}


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    for name in ("a+b.nii", "a b.nii", "c+d.nii"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@on("1.6")
def test_two_names_that_are_one_after_decoding_are_told_before_anything_is_sent(
    face: SandboxHospital, twins: Path
) -> None:
    with face.connect() as uploader:
        face.sandbox.clear_requests()
        with pytest.raises(InvalidIdentifierError, match=r"'a[+ ]b\.nii' and 'a[+ ]b\.nii' are one to this archive"):
            send(uploader, face, ["a+b.nii", "a b.nii"], twins)
        with pytest.raises(InvalidIdentifierError, match=r"'a[+ ]b\.nii' and 'a[+ ]b\.nii' are one to this archive"):
            send(uploader, face, ["a+b.nii", "a b.nii"], twins, scan_id="new")
        written = [request for request in face.sandbox.requests if request.method == "PUT"]
        asked = [request for request in face.sandbox.requests if request.path == "/data/version"]
        assert written == []
        assert len(asked) == 1
        assert send(uploader, face, ["a b.nii"], twins).ok
        with pytest.raises(InvalidIdentifierError, match=r"'a\+b\.nii' and 'a b\.nii' are one to this archive"):
            send(uploader, face, ["a+b.nii"], twins)


@pytest.mark.parametrize("sandbox", ["1.8", "1.10", "1.11"], indirect=True)
def test_such_names_are_two_elsewhere(face: SandboxHospital, twins: Path) -> None:
    with face.connect() as uploader:
        assert send(uploader, face, ["a+b.nii", "a b.nii"], twins).ok
    assert face.content("4", "SEG") == {"a+b.nii": b"a+b.nii", "a b.nii": b"a b.nii"}


@pytest.mark.parametrize("label", ["SELECT", "UPDATE-2", "DROP.x", "x.CREATE", "a-ALTER-b"])
def test_a_label_that_xnat_may_never_find_again_is_refused_before_anything_is_sent(
    ward: SandboxHospital, tmp_path: Path, label: str
) -> None:
    (tmp_path / "a.nii").write_bytes(b"x")
    with ward.connect() as uploader:
        ward.sandbox.clear_requests()
        with pytest.raises(InvalidIdentifierError, match="guard against SQL"):
            send(uploader, ward, "a.nii", tmp_path, resource_id=label)
        assert ward.sandbox.requests == ()
        assert send(uploader, ward, "a.nii", tmp_path, resource_id=re.sub("[A-Z]", "x", label)).ok


@on("1.6")
def test_tomcats_own_name_is_not_what_it_says(face: SandboxHospital) -> None:
    with pytest.raises(Exception, match=r'said "Login attempt failed'):
        replace(face, password="wrong").connect(settings=replace(IMPATIENT, attempts=1))
