"""Archives that keep no MD5: they cost as few requests as others, and what they hold can be read back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import SandboxHospital
from tests.hospital import IMPATIENT, open_hospital
from tests.sending import send
from xnat_upload import Report, TransferSettings, XnatUploadError
from xnat_upload.planning.treatment import ExistOk
from xnat_upload.sandbox import Sandbox, SiteSettings
from xnat_upload.sandbox.faults import AnswerBytes, FlipByte, Refuse, SlowLink

READING_BACK = replace(IMPATIENT, read_back=True)


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    without = SiteSettings(checksums=False)
    with Sandbox() as keeping, Sandbox(site=without) as asked, Sandbox(profile="1.6", context_path="/xnat") as old:
        yield {"with MD5": keeping, "1.8 without checksums": asked, "1.6": old}


@pytest.fixture
def hospitals(sandboxes: dict[str, Sandbox]) -> dict[str, SandboxHospital]:
    for sandbox in sandboxes.values():
        sandbox.forget_sessions()
    return {
        name: SandboxHospital(**vars(open_hospital(sandbox.url, sandbox.user, sandbox.password)), sandbox=sandbox)
        for name, sandbox in sandboxes.items()
    }


@pytest.fixture
def old(hospitals: dict[str, SandboxHospital]) -> SandboxHospital:
    return hospitals["1.6"]


def folder_of(path: Path, sizes_bytes: list[int], salt: int = 0) -> Path:
    path.mkdir(exist_ok=True)
    for number, size in enumerate(sizes_bytes):
        (path / f"{number:05d}.dcm").write_bytes(bytes([(number + salt) % 251]) * size)
    return path


def sent(hospital: SandboxHospital, folder: Path, settings: TransferSettings = IMPATIENT, **options: Any) -> Report:
    """Upload a folder; the requests that it took are the sandbox's only ones then."""
    with hospital.connect(settings=settings) as uploader:
        hospital.sandbox.clear_requests()
        return send(uploader, hospital, folder, folder, **options)


def asked(hospital: SandboxHospital) -> list[str]:
    return [f"{request.method} {request.path}" for request in hospital.sandbox.requests]


SMALL_BATCHES = replace(IMPATIENT, batch_files=7, large_file_bytes=50_000)
ONE_BATCH = replace(SMALL_BATCHES, batch_files=50_000)
CASES = {
    "one small file": ([1000], ONE_BATCH),
    "40 small files": ([1000] * 40, SMALL_BATCHES),
    "200 small files": ([1000] * 200, ONE_BATCH),
    "a large file": ([100_000], ONE_BATCH),
    "large and small files": ([100_000, 1000, 100_000, 1000, 1000], ONE_BATCH),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("exist_ok", "before"), [(False, "new"), *itertools.product(("same", True), ("new", "same")), (True, "other")]
)
def test_an_archive_without_md5_costs_at_most_two_requests_more(
    hospitals: dict[str, SandboxHospital], tmp_path: Path, case: str, exist_ok: ExistOk, before: str
) -> None:
    sizes, settings = CASES[case]
    requests: dict[str, int] = {}
    for name, hospital in hospitals.items():
        if before != "new":
            sent(hospital, folder_of(tmp_path / "files", sizes, salt=before == "other"), settings)
        report = sent(hospital, folder_of(tmp_path / "files", sizes), settings, exist_ok=exist_ok)
        requests[name] = len(hospital.sandbox.requests)
        assert report.ok
        assert not [request for request in asked(hospital) if request.startswith("HEAD")]
        status = "skipped" if before == "same" else "unproven" if name == "1.6" else "stored"
        assert report.count(status) == len(sizes)
    assert max(requests.values()) <= requests["with MD5"] + 2, requests


def test_on_1_8_one_refresh_makes_stored_of_what_was_unproven(
    hospitals: dict[str, SandboxHospital], tmp_path: Path
) -> None:
    hospital = hospitals["1.8 without checksums"]
    assert sent(hospital, folder_of(tmp_path / "files", [10] * 30)).count("stored") == 30
    refreshes = [request for request in hospital.sandbox.requests if "/refresh/" in request.path]
    assert len(refreshes) == 1
    assert refreshes[0].query["options"] == "checksum"


