"""How few requests, how little memory and no temporary files: counted, never timed."""

from __future__ import annotations

import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_mock
import urllib3.connectionpool

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT
from xnat_upload import IncompleteUploadError, Report, Scan, TransferSettings, Uploader, UploadRequest
from xnat_upload.local.file import LocalFile
from xnat_upload.sandbox import Sandbox, SiteSettings
from xnat_upload.sandbox.faults import CatalogConflict
from xnat_upload.settings import Compression

MIB = 1 << 20


def send(uploader: Uploader, ward: SandboxHospital, folder: Path, **options: Any) -> Report:
    arguments: dict[str, Any] = {"scan_id": "4", "resource_id": "SEG", **options}
    return uploader.upload(
        sorted(path.name for path in folder.iterdir()),
        root=folder,
        hub_project_id=ward.hub_project_id,
        accession_id=ward.accession_id,
        progress=False,
        **arguments,
    )


def kinds(ward: SandboxHospital) -> Counter[str]:
    """Count the requests by what they are for."""
    counted: Counter[str] = Counter()
    for request in ward.sandbox.requests:
        path = request.path
        if "/projects/" in path and ward.project_id not in path:
            continue  # an earlier test's, answered and so recorded late
        if path.endswith("/data/auth"):
            counted["login"] += 1
        elif path.endswith("/data/projects"):
            counted["projects"] += 1
        elif path.endswith("/files"):
            counted["listing"] += 1
        elif "/files/" in path:
            counted["sending"] += 1
        elif "/resources/" in path:
            counted["resource"] += 1
        elif "/scans/" in path:
            counted["scan"] += 1
        elif "/experiments/" in path:
            counted["session"] += 1
        else:
            counted[f"{request.method} {path}"] += 1
    return counted


def write_files(folder: Path, number: int, size_bytes: int = 20) -> None:
    for index in range(number):
        (folder / f"{index:05d}.dcm").write_bytes(b"%05d" % index + bytes(size_bytes))


@pytest.mark.parametrize("files", [1, 10, 1000])
def test_the_number_of_requests_does_not_depend_on_the_number_of_files(
    ward: SandboxHospital, tmp_path: Path, files: int
) -> None:
    write_files(tmp_path, files)
    with ward.connect(settings=TransferSettings()) as uploader:
        assert send(uploader, ward, tmp_path).ok
        counted = kinds(ward)
    expected = {"login": 1, "projects": 1, "session": 1, "resource": 1, "listing": 1, "sending": 1}
    assert counted == expected


def test_a_resource_that_is_there_costs_one_listing_more(ward: SandboxHospital, tmp_path: Path) -> None:
    write_files(tmp_path, 5)
    with ward.connect(settings=TransferSettings()) as uploader:
        uploader.create_resource(Scan(uploader.locate(ward.hub_project_id, ward.accession_id), "4"), "SEG")
        ward.sandbox.clear_requests()
        assert send(uploader, ward, tmp_path).ok
        counted = kinds(ward)
    assert counted == {"session": 1, "resource": 1, "listing": 2, "sending": 1}


def test_a_new_scan_costs_one_request_more(ward: SandboxHospital, tmp_path: Path) -> None:
    write_files(tmp_path, 5)
    with ward.connect(settings=TransferSettings()) as uploader:
        assert send(uploader, ward, tmp_path, scan_id="new").ok
        counted = kinds(ward)
    expected = {"login": 1, "projects": 1, "session": 1, "scan": 1, "resource": 1, "listing": 1, "sending": 1}
    assert counted == expected


