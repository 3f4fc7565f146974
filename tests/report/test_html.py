"""How plans, reports and uploaders look in a notebook: complete, linked, folded, and escaped."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest
from lxml import etree

from tests.conftest import SandboxHospital
from tests.report.test_exports import FAILED, OUTCOME, place
from xnat_upload import FileOutcome, Report, Status, Uploader
from xnat_upload.display import html
from xnat_upload.display.html import Tone

HOSTILE = [
    "<script>alert(1)</script>.nii",
    '"><img src=x onerror=alert(1)>.nii',
    "' onmouseover='alert(1)'.nii",
    "&lt;b&gt;.nii",
    "</details></table>.nii",
    "javascript:alert(1)",
]


def parsed(page: str) -> etree._Element:
    """Parse strictly: whatever breaks out of its place is an error here."""
    return etree.fromstring(f"<div>{page}</div>")


def text_of(element: etree._Element) -> str:
    return "".join(str(text) for text in element.itertext())


def rows_of(element: etree._Element) -> list[list[str]]:
    """The cells of each row, those that span several rows in each of them."""
    rows: list[list[str]] = []
    spanning: dict[int, tuple[int, str]] = {}
    for row in element.iterfind(".//tbody/tr"):
        cells = row.findall("td")
        found: list[str] = []
        while cells or spanning.get(len(found), (0, ""))[0]:
            left, text = spanning.get(len(found), (0, ""))
            if not left:
                cell = cells.pop(0)
                left, text = int(cell.get("rowspan", "1")), text_of(cell)
            spanning[len(found)] = left - 1, text
            found.append(text)
        rows.append(found)
    return rows


def outcomes(number: int, *, wrong: frozenset[int] = frozenset()) -> tuple[FileOutcome, ...]:
    return tuple(
        dataclasses.replace(FAILED if index in wrong else OUTCOME, name=f"{index}.nii") for index in range(number)
    )


def test_a_report_shows_a_row_for_each_file_with_status_size_and_reason() -> None:
    page = parsed(Report(files=(OUTCOME, FAILED), seconds=2.0)._repr_html_())
    assert rows_of(page) == [
        ["✓ stored", "a.nii", "2.0 KiB", "size and MD5 agree"],
        ["✗ failed", "b.nii", "2.0 KiB", "the archive does not list it"],
    ]


def test_a_report_shows_totals_time_and_bytes_per_second() -> None:
    text = text_of(parsed(Report(files=(OUTCOME, FAILED), seconds=2.0)._repr_html_()))
    assert "1 stored, 1 failed; 2.0 KiB sent in 2.0 s; up to 2.0 KiB more sent and not stored · 1.0 KiB/s" in text
    assert "1 not in the archive" in text
    assert "hub" not in text


def test_a_report_links_each_stored_file_and_the_page_of_its_session() -> None:
    page = parsed(Report(files=(OUTCOME, FAILED), seconds=2.0)._repr_html_())
    links = {text_of(link): link.get("href") for link in page.iterfind(".//a")}
    assert links == {
        "FAK09131796": "https://xnat.example/data/projects/P/subjects/S/experiments/E?format=html",
        "a.nii": OUTCOME.url,
    }


def test_files_of_several_places_say_where_they_went() -> None:
    other = dataclasses.replace(OUTCOME, destination=dataclasses.replace(OUTCOME.destination, accession_id="FAK2"))
    page = parsed(Report(files=(OUTCOME, other), seconds=2.0)._repr_html_())
    assert [row[2] for row in rows_of(page)] == ["FAK09131796 / scan 4 / SEG", "FAK2 / scan 4 / SEG"]


def test_the_links_of_a_real_upload_work(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "é & #1.nii").write_bytes(b"a")
    with ward.connect() as uploader:
        report = uploader.upload("é & #1.nii", **place(ward, tmp_path))
        plan = uploader.plan("é & #1.nii", **place(ward, tmp_path, exist_ok=True))
        page_of_uploader = uploader._repr_html_()
    for shown in (report._repr_html_(), plan._repr_html_()):
        links = {text_of(link): str(link.get("href")) for link in parsed(shown).iterfind(".//a")}
        assert set(links) == {"é & #1.nii", ward.accession_id}
        assert ward.ask("GET", links["é & #1.nii"].removeprefix(ward.server)).content == b"a"
        assert ward.ask("GET", links[ward.accession_id].removeprefix(ward.server)).status_code == 200
    assert f'href="{ward.server}"' in page_of_uploader
    assert "logged in as" in page_of_uploader


def test_a_plan_shows_what_would_be_done_and_why(ward: SandboxHospital, tmp_path: Path) -> None:
    for name in ("new.nii", "there.nii"):
        (tmp_path / name).write_bytes(b"bytes")
    ward.put("4", "SEG", "there.nii", b"theirs")
    with ward.connect() as uploader:
        plan = uploader.plan(["new.nii", "there.nii"], **place(ward, tmp_path))
        to_new_scan = uploader.plan(["new.nii"], **place(ward, tmp_path, scan_id="new"))
    page = parsed(plan._repr_html_())
    assert [row[:2] for row in rows_of(page)] == [["✓ send", "new.nii"], ["✗ refuse", "there.nii"]]
    assert plan.summary in text_of(page)
    assert "1 refused, so nothing would be sent" in text_of(page)
    assert "Scan new does not exist yet; it would be a xnat:ctScanData." in text_of(parsed(to_new_scan._repr_html_()))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_paths_and_words_stay_text(hostile: str) -> None:
    outcome = dataclasses.replace(OUTCOME, name=hostile, reason=hostile, url=hostile)
    failed = dataclasses.replace(outcome, status=Status.FAILED)
    page = parsed(Report(files=(outcome, failed), extra=(hostile,), seconds=1.0)._repr_html_())
    assert text_of(page).count(hostile) == 5
    assert not list(page.iter("script", "img", "b"))
    assert not [name for element in page.iter() for name in element.attrib if str(name).startswith("on")]
    assert not list(page.iter("a")), "an address that is no http address is no link"


def test_a_name_cannot_change_the_writing_direction_of_its_neighbours() -> None:
    page = parsed(Report(files=(dataclasses.replace(OUTCOME, name="\u05d0\u05d1 1.nii"),), seconds=1.0)._repr_html_())
    assert [text_of(bdi) for bdi in page.iter("bdi") if "\u05d0" in text_of(bdi)] == ["\u05d0\u05d1 1.nii"]


def test_a_long_table_folds_and_shows_what_went_wrong_first() -> None:
    page = parsed(Report(files=outcomes(118, wrong=frozenset({100, 117})), seconds=1.0)._repr_html_())
    (folded,) = page.iter("details")
    assert text_of(folded.findall("summary")[0]) == "106 more files"
    assert [row[1] for row in rows_of(page)[:3]] == ["100.nii", "117.nii", "0.nii"]
    assert len(rows_of(page)) == 118
    assert len(rows_of(folded)) == 106


@pytest.mark.parametrize(
    "kind", ["alike", "long names", "hostile names", "reasons of their own", "places of their own"]
)
def test_a_huge_table_is_cut_and_says_where_the_whole_is(kind: str) -> None:
    """A notebook keeps what it shows in its file."""
    files = outcomes(1500, wrong=frozenset(range(900, 1400)))
    if kind == "long names":
        files = tuple(dataclasses.replace(file, name=f"{file.name:x<250}", url=f"{file.url:x<900}") for file in files)
    elif kind == "hostile names":
        files = tuple(dataclasses.replace(file, name="<&>" * 80) for file in files)
    elif kind == "reasons of their own":
        files = tuple(dataclasses.replace(file, reason=f"{file.name} {'because ' * 40}") for file in files)
    elif kind == "places of their own":
        files = tuple(
            dataclasses.replace(file, destination=dataclasses.replace(file.destination, accession_id=f"ACC{number}"))
            for number, file in enumerate(files)
        )
    shown = Report(files=files, seconds=1.0)._repr_html_()
    rows = rows_of(parsed(shown))
    assert 20 < len(rows) < 1500
    assert rows[0][0] == "✗ failed"
    assert f"{1500 - len(rows)} are not shown, report.to_dataframe() has them all" in shown
    assert len(shown.encode()) < 100_000


def test_a_reason_that_many_files_share_is_said_once_and_stands_beside_each() -> None:
    shown = Report(files=outcomes(118, wrong=frozenset({3, 60, 90})), seconds=1.0)._repr_html_()
    assert shown.count(FAILED.reason) == 1
    assert shown.count(OUTCOME.reason) == 2, "once above the fold, and once below"
    assert [row[3] for row in rows_of(parsed(shown))] == [FAILED.reason] * 3 + [OUTCOME.reason] * 115


def test_what_is_shown_needs_nothing_from_elsewhere_and_only_badges_have_a_ground_of_their_own() -> None:
    shown = Report(files=outcomes(118, wrong=frozenset({3})), seconds=1.0)._repr_html_()
    assert not re.findall(r"<(script|link|img|iframe)\b|@import|url\(|!important| style=", shown)
    (style,) = parsed(shown).iter("style")
    rules = dict(re.findall(r"^(.+?) \{ (.*) \}$", text_of(style), re.MULTILINE))
    assert all(selector.startswith(".xnat-upload") for selector in rules), "nothing else of the notebook changes"
    grounds = {selector for selector, rule in rules.items() if "background" in rule and "transparent" not in rule}
    assert grounds == {f".xnat-upload .{tone}" for tone in get_args(Tone)}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio", of two colours such as #1e1e1e."""

    def luminance(colour: str) -> float:
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#000000", "#1e1e1e"])
@pytest.mark.parametrize("tone", get_args(Tone))
def test_badges_pass_wcag_aa_on_every_page(tone: Tone, page: str) -> None:
    """No colour has 4.5 to 1 both on white and on an editor's grey: the words stand on a ground of the badge's own."""
    style = (Path(html.__file__).parent / "templates" / "style.css").read_text()
    (words,) = re.findall(r"\.badge \{ color: (#\w{6});", style)
    (ground,) = re.findall(rf"\.{tone} \{{ background: (#\w{{6}});", style)
    assert contrast(words, ground) >= 4.5
    assert contrast(ground, page) >= 3


