"""Logging in, staying logged in, and saying so when that fails."""

from __future__ import annotations

import base64
import logging
import pickle
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pyxnat
import requests

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from xnat_upload import (
    AuthenticationError,
    IncompleteUploadError,
    InvalidIdentifierError,
    Report,
    ServerError,
    ServerUnavailableError,
    Uploader,
    UploadRequest,
)
from xnat_upload.archive.credentials import find_credentials
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import AnswerLate, ForgetSession, Refuse


def send(uploader: Uploader, ward: SandboxHospital, folder: Path, **options: Any) -> Report:
    return uploader.upload(
        "CT_small.dcm",
        root=folder,
        hub_project_id=ward.hub_project_id,
        accession_id=ward.accession_id,
        scan_id="4",
        **{"resource_id": "DICOM", **options},
    )


def sessions_opened(ward: SandboxHospital) -> int:
    return len({request.session_id for request in ward.sandbox.requests if request.path.endswith("/data/auth")})


def test_the_login_is_checked_at_once(ward: SandboxHospital) -> None:
    with pytest.raises(AuthenticationError, match="Check user and password") as caught:
        Uploader.connect(ward.server, user=ward.user, password="wrong")
    assert caught.value.status == 401
    assert caught.value.url == f"{ward.server}/data/auth"


@pytest.mark.parametrize("password", ["geheimä", "geheim€", "пароль", "a:b c"])
def test_a_password_outside_ascii_logs_in(ward: SandboxHospital, password: str) -> None:
    user = f"müller{ward.project_id}"
    ward.sandbox.add_user(user, password)
    with Uploader.connect(ward.server, user=user, password=password) as uploader:
        assert uploader.user
    interface = pyxnat.Interface(ward.server, user, password)
    with Uploader(interface) as uploader:
        assert uploader.user
    assert interface._http.auth == (user, password)


def test_a_refused_login_is_not_tried_again_by_each_request(
    ward: SandboxHospital, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Twenty refused logins lock an account, and a long job whose token has run out makes thousands of requests.
    requests_ = [
        UploadRequest(
            files="CT_small.dcm",
            root=images,
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id=f"R{number}",
        )
        for number in range(12)
    ]
    with ward.connect() as uploader:
        ward.sandbox.clear_requests()
        with ward.sandbox.inject(Refuse(401, times=None)):
            with pytest.raises(IncompleteUploadError, match="401"):
                uploader.upload_many(requests_)
            assert sum(request.path.endswith("/data/auth") for request in ward.sandbox.requests) == 1
        ward.sandbox.forget_sessions()
        with pytest.raises(IncompleteUploadError):
            uploader.upload_many(requests_)
        now = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: now() + 601)
        assert uploader.upload_many(requests_).ok


def test_no_answer_is_not_taken_for_a_wrong_password() -> None:
    with pytest.raises(ServerUnavailableError, match="Check that the archive is up"):
        Uploader.connect("http://127.0.0.1:9", user="u", password="p", settings=replace(IMPATIENT, attempts=2))


@pytest.mark.parametrize("path", ["/data", "/data/auth", "/app/template/Login.vm", "/xnat/REST"])
def test_an_address_inside_an_xnat_is_not_taken_for_its_own(ward: SandboxHospital, path: str) -> None:
    with pytest.raises(InvalidIdentifierError, match="is one inside an XNAT"):
        Uploader.connect(ward.server + path, user=ward.user, password=ward.password)
    assert ward.sandbox.requests == ()


@pytest.mark.parametrize("path", ["/app/xnat", "/data/xnat", "/database", "/apps"])
def test_the_path_of_an_xnat_may_be_called_almost_anything(path: str) -> None:
    found = find_credentials(f"https://host.example{path}/", user="ada", password="s3cret", headers=None)
    assert found.server == f"https://host.example{path}"


def test_what_is_no_xnat_is_called_so(ward: SandboxHospital) -> None:
    with pytest.raises(ServerError, match="may need a path, such as /xnat"):
        Uploader.connect(f"{ward.server}/elsewhere", user=ward.user, password=ward.password)


