"""A cohort on a real cluster of processes, some of which are killed in mid-work."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster
from distributed.cfexecutor import ClientExecutor
from pytest_mock import MockerFixture

from tests.cohort.manifests import cohort, row, stored
from tests.cohort.test_cohort import interrupted_in_its_first_request, until
from tests.conftest import SandboxHospital
from xnat_upload import CohortReport, InvalidManifestError, Progress, TransferSettings, UploadInterrupted
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import SlowLink

PASSWORD = "s3cret-of-the-workers"


@pytest.fixture(scope="module")
def client(shared_sandbox: Sandbox) -> Iterator[Client]:
    """Two worker processes of one thread each, watched by nannies, with a login in their environment alone.

    Without an address, dask's dashboard would take port 8787, which another run of this suite may have.
    """
    shared_sandbox.add_user("worker", PASSWORD)
    environment = {"XNAT_HOST": shared_sandbox.url, "XNAT_USER": "worker", "XNAT_PASS": PASSWORD}
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", env=environment
        ) as cluster,
        Client(cluster) as found,
    ):
        yield found
        found.wait_for_workers(2, timeout=30)


@pytest.fixture
def clinic(ward: SandboxHospital, client: Client) -> SandboxHospital:
    """The ward, in which the workers' user may edit, and both workers are there."""
    ward.sandbox.add_member(ward.project_id, "worker")
    client.wait_for_workers(2, timeout=30)
    return ward


def logins(clinic: SandboxHospital) -> list[str]:
    """How the workers' sessions began and ended."""
    return [
        request.method
        for request in clinic.sandbox.requests
        if request.user == "worker" and ("authorization" in request.headers or request.method == "DELETE")
    ]


def test_a_cluster_uploads_a_cohort_with_one_login_for_each_worker(
    clinic: SandboxHospital, tmp_path: Path, client: Client
) -> None:
    rows = cohort(clinic, tmp_path, sessions=6)
    clinic.put("4", "SEG", "taken.nii", b"theirs")
    (tmp_path / "taken.nii").write_bytes(b"ours")
    rows.append(row(clinic, "taken.nii"))
    rows.append(row(clinic, "taken.nii", accession_id="GONE"))
    with clinic.connect() as uploader:
        clinic.sandbox.clear_requests()
        report = uploader.upload_cohort(rows, root=tmp_path, client=client)
    assert [str(file.status) for file in report.files] == ["stored"] * 24 + ["failed", "not sent"]
    assert "'GONE'" in report.files[25].reason
    assert stored(clinic, rows[:24]) == {each["file"]: (tmp_path / each["file"]).read_bytes() for each in rows[:24]}
    assert list(report.to_dataframe()["patient"])[:24] == [each["patient"] for each in rows[:24]]
    writers = {request.user for request in clinic.sandbox.requests if request.method == "PUT"}
    assert writers == {"worker"}
    begun_and_ended = logins(clinic)
    assert begun_and_ended.count("GET") == begun_and_ended.count("DELETE")
    assert 1 <= begun_and_ended.count("GET") <= 2


def test_running_again_on_a_cluster_finishes_the_rest(clinic: SandboxHospital, tmp_path: Path, client: Client) -> None:
    rows = cohort(clinic, tmp_path, sessions=2)
    with clinic.connect() as uploader:
        assert uploader.upload_cohort(rows[:3], root=tmp_path, client=client).ok
        report = uploader.upload_cohort(rows, root=tmp_path, client=client, exist_ok=True)
    assert [str(file.status) for file in report.files] == ["skipped"] * 3 + ["stored"] * 5


def test_nothing_secret_is_in_what_is_sent_to_the_cluster(
    clinic: SandboxHospital, tmp_path: Path, client: Client, mocker: MockerFixture
) -> None:
    submitted = mocker.spy(ClientExecutor, "submit")
    plugins = mocker.spy(Client, "register_plugin")
    rows = cohort(clinic, tmp_path, sessions=1)
    with clinic.connect() as uploader:
        assert uploader.upload_cohort(rows, root=tmp_path, client=client).ok
        session_ids = {request.session_id for request in clinic.sandbox.requests if request.session_id}
    sent = [pickle.dumps(call.args[1:]) for call in submitted.call_args_list]
    sent += [pickle.dumps(call.args[1]) for call in plugins.call_args_list]
    assert len(sent) == 1 + 2 + 1
    assert any(b"ACC0" in one for one in sent)
    secrets = [PASSWORD, *session_ids, "Authorization", "Cookie"]
    assert not [secret for secret in secrets for one in sent if secret.encode() in one]


def killed(client: Client) -> None:
    """Kill one worker as the kernel does when memory is short: it can do nothing about it."""
    pid = next(iter(client.run(os.getpid).values()))
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("released", ["before another begins", "after another began"])
def test_a_worker_killed_after_its_bytes_arrived_makes_neither_a_false_nor_a_double_success(
    clinic: SandboxHospital, tmp_path: Path, client: Client, released: str
) -> None:
    rows = cohort(clinic, tmp_path, sessions=3)
    with ThreadPoolExecutor() as background, clinic.connect() as uploader:
        holds = [clinic.sandbox.hold("before-catalog-write", within="SEG") for _ in range(2)]
        report = background.submit(uploader.upload_cohort, rows, root=tmp_path, client=client)
        for hold in holds:
            hold.wait_until_reached()
        clinic.sandbox.clear_requests()
        killed(client)
        if released == "after another began":
            # The survivor is held, so who begins is the one that the nanny starts in place of the lost one.
            until(lambda: [request for request in clinic.sandbox.requests if request.path.endswith("/data/auth")])
        for hold in holds:
            hold.release()
        found = report.result(timeout=60)
    assert [(str(file.status), file.reason) for file in found.files] == [("stored", "size and MD5 agree")] * len(rows)
    assert stored(clinic, rows) == {each["file"]: (tmp_path / each["file"]).read_bytes() for each in rows}


