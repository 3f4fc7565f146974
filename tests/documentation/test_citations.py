"""What a comment says about XNAT can be looked up in this repository, under the page and heading that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documented import DOCS, ROOT

SOURCES = sorted(
    path
    for folder in ("xnat_upload", "tests", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md") and path != Path(__file__)
)
_WRAPPED = re.compile(r"\n[ \t]*(?:#:? )?[ \t]*")
_CITATION = re.compile(r'docs/xnat/([\w.-]+\.md)((?:(?:,|;|,? and|) "[^"]+")*)')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ELSEWHERE = (
    re.compile(r"contract,? (?:read|write)\b|\b(?:read|write) contract\b"),
    re.compile(r"\b(?:design|peers|style|sandbox-faults|xnat-[\w.-]+)\.md\b"),
    re.compile(r"(?<!RFC \d{4} )§"),
)


def citations(text: str) -> list[tuple[str, str]]:
    """Page and heading of each reference, also where it goes over the end of a line; a whole page has ``""``."""
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


def test_each_citation_of_a_page_on_xnat_leads_to_a_heading() -> None:
    known = {page.name: _HEADING.findall(page.read_text()) for page in (DOCS / "xnat").glob("*.md")}
    cited = [(source.relative_to(ROOT), each) for source in SOURCES for each in citations(source.read_text())]
    assert len(cited) > 100
    lost = [
        f'{source}: {page}, "{heading}"'
        for source, (page, heading) in cited
        if page not in known or heading not in ["", *known[page]]
    ]
    assert lost == []


def test_nothing_rests_on_a_document_that_is_not_here() -> None:
    resting = [
        f"{source.relative_to(ROOT)}: {found[0]}"
        for source in SOURCES
        for pattern in _ELSEWHERE
        if (found := pattern.search(_WRAPPED.sub(" ", source.read_text())))
    ]
    assert resting == []