def test_a_closed_uploader_does_not_log_in_again(ward: SandboxHospital, images: Path) -> None:
    with ward.connect() as uploader:
        send(uploader, ward, images)
    ward.sandbox.clear_requests()
    with pytest.raises(AuthenticationError, match="has been closed"):
        send(uploader, ward, images)
    uploader.close()
    assert ward.sandbox.requests == ()


def test_a_login_that_comes_back_after_the_close_is_ended_again(ward: SandboxHospital) -> None:
    uploader = ward.connect()
    ward.sandbox.forget_sessions()
    ward.sandbox.clear_requests()
    with ward.sandbox.inject(AnswerLate(0.5, path="/data/auth")), ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(uploader.locate, ward.hub_project_id, ward.accession_id)
        while not any(request.path.endswith("/data/projects") for request in ward.sandbox.requests):
            time.sleep(0.01)
        uploader.close()
        with pytest.raises(AuthenticationError, match="has been closed"):
            under_way.result()
    assert ward.sandbox.requests[-1].method == "DELETE"
    assert ward.sandbox.requests[-1].path == "/data/JSESSION"
    ward.sandbox.clear_requests()
    with pytest.raises(AuthenticationError, match="has been closed"):
        uploader.locate(ward.hub_project_id, ward.accession_id)
    assert ward.sandbox.requests == ()


