"""The log has the lines that its page shows, and none of what may identify a patient before DEBUG."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from tests.conftest import SandboxHospital
from tests.documented import DOCS, blocks
from tests.hospital import IMPATIENT
from xnat_upload.sandbox.faults import Refuse


@pytest.fixture
def logged(ward: SandboxHospital, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines of an upload of three files, of which the first request meets a server that is busy."""
    for name in ("a.nii", "b.nii", "c.nii"):
        (tmp_path / name).write_bytes(b"x" * 2000)
    with (
        caplog.at_level(logging.DEBUG, logger="xnat_upload"),
        ward.sandbox.inject(Refuse(503, path="/files/", method="PUT", times=1)),
        ward.connect(settings=IMPATIENT) as uploader,
    ):
        uploader.upload(
            tmp_path,
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id=4,
            resource_id="SEG",
        )
    records = [record for record in caplog.records if record.name.startswith("xnat_upload.")]
    return [f"{record.levelname:<5} {record.name}: {record.getMessage()}" for record in records]


def alike(line: str) -> str:
    """A line without what no two runs have in common."""
    line = re.sub(r"https?://[^/]+/data/projects/\w+/subjects/\w+/experiments/\w+", "PATH", line)
    return re.sub(r"[\d.]+ (s\b|[KMG]iB/s|bytes/s)", "N", re.sub(r"after \d+ s", "after N", line))


def test_the_lines_are_those_of_the_page(logged: list[str]) -> None:
    page = [block for block in blocks(DOCS / "how-to" / "logging.md") if block.directive == "{code-block}"]
    shown = [block.text.splitlines() for block in page]
    info, debug = ([alike(line) for line in lines] for lines in shown)
    assert [alike(line) for line in logged if line.startswith("INFO")] == info
    assert set(debug) <= {alike(line) for line in logged}


def test_names_and_secrets_stay_where_they_belong(logged: list[str], ward: SandboxHospital) -> None:
    told = "\n".join(line for line in logged if not line.startswith("DEBUG"))
    for name in ("a.nii", "b.nii", "c.nii", ward.accession_id, ward.subject_label, "XNAT_E", "XNAT_S"):
        assert name not in told
    requests = [line for line in logged if re.search(r"connection: (GET|PUT|DELETE) http", line)]
    assert len(requests) == len(ward.sandbox.requests)
    sessions = {request.session_id for request in ward.sandbox.requests if request.session_id}
    assert sessions
    for secret in (f":{ward.password}@", "Basic ", *sessions):
        assert secret not in "\n".join(logged)
