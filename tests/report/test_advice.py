"""What a report explains beside what became of each file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.local.staged import stage
from tests.report.test_exports import FAILED, OUTCOME
from xnat_upload import MissingFileError, Report, Status
from xnat_upload.report.outcome import ResourceResult, told_apart

COMPOSED, DECOMPOSED = "L\u00e4sion.nii", "La\u0308sion.nii"


def test_a_report_says_how_to_get_an_md5_where_the_archive_keeps_none() -> None:
    unproven = dataclasses.replace(OUTCOME, status=Status.UNPROVEN)
    report = Report(files=(unproven, OUTCOME), seconds=1.0)
    (advice,) = report.advice
    assert advice.startswith(
        "1 file is proven by size alone, because the archive keeps no MD5. What is there is proven"
    )
    assert advice in str(report).splitlines()
    assert "options=checksum" in report._repr_html_()
    assert Report(files=(OUTCOME, FAILED), seconds=1.0).advice == ()


@pytest.mark.parametrize(("sent", "listed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_name_that_the_archive_lists_in_another_unicode_form_is_shown_apart(sent: str, listed: str) -> None:
    missing = dataclasses.replace(FAILED, name=sent, reason="the archive does not list it")
    (outcome,) = told_apart(ResourceResult((missing,), extra=("other.nii", listed))).outcomes
    assert outcome.reason == (
        f"the archive does not list it; its name is written {listed!a} there and {sent!a} here, in two Unicode forms "
        "that look the same. Rename the file to the form that is there."
    )
    for names in ((), ("other.nii",), ("L\u00e0sion.nii",)):
        assert told_apart(ResourceResult((missing,), extra=names)).outcomes == (missing,)


def test_a_local_file_that_is_named_in_another_unicode_form_is_shown_apart(tmp_path: Path) -> None:
    (tmp_path / DECOMPOSED).write_bytes(b"a")
    with pytest.raises(MissingFileError) as caught:
        stage(COMPOSED, root=tmp_path)
    assert f"written {DECOMPOSED!a} there and {COMPOSED!a} here" in str(caught.value)
