"""The images and the servers that tests share."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import hypothesis
import nibabel.testing
import pydicom.data
import pytest

from tests.hospital import Hospital, close_hospital, open_hospital
from xnat_upload.sandbox import Sandbox

# A shell lets what it starts in the background ignore Ctrl-C, and several tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

# With these three set, the tests of `hospital` run against a real XNAT; see docs.
REAL_SERVER = os.environ.get("XNAT_UPLOAD_TEST_SERVER", "")
FACES = ["1.6 /xnat", "1.8", "1.10", "1.11"]  # the context path on one of them


@dataclass(frozen=True, kw_only=True)
class SandboxHospital(Hospital):
    """A hospital on a sandbox, which can be asked and disturbed."""

    sandbox: Sandbox


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the developer's own environment and netrc out of every test, and what another test has learned of a line."""
    monkeypatch.setattr("xnat_upload.archive.line._LINES", {})
    for name in ("XNAT_HOST", "XNAT_USER", "XNAT_PASS", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path_factory.getbasetemp() / "no-netrc"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real images: a CT and an MR of pydicom's test data, a NIfTI volume of nibabel's."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(pydicom.data.get_testdata_file(name, download=False)), folder)
    shutil.copy(Path(nibabel.testing.data_path, "example4d.nii.gz"), folder)
    return folder


@pytest.fixture(scope="session", params=["real"] if REAL_SERVER else FACES)
def server(request: pytest.FixtureRequest) -> Iterator[Sandbox | None]:
    """Each face of the sandbox, or None for the real server."""
    if request.param == "real":
        yield None
        return
    profile, _, context_path = request.param.partition(" ")
    with Sandbox(profile=profile, context_path=context_path) as sandbox:
        yield sandbox


@pytest.fixture
def hospital(server: Sandbox | None) -> Iterator[Hospital]:
    """A fresh project on every face of the sandbox, or on the real server, which keeps nothing of it."""
    if server is None:
        user, password = os.environ["XNAT_UPLOAD_TEST_USER"], os.environ["XNAT_UPLOAD_TEST_PASSWORD"]
        found = open_hospital(REAL_SERVER, user, password)
    else:
        found = open_hospital(server.url, server.user, server.password)
    yield found
    close_hospital(found)


@pytest.fixture
def reader(server: Sandbox | None, hospital: Hospital) -> Hospital:
    """The same, for a user who may read the project and not edit it."""
    if server is None:
        pytest.skip("a real server's users are not this suite's to make")
    name, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    server.add_user(name, password)
    server.add_member(hospital.project_id, name, role="collaborator")
    return replace(hospital, user=name, password=password)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests that look at requests or inject faults, one after another."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def ward(shared_sandbox: Sandbox) -> SandboxHospital:
    """A fresh project on a sandbox whose requests can be counted and disturbed."""
    shared_sandbox.forget_sessions()  # each request of a hospital opens one, and 1000 of a user are the limit
    found = open_hospital(shared_sandbox.url, shared_sandbox.user, shared_sandbox.password)
    shared_sandbox.clear_requests()
    return SandboxHospital(**vars(found), sandbox=shared_sandbox)
