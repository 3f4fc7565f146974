"""What a comment says about XNAT can be looked up: each reference to a page under ``docs/xnat`` leads to a heading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("xnat_upload", "tests", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md")
)
_WRAPPED = re.compile(r"\n[ \t]*(?:#:? )?[ \t]*")
_CITATION = re.compile(r'docs/xnat/([\w.-]+\.md)((?:(?:,|;|,? and) "[^"]+")*)')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def citations(text: str) -> list[tuple[str, str]]:
    """Page and heading of each reference, also where it goes over the end of a line; no heading is ``""``."""
    return [
        (page, heading)
        for page, headings in _CITATION.findall(_WRAPPED.sub(" ", text))
        for heading in re.findall(r'"([^"]+)"', headings) or [""]
    ]


@pytest.mark.parametrize(
    "text",
    [
        'x = 1  # denied is 200 (docs/xnat/page.md, "A heading" and "Another")',
        '    # denied is 200 (docs/xnat/page.md, "A\n    # heading" and\n    # "Another").',
        '    """Send it (docs/xnat/page.md,\n    "A heading",\n    "Another").\n    """',
    ],
)
def test_a_citation_is_found_also_over_the_end_of_a_line(text: str) -> None:
    assert citations(text) == [("page.md", "A heading"), ("page.md", "Another")]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_citation_of_a_page_on_xnat_leads_to_a_heading(source: Path) -> None:
    if source == Path(__file__):
        return
    for page, heading in citations(source.read_text()):
        cited = ROOT / "docs" / "xnat" / page
        assert cited.is_file(), page
        assert heading in _HEADING.findall(cited.read_text()), f'{page}, "{heading}"'