@pytest.mark.parametrize("case", CASES)
def test_what_is_read_back_from_a_1_6_is_stored_and_costs_one_request(
    old: SandboxHospital, tmp_path: Path, case: str
) -> None:
    sizes, settings = CASES[case]
    folder = folder_of(tmp_path / "files", sizes)
    for resource_id in ("FIRST", "UNREAD"):  # the first one gets to know the project
        sent(old, folder, settings, resource_id=resource_id)
    unread = len(old.sandbox.requests)
    report = sent(old, folder, replace(settings, read_back=True))
    assert report.count("stored") == len(sizes)
    assert {file.reason for file in report.files} == {"it was read back, and size and MD5 agree"}
    assert report.advice == ()
    assert len(old.sandbox.requests) == unread + 1


def test_nothing_is_read_back_where_the_archive_lists_md5(
    hospitals: dict[str, SandboxHospital], tmp_path: Path
) -> None:
    for name in ("with MD5", "1.8 without checksums"):
        assert sent(hospitals[name], folder_of(tmp_path / "files", [10] * 3), READING_BACK).count("stored") == 3
        assert not hospitals[name].sandbox.requests.matching(query={"format": "zip"})


@pytest.mark.parametrize("files", [1, 5])
@pytest.mark.parametrize("exist_ok", [False, True])
def test_a_file_whose_bytes_differ_is_never_stored(
    old: SandboxHospital, tmp_path: Path, exist_ok: bool, files: int
) -> None:
    folder = folder_of(tmp_path / "files", [1000] * files)
    with (
        old.sandbox.inject(FlipByte(method="PUT", path="/files/", times=None)),
        pytest.raises(XnatUploadError) as caught,
    ):
        sent(old, folder, READING_BACK, exist_ok=exist_ok)
    report = caught.value.report  # type: ignore[attr-defined]
    assert report is not None
    assert [str(file.status) for file in report.files] == ["failed", *["stored"] * (files - 1)]
    assert "the archive" in report.files[0].reason
    assert "has other bytes than were sent" in report.files[0].reason


def test_a_file_that_was_altered_once_is_sent_again_where_it_may_be_replaced(
    old: SandboxHospital, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "files", [1000] * 5)
    with old.sandbox.inject(FlipByte(method="PUT", path="/files/")):
        report = sent(old, folder, READING_BACK, exist_ok=True)
    assert report.count("stored") == 5
    assert old.content("4", "SEG") == {path.name: path.read_bytes() for path in folder.iterdir()}


def zip_of(sandbox: Sandbox, folder: Path) -> bytes:
    """What another project's resource with these files is read back as."""
    other = SandboxHospital(**vars(open_hospital(sandbox.url, sandbox.user, sandbox.password)), sandbox=sandbox)
    sent(other, folder)
    answer = other.ask("GET", f"{other.resource_path('4', 'SEG')}/files?format=zip")
    assert answer.status_code == 200
    return answer.content


DOWNLOAD = {"method": "GET", "path": "/files$"}


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("ends", ["broken", "early"])
def test_a_download_that_breaks_off_leaves_unproven_what_did_not_come(
    old: SandboxHospital, tmp_path: Path, part: float, ends: str
) -> None:
    folder = folder_of(tmp_path / "files", [1000] * 10)
    whole = zip_of(old.sandbox, folder)
    came = whole[: int(len(whole) * part)]
    length = len(whole) if ends == "broken" else len(came)
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nContent-Length: %d\r\n\r\n" % length
    downloads = AnswerBytes(raw + came, times=None, nth=2, **DOWNLOAD)  # type: ignore[arg-type]
    with old.sandbox.inject(downloads):
        report = sent(old, folder, READING_BACK)
    assert len(old.sandbox.requests.matching(query={"format": "zip"})) == 1
    for number, file in enumerate(report.files):
        has_come = came.count(b"PK\x03\x04") - 1 > number or b"PK\x01\x02" in came
        assert file.status == ("stored" if has_come else "unproven"), (number, file)
        if not has_come:
            assert "the size agrees; this archive keeps no MD5, and " in file.reason
            assert ("ended early" if ends == "early" else "could not be read back") in file.reason
    assert report.ok


