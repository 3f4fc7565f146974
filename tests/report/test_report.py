"""What the user reads is what happened."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnat_upload import Destination, FileOutcome, Report, Status

DESTINATION = Destination(hub_project_id="hub-1", accession_id="FAK1", scan_id="4", resource_id="NIFTI")


def outcome(name: str, status: Status, *, size_bytes: int = 10, reason: str = "because") -> FileOutcome:
    return FileOutcome(
        destination=DESTINATION,
        name=name,
        path=Path("/data") / name,
        url=f"https://xnat.example/files/{name}",
        size_bytes=size_bytes,
        md5=None,
        status=status,
        reason=reason,
        attempts=1,
        seconds=0.5,
        bytes_on_the_line=0 if status in (Status.SKIPPED, Status.NOT_SENT) else size_bytes,
    )


def report(*statuses: Status) -> Report:
    return Report(files=tuple(outcome(f"{number}.nii", each) for number, each in enumerate(statuses)), seconds=2.0)


@pytest.mark.parametrize(
    ("status", "ok"),
    [
        (Status.STORED, True),
        (Status.SKIPPED, True),
        (Status.UNPROVEN, True),
        (Status.FAILED, False),
        (Status.NOT_SENT, False),
    ],
)
def test_only_what_the_archive_holds_is_ok(status: Status, ok: bool) -> None:
    assert outcome("a", status).ok == ok
    assert report(Status.STORED, status).ok == ok


def test_a_status_is_its_own_text() -> None:
    assert [str(each) for each in Status] == ["stored", "skipped", "unproven", "failed", "not sent"]
    text: str = "stored"
    assert text == Status.STORED


@given(st.lists(st.sampled_from(Status), max_size=60))
def test_totals_agree_with_the_files(statuses: list[Status]) -> None:
    made = report(*statuses)
    assert sum(made.count(status) for status in Status) == len(statuses)
    assert made.count("failed") == made.count(Status.FAILED) == statuses.count(Status.FAILED)
    assert made.bytes_sent == 10 * (made.count("stored") + made.count("unproven"))
    assert made.ok == all(each in ("stored", "skipped", "unproven") for each in statuses)
    assert made.urls == [f"https://xnat.example/files/{number}.nii" for number in range(len(statuses))]
    assert made.summary in str(made)


def test_the_summary_is_one_line_that_counts() -> None:
    made = report(Status.STORED, Status.STORED, Status.SKIPPED, Status.FAILED, Status.NOT_SENT)
    assert made.summary == (
        "2 stored, 1 skipped, 1 failed, 1 not sent; 20 bytes sent in 2.0 s; up to 10 bytes more sent and not stored"
    )
    assert report().summary == "no files; 0 bytes sent in 2.0 s"
    assert str(report()) == report().summary


def test_the_table_is_aligned_and_has_the_reasons() -> None:
    made = Report(
        files=(
            outcome("a.nii", Status.STORED, size_bytes=2048, reason="size and MD5 agree"),
            outcome("longer name.nii", Status.NOT_SENT, reason="the upload was interrupted"),
        ),
        seconds=1.0,
    )
    assert str(made).splitlines() == [
        "status        size  file                   reason",
        "stored     2.0 KiB  NIFTI/a.nii            size and MD5 agree",
        "not sent  10 bytes  NIFTI/longer name.nii  the upload was interrupted",
        "1 stored, 1 not sent; 2.0 KiB sent in 1.0 s",
    ]


def test_a_long_table_shows_every_failure_and_says_how_much_it_leaves_out() -> None:
    statuses = [Status.STORED] * 100
    statuses[70] = Status.FAILED
    lines = str(report(*statuses)).splitlines()
    assert len(lines) == 1 + 40 + 1 + 1
    assert lines[1].startswith("failed")
    assert "NIFTI/70.nii" in lines[1]
    assert lines[-2] == "… and 60 more"
    assert str(report(*[Status.FAILED] * 60)).count("NIFTI/") == 60


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 1024**2, "5.0 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (2 * 1024**4, "2.0 TiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_bytes_are_written_as_a_person_would(size_bytes: int, text: str) -> None:
    made = Report(files=(outcome("a", Status.STORED, size_bytes=size_bytes),), seconds=2.0)
    assert made.summary == f"1 stored; {text} sent in 2.0 s"


def test_a_report_can_be_kept() -> None:
    made = report(Status.STORED, Status.FAILED)
    assert pickle.loads(pickle.dumps(made)) == made