def test_running_again_asks_for_the_session_and_one_listing_and_sends_nothing(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    write_files(tmp_path, 50)
    with ward.connect() as uploader:
        send(uploader, ward, tmp_path)
        ward.sandbox.clear_requests()
        assert send(uploader, ward, tmp_path, exist_ok=True).count("skipped") == 50
        assert kinds(ward) == {"session": 1, "listing": 1}


@pytest.mark.parametrize(
    ("files", "size_bytes", "settings", "requests"),
    [
        (2001, 0, TransferSettings(), 2),
        (10, 1000, TransferSettings(batch_files=4), 3),
        (10, 995, TransferSettings(batch_bytes=3000), 4),
        (4, 5000, TransferSettings(large_file_bytes=4999), 4),
        (4, 5000, TransferSettings(batch_bytes=100), 4),
    ],
)
def test_files_are_divided_into_as_many_requests_as_the_limits_say(
    ward: SandboxHospital, tmp_path: Path, files: int, size_bytes: int, settings: TransferSettings, requests: int
) -> None:
    write_files(tmp_path, files, size_bytes)
    with ward.connect(settings=settings) as uploader:
        assert send(uploader, ward, tmp_path).ok
        assert kinds(ward)["sending"] == requests


def test_every_body_declares_its_length_and_none_is_encoded_or_chunked(ward: SandboxHospital, tmp_path: Path) -> None:
    write_files(tmp_path, 3, 100)
    (tmp_path / "large.nii").write_bytes(bytes(50_000))
    with ward.connect(settings=replace(IMPATIENT, large_file_bytes=10_000)) as uploader:
        send(uploader, ward, tmp_path)
        (tmp_path / "large.nii").write_bytes(bytes(50_001))
        send(uploader, ward, tmp_path, exist_ok=True)
    bodies = [request for request in ward.sandbox.requests if f"{ward.project_id}/" in request.path]
    bodies = [request for request in bodies if "/files/" in request.path]
    assert len(bodies) == 3
    for request in bodies:
        assert int(request.headers["content-length"]) == request.body_size > 0
        assert "transfer-encoding" not in request.headers
        assert "content-encoding" not in request.headers
        assert request.headers["accept"] == "*/*"
    assert [request.headers["content-type"].partition(";")[0] for request in bodies] == [
        "application/zip",
        "application/octet-stream",
        "multipart/form-data",
    ]
    assert not any(key in request.query for request in bodies for key in ("format", "content", "tags"))


def test_small_files_are_read_once_and_large_new_ones_too(
    ward: SandboxHospital, tmp_path: Path, mocker: pytest_mock.MockerFixture
) -> None:
    write_files(tmp_path, 20, 100)
    (tmp_path / "large.nii").write_bytes(bytes(50_000))
    read = mocker.spy(LocalFile, "_read")
    with ward.connect(settings=replace(IMPATIENT, large_file_bytes=10_000)) as uploader:
        assert send(uploader, ward, tmp_path).ok
    content = [block for block in read.spy_return_list if block]
    assert sum(map(len, content)) == sum(path.stat().st_size for path in tmp_path.iterdir())


@pytest.mark.parametrize("compression", ["never", "always"])
@pytest.mark.parametrize(
    ("files", "size_bytes"), [(200, 512 * 1024), (1, 100 * MIB)], ids=["a batch of 100 MiB", "one file of 100 MiB"]
)
def test_memory_stays_within_what_the_settings_promise_and_no_temporary_file_is_made(
    ward: SandboxHospital,
    tmp_path: Path,
    mocker: pytest_mock.MockerFixture,
    files: int,
    size_bytes: int,
    compression: Compression,
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for index in range(files):
        with (folder / f"{index}.nii").open("wb") as file:
            file.truncate(size_bytes)
    for name in ("tempfile.mkstemp", "tempfile.TemporaryFile", "tempfile.NamedTemporaryFile"):
        mocker.patch(name, side_effect=AssertionError("a temporary file"))
    taken = 0

    def swallow(resource: object, segment: str, body: Iterable[bytes], **options: object) -> tuple[str, ...]:
        """Take a body as the line would, so that no server's memory is counted with ours."""
        nonlocal taken
        taken += sum(len(block) for block in body)
        return ()

    settings = TransferSettings(compression=compression)
    with ward.connect(settings=settings) as uploader:
        mocker.patch.object(uploader._archive, "put", swallow)
        tracemalloc.start()
        try:
            with pytest.raises(IncompleteUploadError, match="does not list it"):
                send(uploader, ward, folder)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (taken >= files * size_bytes) is (compression == "never")
    assert peak < 3 * settings.large_file_bytes


def test_resources_are_written_in_parallel_one_writer_each_over_as_many_connections_as_workers(
    tmp_path: Path, mocker: pytest_mock.MockerFixture
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write_files(folder, 12, 200)
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()
    guard = threading.Lock()
    with Sandbox(latency_ms=10) as sandbox:
        sandbox.add_project("P1", secondary_id="hub-1")
        for number in range(6):
            sandbox.add_session("P1", f"ACC{number}", xsi_type="xnat:ctSessionData")
        requests = [
            UploadRequest(
                files=[f"{index:05d}.dcm" for index in range(12)],
                root=folder,
                hub_project_id="hub-1",
                accession_id=f"ACC{number}",
                scan_id="1",
                resource_id="SEG",
            )
            for number in range(6)
        ]
        settings = replace(IMPATIENT, workers=3, batch_files=3)
        with Uploader.connect(sandbox.url, user=sandbox.user, password=sandbox.password, settings=settings) as uploader:
            put = uploader._archive.put

            def watched(resource: object, *arguments: object, **options: object) -> object:
                with guard:
                    under_way[str(resource)] += 1
                    under_way["all"] += 1
                    most[str(resource)] = max(most[str(resource)], under_way[str(resource)])
                    most["all"] = max(most["all"], under_way["all"])
                try:
                    return put(resource, *arguments, **options)  # type: ignore[arg-type]
                finally:
                    with guard:
                        under_way[str(resource)] -= 1
                        under_way["all"] -= 1

            mocker.patch.object(uploader._archive, "put", watched)
            opened = mocker.spy(urllib3.connectionpool.HTTPConnectionPool, "_new_conn")
            report = uploader.upload_many(requests, progress=False)
            assert report.ok
            assert opened.call_count <= 3
    assert most.pop("all") == 3
    assert set(most.values()) == {1}
    assert len(most) == 6


def test_another_clients_file_is_no_proof_of_ours_where_a_file_beside_it_changed(tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    write_files(folder, 4, 100)
    theirs = tmp_path / "00001.dcm"
    theirs.write_bytes(b"x" * 105)
    where = {"hub_project_id": "hub", "accession_id": "ACC", "scan_id": "4", "resource_id": "SEG"}
    with Sandbox(site=SiteSettings(checksums=False)) as sandbox:
        sandbox.add_project("P", secondary_id="hub")
        sandbox.add_session("P", "ACC", xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        with Uploader.connect(
            sandbox.url, user=sandbox.user, password=sandbox.password, settings=IMPATIENT
        ) as uploader:
            resource = uploader.create_resource(Scan(uploader.locate("hub", "ACC"), "4"), "SEG")
            plan = uploader.plan(".", root=folder, **where)
            uploader.upload_file(resource, theirs)
            (folder / "00002.dcm").write_bytes(b"other bytes")
            with pytest.raises(IncompleteUploadError) as caught:
                uploader.run(plan)
        assert [str(file.status) for file in caught.value.report.files] == ["stored", "failed", "failed", "stored"]
        assert sandbox.files("P", "ACC", "4", "SEG")["00001.dcm"] == b"x" * 105


@pytest.mark.parametrize("large_file_bytes", [1_000, 50])
def test_unlisted_bytes_of_another_client_are_not_overwritten_because_a_file_beside_them_changed(
    ward: SandboxHospital, tmp_path: Path, large_file_bytes: int
) -> None:
    write_files(tmp_path, 6, 100)
    ward.ask("PUT", ward.resource_path("4", "SEG"))
    with ward.sandbox.inject(CatalogConflict()):
        path = f"{ward.resource_path('4', 'SEG')}/files/00004.dcm"
        assert ward.ask("PUT", path, params={"inbody": "true"}, data=b"theirs").status_code == 500
    with ward.connect(settings=replace(IMPATIENT, large_file_bytes=large_file_bytes)) as uploader:
        plan = uploader.plan(
            ".",
            root=tmp_path,
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id="SEG",
        )
        (tmp_path / "00002.dcm").write_bytes(b"other bytes")
        with pytest.raises(IncompleteUploadError) as caught:
            uploader.run(plan)
    assert [file.ok for file in caught.value.report.files] == [True, True, False, True, False, True]
    assert "unlisted bytes" in caught.value.report.files[4].reason
    assert ward.sandbox.orphans(ward.project_id, ward.accession_id, "4", "SEG") == {"00004.dcm": b"theirs"}


@pytest.mark.parametrize("exist_ok", [False, True])
@pytest.mark.parametrize("changed", [{0}, {1}, {5}, {0, 2, 4}, {0, 1, 2, 3}])
def test_a_file_that_changes_after_the_plan_stays_behind_alone(
    ward: SandboxHospital, tmp_path: Path, changed: set[int], exist_ok: bool
) -> None:
    write_files(tmp_path, 6, 100)
    with ward.connect(settings=replace(IMPATIENT, batch_files=4)) as uploader:
        if exist_ok:
            ward.put("4", "SEG", "00003.dcm", b"is to be replaced")
        plan = uploader.plan(
            sorted(path.name for path in tmp_path.iterdir()),
            root=tmp_path,
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id="SEG",
            exist_ok=exist_ok,
        )
        for index in changed:
            (tmp_path / f"{index:05d}.dcm").write_bytes(b"other bytes")
        ward.sandbox.clear_requests()
        with pytest.raises(IncompleteUploadError, match="has changed since the upload was planned") as caught:
            uploader.run(plan)
        for index, file in enumerate(caught.value.report.files):
            assert file.ok == (index not in changed), file
            assert file.ok or f"{index:05d}.dcm" in file.reason
        assert kinds(ward)["sending"] <= 3 * len(plan.shipments)
        assert send(uploader, ward, tmp_path, exist_ok=True).ok
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert ward.sandbox.files(ward.project_id, ward.accession_id, "4", "SEG") == content