def test_whatever_xnat_calls_the_files_in_its_zip_each_is_known_again(old: SandboxHospital, tmp_path: Path) -> None:
    session_id = ElementTree.fromstring(old.ask("GET", f"{old.session_path}?format=xml").content).attrib["ID"]
    old.ask("PUT", f"{old.session_path}/scans/4", params={"xsiType": "xnat:ctScanData", "type": "T1 (5-mm)"})
    old.put("4", "SEG", "theirs.dcm", b"theirs")
    [number] = {row["cat_ID"] for row in old.listing("4", "SEG").values()}
    names = [
        "4/a.dcm",
        "4/4/4/a.dcm",
        "44/a.dcm",
        f"{session_id}.dcm",
        f"{session_id}/files/b.dcm",
        "é #(1).dcm",
        "empty",
    ]
    lost = [f"{number}/files/c.dcm", "same/4/d.dcm", "same/4-T1__5_mm_/d.dcm"]
    files: dict[str, Any] = {name: name.encode() for name in (*names, *lost)} | {"empty": b""}
    with old.connect(settings=READING_BACK) as uploader:
        report = send(uploader, old, files, tmp_path, root=None)
    assert old.content("4", "SEG") == {**files, "theirs.dcm": b"theirs"}
    packed = old.ask("GET", f"{old.resource_path('4', 'SEG')}/files?format=zip").content
    for renamed in ("4-T1__5_mm_/a.dcm", "4-T1__5_mm_/4/4-T1__5_mm_/a.dcm", f"files/{old.accession_id}.dcm"):
        assert renamed.encode() in packed
    ended = {file.name: str(file.status) for file in report.files}
    # What cannot be told apart is not called stored.
    assert {name for name, status in ended.items() if status != "stored"} <= set(lost)
    assert set(ended.values()) == {"stored", "unproven"}


def test_of_a_resource_that_holds_much_else_only_what_was_sent_is_read_back(
    old: SandboxHospital, tmp_path: Path
) -> None:
    old.put("4", "SEG", "theirs.dcm", bytes(30 << 20))
    report = sent(old, folder_of(tmp_path / "files", [1000] * 3), READING_BACK)
    assert report.count("stored") == 3
    read = [request.path for request in old.sandbox.requests if request.method == "GET" and "/files/" in request.path]
    assert [path.rpartition("/")[2] for path in read] == ["00000.dcm", "00001.dcm", "00002.dcm"]


def test_what_a_1_8_cannot_compute_is_read_back_for_as_long_as_its_bytes_come(
    hospitals: dict[str, SandboxHospital], tmp_path: Path
) -> None:
    hospital = hospitals["1.8 without checksums"]
    folder = folder_of(tmp_path / "files", [200_000] * 10)
    slow = SlowLink(latency_ms=0, bandwidth_mbps=8, nth=2, **DOWNLOAD)  # type: ignore[arg-type]
    refused = Refuse(403, path="/refresh/", times=None)
    with hospital.sandbox.inject(slow), hospital.sandbox.inject(refused):
        report = sent(hospital, folder, replace(READING_BACK, exchange_timeout_seconds=1))
    assert report.count("stored") == 10
    assert not [request for request in asked(hospital) if request.startswith("HEAD")]


def test_the_sessions_own_resource_is_read_back(old: SandboxHospital, tmp_path: Path) -> None:
    report = sent(old, folder_of(tmp_path / "files", [1000] * 3), READING_BACK, scan_id=None)
    assert report.count("stored") == 3


def test_each_resource_of_a_cohort_is_read_back_once(old: SandboxHospital, tmp_path: Path) -> None:
    folder_of(tmp_path, [1000] * 6)
    rows = [f"{old.hub_project_id},{old.accession_id},4,R{number // 3},{number:05d}.dcm" for number in range(6)]
    manifest = tmp_path / "cohort.csv"
    manifest.write_text("\n".join(["hub_project_id,accession_id,scan_id,resource_id,file", *rows]))
    with old.connect(settings=READING_BACK) as uploader:
        old.sandbox.clear_requests()
        report = uploader.upload_cohort(manifest, root=tmp_path, progress=False)
    assert report.count("stored") == 6
    assert len(old.sandbox.requests.matching(query={"format": "zip"})) == 2
