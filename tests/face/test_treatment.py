"""With what files are sent and places are made: a reason, a format, a content."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SandboxHospital
from tests.face.test_where import words
from tests.hospital import Hospital
from xnat_upload import InvalidIdentifierError, ServerError, Uploader
from xnat_upload.sandbox import Sandbox, SiteSettings

WRITING = ("PUT", "POST")


@pytest.fixture(params=["1.8", "1.6"])
def strict(request: pytest.FixtureRequest) -> Iterator[SandboxHospital]:
    """A site that wants a reason for each change."""
    with Sandbox(profile=request.param, site=SiteSettings(require_change_justification=True)) as sandbox:
        sandbox.add_project("LUNG", secondary_id="hub-1")
        sandbox.add_session("LUNG", "FAK1", xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        yield SandboxHospital(
            server=sandbox.url,
            user=sandbox.user,
            password=sandbox.password,
            project_id="LUNG",
            hub_project_id="hub-1",
            accession_id="FAK1",
            sandbox=sandbox,
        )


def reasons(hospital: SandboxHospital) -> list[str | None]:
    """What every request that changes the archive said for its reason."""
    writing = [each for each in hospital.sandbox.requests if each.method in WRITING and "auth" not in each.path]
    return [each.query.get("event_reason") for each in writing]


def test_a_reason_goes_with_every_change(strict: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    with strict.connect(reason="nightly run") as uploader:
        assert uploader.upload(tmp_path / "a.nii", **words(strict, scan_id="9")).ok
        assert uploader.upload({"a.nii": b"b"}, exist_ok=True, reason="corrected", **words(strict, scan_id="9")).ok
        accession = uploader.locate(strict.accession_id, project_id=strict.project_id)
        uploader.create_resource(uploader.create_scan(accession, "10", reason="r1"), "SEG", reason="r2")
        rows = [{**words(strict, resource_id="T"), "file": "a.nii"}]
        assert uploader.upload_cohort(rows, root=tmp_path, reason="cohort").ok
    said = reasons(strict)
    assert None not in said
    assert {"nightly run", "corrected", "r1", "r2", "cohort"} == set(said)


def test_a_site_that_wants_a_reason_says_which_argument(strict: SandboxHospital) -> None:
    with strict.connect() as uploader, pytest.raises(ServerError, match="reason="):
        uploader.upload({"a": b"a"}, **words(strict))


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", 5])
def test_a_reason_is_text_on_one_line(hospital: Hospital, reason: str) -> None:
    with hospital.connect() as uploader, pytest.raises(InvalidIdentifierError, match="reason is"):
        uploader.upload({"a": b"a"}, reason=reason, **words(hospital))
    with pytest.raises(InvalidIdentifierError, match="reason is"):
        hospital.connect(reason=reason)


def test_format_and_content_are_those_of_a_resource_that_is_made_and_never_of_one_that_exists(
    hospital: Hospital,
) -> None:
    with hospital.connect() as uploader:
        uploader.upload({"a": b"a"}, resource_format="NIFTI", resource_content="SEG", **words(hospital))
        uploader.upload({"b": b"b"}, resource_format="DICOM", resource_content="RAW", **words(hospital))
        uploader.create_resource(resource_format="DICOM", **words(hospital, resource_id="OTHER"))
    rows = hospital.ask("GET", f"{hospital.session_path}/scans/4/resources?format=json").json()["ResultSet"]["Result"]
    found = {row["label"]: (row["format"], row["content"]) for row in rows}
    assert found["SEG"] == ("NIFTI", "SEG")
    assert found["OTHER"][0] == "DICOM"


def test_async_uploads_leave_the_callers_executor_alone(ward: SandboxHospital) -> None:
    async def run() -> None:
        async with ward.connect() as uploader:
            with ward.sandbox.hold("before-catalog-write") as hold:
                uploads = [
                    asyncio.ensure_future(
                        uploader.upload_async({"a": io.BytesIO(b"a")}, **words(ward, resource_id=f"R{number}"))
                    )
                    for number in range(12)
                ]
                await asyncio.to_thread(hold.wait_until_reached)
                before = threading.active_count()
                assert await asyncio.to_thread(lambda: "at once") == "at once"
                assert before > 12
                hold.release()
            assert all(report.ok for report in await asyncio.gather(*uploads))

    asyncio.run(run())


def test_connect_gives_an_uploader_that_can_be_entered_either_way(hospital: Hospital) -> None:
    async def run() -> str:
        async with hospital.connect() as uploader:
            assert type(uploader) is Uploader
            return uploader.user

    assert asyncio.run(run()) == hospital.user