def test_what_check_found_is_a_table_with_what_would_stop_an_upload(ward: SandboxHospital) -> None:
    with ward.connect() as uploader:
        ready = uploader.check(ward.hub_project_id, ward.accession_id)
        stopped = uploader.check(ward.hub_project_id, "<b>no such session</b>")
    shown = parsed(ready._repr_html_())
    facts = {text_of(row.findall("th")[0]): text_of(row.findall("td")[0]) for row in shown.iterfind(".//tr")}
    assert facts["server"] == ready.server
    assert facts["accession"] == f"{ward.accession_id}: xnat:ctSessionData with 1 scan"
    assert "✓ nothing would stop you" in text_of(shown)
    assert "✗ an upload would be stopped" in text_of(parsed(stopped._repr_html_()))
    assert stopped.obstacles[0] in text_of(parsed(stopped._repr_html_()))
    unsure = dataclasses.replace(ready, doubts=("whether it will rain",))
    assert "! unsure" in text_of(parsed(unsure._repr_html_()))


def test_an_accession_is_shown_with_its_scans_and_resources(ward: SandboxHospital) -> None:
    ward.put("4", "SEG", "a.nii", b"a")
    ward.sandbox.add_files(ward.project_id, ward.accession_id, None, "NOTES", {"read.me": b"me"})
    with ward.connect() as uploader:
        accession = uploader.locate(ward.accession_id, hub_project_id=ward.hub_project_id)
    shown = parsed(accession._repr_html_())
    assert rows_of(shown) == [["4", "xnat:ctScanData", "", "", "SEG"]]
    assert "Resources of the session itself: NOTES" in text_of(shown)
    hostile = dataclasses.replace(accession, label=HOSTILE[0], scan_types={}, resource_numbers={})
    page = parsed(hostile._repr_html_())
    assert HOSTILE[0] in text_of(page)
    assert "It has no scans yet." in text_of(page)
    assert not list(page.iter("script"))


def test_an_empty_report_can_be_shown() -> None:
    assert "no files; 0 bytes sent" in text_of(parsed(Report(files=(), seconds=0.0)._repr_html_()))


def test_showing_an_uploader_asks_the_archive_nothing(ward: SandboxHospital) -> None:
    import pyxnat

    interface = pyxnat.Interface(ward.server, ward.user, ward.password)
    ward.sandbox.clear_requests()
    shown = Uploader(interface, images_dir="/data/<images>")._repr_html_()
    assert ward.sandbox.requests == ()
    assert "not logged in yet" in shown
    assert "Nets lie in /data/<images>." in text_of(parsed(shown))
    interface._http.close()
