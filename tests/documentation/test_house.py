"""What a stranger looks for first: how to contribute, to report a hole, to cite, and what has changed."""

from __future__ import annotations

import re

import pytest
import yaml

import xnat_upload
from tests.documented import DOCS, ROOT

KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "README.md"])
def test_links_of_the_pages_at_the_top_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / name).read_text()):
        assert (ROOT / link).exists(), link


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (DOCS / "changelog.md").read_text()
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert versions[1].startswith(f"[{xnat_upload.__version__}]")
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= KINDS


def test_the_citation_is_of_this_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == xnat_upload.__version__
    assert f"(version {xnat_upload.__version__})" in (ROOT / "docs" / "topics" / "help.md").read_text()
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text()