def test_a_worker_killed_in_mid_file_leaves_nothing_that_stops_the_next(
    clinic: SandboxHospital, tmp_path: Path, client: Client
) -> None:
    rows = cohort(clinic, tmp_path, sessions=1)
    for each in rows:
        (tmp_path / each["file"]).write_bytes(os.urandom(2**20))
    places = [(clinic.project_id, "ACC0", scan_id, "SEG") for scan_id in ("4", "new")]
    with ThreadPoolExecutor() as background, clinic.connect() as uploader:
        slow = clinic.sandbox.inject(SlowLink(path="/ACC|/files/", method="PUT", bandwidth_mbps=8, times=2))
        report = background.submit(uploader.upload_cohort, rows, root=tmp_path, client=client)
        until(lambda: slow.struck == 2 and all(clinic.sandbox.orphans(*place) for place in places))
        killed(client)
        slow.remove()
        found = report.result(timeout=60)
    assert [str(file.status) for file in found.files] == ["stored"] * len(rows)
    assert stored(clinic, rows) == {each["file"]: (tmp_path / each["file"]).read_bytes() for each in rows}


def test_what_was_there_before_is_refused_by_every_attempt(
    clinic: SandboxHospital, tmp_path: Path, client: Client
) -> None:
    """The same bytes were there before: an attempt that only compared would call them its own."""
    rows = cohort(clinic, tmp_path, sessions=2)
    (tmp_path / "mine.nii").write_bytes(b"the same")
    clinic.put("4", "SEG", "mine.nii", b"the same")
    rows.append(row(clinic, "mine.nii"))
    with ThreadPoolExecutor() as background, clinic.connect() as uploader:
        holds = [clinic.sandbox.hold("bytes-written", within="SEG") for _ in range(2)]
        report = background.submit(uploader.upload_cohort, rows, root=tmp_path, client=client)
        for hold in holds:
            hold.wait_until_reached()
        killed(client)
        for hold in holds:
            hold.release()
        found = report.result(timeout=60)
    assert [str(file.status) for file in found.files] == ["stored"] * 8 + ["failed"]
    assert found.files[8].reason == "in the resource already, and replacing was not asked for"


def test_a_wrong_password_is_tried_once_by_each_worker_and_told_in_every_row(
    clinic: SandboxHospital, tmp_path: Path, client: Client
) -> None:
    rows = cohort(clinic, tmp_path, sessions=5)
    client.run(exec, "import os; os.environ['XNAT_PASS'] = 'wrong'")
    try:
        with clinic.connect() as uploader:
            clinic.sandbox.clear_requests()
            report = uploader.upload_cohort(rows, root=tmp_path, client=client)
    finally:
        client.run(exec, f"import os; os.environ['XNAT_PASS'] = {PASSWORD!r}")
    assert {str(file.status) for file in report.files} == {"not sent"}
    assert len([request for request in clinic.sandbox.requests if request.status == 401]) <= 2
    assert all("401" in file.reason or "accept" in file.reason for file in report.files)


def test_interrupting_stops_the_cluster_and_the_report_says_what_is_stored(
    clinic: SandboxHospital, tmp_path: Path, client: Client
) -> None:
    rows = cohort(clinic, tmp_path, sessions=10, files=1)
    pressed: list[Progress] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt_once(now: Progress) -> None:
        if now.files_done == 3 and not pressed:
            pressed.append(now)
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with clinic.connect() as uploader, pytest.raises(UploadInterrupted) as caught:
            uploader.upload_cohort(rows, root=tmp_path, client=client, progress=interrupt_once)
    finally:
        signal.signal(signal.SIGINT, before)
    report = caught.value.report
    assert isinstance(report, CohortReport)
    assert 3 <= report.count("stored") < len(rows)
    assert len(stored(clinic, rows)) == report.count("stored")


def test_interrupting_reaches_a_worker_in_mid_resource(
    clinic: SandboxHospital, tmp_path: Path, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    rows = cohort(clinic, tmp_path, sessions=1, files=3)[:3]
    with (
        clinic.connect(settings=TransferSettings(batch_files=1)) as uploader,
        clinic.sandbox.hold("bytes-written", within="SEG") as hold,
    ):
        report = interrupted_in_its_first_request(
            lambda: uploader.upload_cohort(rows, root=tmp_path, client=client), hold, caplog
        )
    assert [str(file.status) for file in report.files] == ["stored", "not sent", "not sent"]


def test_what_is_no_client_is_refused_before_anything_is_sent(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    not_a_client: Any = "tcp://127.0.0.1:8786"
    with ward.connect() as uploader, pytest.raises(InvalidManifestError, match=r"must be a dask\.distributed\.Client"):
        uploader.upload_cohort([row(ward, "a.nii")], root=tmp_path, client=not_a_client)