def test_a_refusal_that_is_told_again_and_again_does_not_grow(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        ward.sandbox.forget_sessions()
        with ward.sandbox.inject(Refuse(401, times=None)):
            frames = []
            for _ in range(20):
                with pytest.raises(AuthenticationError) as caught:
                    uploader.locate(ward.hub_project_id, ward.accession_id)
                frames.append(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert frames[-1] == frames[1]


def test_a_login_that_ends_after_files_are_stored_comes_with_the_report(ward: SandboxHospital, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.nii").write_bytes(b"%d" % number)
    with ward.connect(settings=replace(IMPATIENT, batch_files=1)) as uploader:
        ends = ward.sandbox.inject(ForgetSession(method="PUT", path="/files/", nth=4))
        refused = ward.sandbox.inject(Refuse(401, path="/data/auth", times=None))
        with ends, refused, pytest.raises(IncompleteUploadError) as caught:
            uploader.upload(
                ".",
                root=tmp_path,
                hub_project_id=ward.hub_project_id,
                accession_id=ward.accession_id,
                scan_id="4",
                resource_id="SEG",
            )
    assert isinstance(caught.value.__cause__, AuthenticationError)
    assert len(caught.value.report.files) == 6


def test_a_password_that_is_no_text_is_told_without_showing_it(ward: SandboxHospital) -> None:
    with pytest.raises(AuthenticationError, match="no text in UTF-8") as caught:
        Uploader.connect(ward.server, user=ward.user, password="s3cret-\udcfc")
    assert "s3cret" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    with pytest.raises(AuthenticationError, match="no HTTP header can"):
        Uploader.connect(ward.server, headers={"Authorization": "Basic ü€"})


def test_half_a_login_in_the_environment_is_not_completed_with_another_user_of_netrc(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine xnat.example login other password of-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("XNAT_HOST", "https://xnat.example")
    monkeypatch.setenv("XNAT_USER", "somebody")
    with pytest.raises(AuthenticationError, match="Nothing complete to log in"):
        find_credentials(None, user=None, password=None, headers=None)
    monkeypatch.setenv("XNAT_USER", "other")
    assert find_credentials(None, user=None, password=None, headers=None).password == "of-netrc"


def test_the_environment_logs_in_to_the_server_it_names(ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNAT_HOST", ward.server + "/")
    monkeypatch.setenv("XNAT_USER", ward.user)
    monkeypatch.setenv("XNAT_PASS", ward.password)
    with Uploader.connect() as uploader:
        assert uploader.user == ward.user


def test_netrc_logs_in(ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {ward.user} password {ward.password}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Uploader.connect(ward.server) as uploader:
        assert uploader.user == ward.user


def test_an_existing_session_is_used_and_left_open(ward: SandboxHospital, images: Path) -> None:
    session_id = ward.ask("GET", "/data/JSESSION").text
    with Uploader.connect(ward.server, headers={"Cookie": f"JSESSIONID={session_id}"}) as uploader:
        assert send(uploader, ward, images).ok
    still = requests.get(f"{ward.server}/data/auth", cookies={"JSESSIONID": session_id}, timeout=10)
    assert still.status_code == 200


@pytest.mark.parametrize("ended", [False, True])
def test_a_given_session_is_never_swapped_for_the_user_in_netrc(
    ward: SandboxHospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ended: bool
) -> None:
    other = f"other{ward.project_id}"
    ward.sandbox.add_user(other, "of-netrc")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {other} password of-netrc\n")
    netrc.chmod(0o600)
    session_id = ward.ask("GET", "/data/JSESSION").text
    monkeypatch.setenv("NETRC", str(netrc))
    headers = {"Cookie": f"JSESSIONID={session_id}"}
    if ended:
        ward.sandbox.forget_sessions()
        with pytest.raises(AuthenticationError):
            Uploader.connect(ward.server, headers=headers)
    else:
        with Uploader.connect(ward.server, headers=headers) as uploader:
            assert uploader.user == ward.user


def test_an_authorization_header_logs_in(ward: SandboxHospital, images: Path) -> None:
    token = base64.b64encode(f"{ward.user}:{ward.password}".encode()).decode()
    with Uploader.connect(ward.server, headers={"Authorization": f"Basic {token}"}) as uploader:
        assert send(uploader, ward, images).ok


def test_an_ended_session_without_a_password_is_an_authentication_error(ward: SandboxHospital, images: Path) -> None:
    session_id = ward.ask("GET", "/data/JSESSION").text
    with Uploader.connect(ward.server, headers={"Cookie": f"JSESSIONID={session_id}"}) as uploader:
        ward.sandbox.forget_sessions()
        with pytest.raises(AuthenticationError):
            send(uploader, ward, images)


def test_a_login_that_counts_as_a_guest_is_no_login(images: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.site = replace(sandbox.site, require_login=False)
        with pytest.raises(AuthenticationError, match="as a guest"):
            Uploader.connect(sandbox.url, headers={"Cookie": "JSESSIONID=0123456789ABCDEF"})


def test_the_password_is_sent_to_log_in_and_not_otherwise(ward: SandboxHospital, images: Path) -> None:
    with ward.connect() as uploader:
        send(uploader, ward, images)
    assert [request.path for request in ward.sandbox.requests if "authorization" in request.headers] == ["/data/auth"]
    assert len({request.session_id for request in ward.sandbox.requests}) == 1


def test_an_ended_session_is_renewed_once_for_all_threads(ward: SandboxHospital, tmp_path: Path) -> None:
    requests_ = []
    for number in range(8):
        (tmp_path / f"{number}.nii").write_bytes(b"%d" % number)
        requests_.append(
            UploadRequest(
                files=f"{number}.nii",
                root=tmp_path,
                hub_project_id=ward.hub_project_id,
                accession_id=ward.accession_id,
                scan_id="4",
                resource_id=f"R{number}",
            )
        )
    with ward.connect() as uploader:
        uploader.locate(ward.hub_project_id, ward.accession_id)
        ward.sandbox.forget_sessions()
        ward.sandbox.clear_requests()
        report = uploader.upload_many(requests_)
    assert report.ok
    logins = [request for request in ward.sandbox.requests if request.path == "/data/auth"]
    assert len(logins) == 1


def test_a_session_that_ends_in_mid_upload_is_renewed_and_the_body_sent_anew(
    ward: SandboxHospital, images: Path
) -> None:
    with ward.connect() as uploader, ward.sandbox.inject(ForgetSession(method="PUT", path="/files/")):
        report = send(uploader, ward, images)
    assert report.ok
    assert ward.content("4", "DICOM")["CT_small.dcm"] == (images / "CT_small.dcm").read_bytes()


def test_the_session_is_ended_on_the_server(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        assert uploader.user == ward.user
        session_id = ward.sandbox.requests[-1].session_id
    assert ward.sandbox.requests[-1].method == "DELETE"
    gone = requests.get(f"{ward.server}/data/auth", cookies={"JSESSIONID": str(session_id)}, timeout=10)
    assert gone.status_code == 401


def test_a_callers_interface_is_used_and_left_as_it_was(ward: SandboxHospital, images: Path) -> None:
    import pyxnat

    interface = pyxnat.Interface(ward.server, ward.user, ward.password)
    adapters = dict(interface._http.adapters)
    with Uploader(interface) as uploader:
        assert send(uploader, ward, images).ok
    assert dict(interface._http.adapters) == adapters
    assert interface._http.auth == (ward.user, ward.password)
    assert interface.get("/data/auth").status_code == 200
    interface._http.close()


@pytest.mark.parametrize("address", ["xnat.example", "ftp://xnat.example", "http://", "http://a b", "http://x/?q", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidIdentifierError, match=r"address|named"):
        Uploader.connect(address, user="u", password="p")


@pytest.fixture
def secrets_in_use(ward: SandboxHospital) -> Iterator[tuple[Uploader, list[str]]]:
    ward.sandbox.add_user(f"svc{ward.project_id}", "s3cret-Passw0rd")
    ward.sandbox.add_member(ward.project_id, f"svc{ward.project_id}", role="member")
    with replace(ward, user=f"svc{ward.project_id}", password="s3cret-Passw0rd").connect() as uploader:
        session_id = str(ward.sandbox.requests[-1].session_id)
        basic = base64.b64encode(f"svc{ward.project_id}:s3cret-Passw0rd".encode()).decode()
        yield uploader, ["s3cret-Passw0rd", session_id, basic]


def test_no_secret_shows_anywhere(
    ward: SandboxHospital,
    images: Path,
    secrets_in_use: tuple[Uploader, list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    uploader, hidden = secrets_in_use
    caplog.set_level(logging.DEBUG, logger="xnat_upload")
    shown = [repr(uploader), str(uploader), str(vars(send(uploader, ward, images)))]
    with ward.sandbox.inject(Refuse(503, times=None, path="/files/")), pytest.raises(Exception) as caught:  # noqa: PT011
        send(uploader, ward, images, resource_id="OTHER")
    error: BaseException | None = caught.value
    while error is not None:
        shown += [repr(error), str(error), repr(error.args), repr(vars(error)), repr(getattr(error, "request", None))]
        error = error.__cause__ or error.__context__
    shown += traceback.format_exception(caught.value)
    shown.append(caplog.text)
    shown.append(pickle.dumps(caught.value).decode("latin-1"))
    for text in shown:
        for secret in hidden:
            assert secret not in text
    for thing in (uploader, uploader._archive.connection):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_patients_are_named_at_debug_only(
    ward: SandboxHospital, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="xnat_upload")
    with ward.connect() as uploader, ward.sandbox.inject(Refuse(503, path="/files/")):
        send(uploader, ward, images)
    told = [record for record in caplog.records if record.name.startswith("xnat_upload")]
    loud = " ".join(record.getMessage() for record in told if record.levelno > logging.DEBUG)
    quiet = " ".join(record.getMessage() for record in told if record.levelno == logging.DEBUG)
    assert ward.accession_id not in loud
    assert "CT_small.dcm" not in loud
    assert ward.accession_id in quiet
    assert "CT_small.dcm" in quiet
    levels = [record.levelname for record in told]
    assert "WARNING" not in levels
    assert levels.count("INFO") == 4  # the retry, what was sent, the resource, the upload
