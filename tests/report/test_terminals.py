"""What a server, a table or a path says never reaches a terminal raw: no escape, no direction, no line break."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import unicodedata
from pathlib import Path

import pytest

from tests.report.test_exports import DESTINATION, FAILED
from xnat_upload import Accession, IncompleteUploadError, Readiness, Report, ServerError
from xnat_upload.display.tables import aligned
from xnat_upload.report.exports import csv_text

EVIL = "a\x1b[2J\x9b31m\u202egnp\u2066\u200f\u2028b\r\nc\x7f\x00\udcff"
SHOWN = "a\\x1b[2J\\x9b31m\\u202egnp\\u2066\\u200f\\u2028b\\r\\nc\\x7f\\x00\\udcff"
REPORT = Report(
    files=(
        dataclasses.replace(FAILED, reason=EVIL, path=Path("/data") / EVIL.replace("\0", ""), destination=DESTINATION),
    ),
    seconds=1.0,
    extra=(EVIL,),
)


def harmful(text: str, *, but: str = "\n") -> set[str]:
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return {
        one
        for one in text
        if one not in but
        and (
            unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(one) in directions
            or one in "\u061c\u200e\u200f"
        )
    }


def test_a_table_and_a_readiness_are_harmless() -> None:
    accession = Accession("hub-1", "P1", "S1", "E1", EVIL, EVIL)
    readiness = Readiness(
        server="https://xnat.example",
        user=EVIL,
        version=EVIL,
        project_id=EVIL,
        role=EVIL,
        accession=accession,
        obstacles=(EVIL,),
        doubts=(EVIL,),
    )
    for text in (str(REPORT), str(readiness), "\n".join(aligned((EVIL, EVIL), [(EVIL, EVIL)]))):
        assert SHOWN in text
        assert not harmful(text)
    assert len(str(readiness).splitlines()) == 7


def test_json_is_harmless_and_read_back_as_it_was() -> None:
    text = REPORT.to_json()
    assert not harmful(text)
    document = json.loads(text)
    assert document["files"][0]["reason"] == EVIL
    assert document["totals"]["extra"] == [EVIL]
    assert "\x1b" in document["files"][0]["path"]


def test_csv_is_harmless_its_headings_too() -> None:
    text = REPORT.to_csv()
    assert not harmful(text, but="\r\n")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["reason"] == SHOWN
    heading = csv_text([{"=1+1": "x", EVIL: "y"}], ["=1+1", EVIL]).split("\r\n")[0]
    assert heading == f"'=1+1,{SHOWN}"


@pytest.mark.parametrize("kind", [ServerError, lambda text: IncompleteUploadError(text, report=REPORT)])
def test_the_message_of_an_error_is_harmless(kind: type[ServerError]) -> None:
    error = kind(EVIL)
    assert not harmful(str(error))
    assert str(error).startswith("a\\x1b[2J")


def test_columns_stand_under_one_another_whatever_takes_the_width() -> None:
    """A terminal gives two columns to some characters, and none to those that stand on another."""
    lines = aligned(
        ("file", "reason"), [("日本.nii", "X"), ("e\u0301.nii", "X"), ("1.50", "X"), ("  led", "X"), ("", "X")]
    )
    assert lines == [
        "file      reason",
        "日本.nii  X",
        "e\u0301.nii     X",
        "1.50      X",
        "  led     X",
        "          X",
    ]
