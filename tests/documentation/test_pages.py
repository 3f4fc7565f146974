"""The documentation is true: its examples run, its commands exist, its numbers are counted, and nothing is left out."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import xnat_upload
from tests.documented import (
    ACCESSIONS,
    DOCS,
    HUB_PROJECT_ID,
    PAGES,
    ROOT,
    DocumentedHospital,
    anchors,
    blocks,
    notebook_code,
    open_documented_hospital,
    rows,
    run_blocks,
    run_commands,
)
from tests.transfer.test_faults import HEALED, REPORTED
from xnat_upload import TransferSettings, XnatUploadError
from xnat_upload.sandbox import Sandbox, faults
from xnat_upload.sandbox.__main__ import main as sandbox
from xnat_upload.sandbox.faults import Fault
from xnat_upload.sandbox.routes.table import ARCHIVE, OWNERS, SCANS_OF, SITE, XAPI, Noun

DOCUMENTS = [page for page in PAGES if page.name != "README.md"]  # whose program runs on a sandbox of its own
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentedHospital]:
    with Sandbox() as sandbox:
        hospital = open_documented_hospital(sandbox, tmp_path)
        for name, value in hospital.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield hospital


@pytest.mark.parametrize(
    "page",
    [page for page in DOCUMENTS if any(block.language == "python" and not block.directive for block in blocks(page))],
    ids=lambda page: page.stem,
)
def test_the_examples_of_a_page_do_what_it_says(
    page: Path, hospital: DocumentedHospital, request: pytest.FixtureRequest
) -> None:
    names = run_blocks(page, hospital)
    for name, test in names.items():
        if name.startswith("test_") and callable(test):  # a page that shows a test shows one that passes
            test(*(request.getfixturevalue(fixture) for fixture in _parameters(test)))


def _parameters(function: Callable[..., object]) -> list[str]:
    code = function.__code__
    return list(code.co_varnames[: code.co_argcount])


def test_the_commands_of_the_command_line_do_what_is_said(hospital: DocumentedHospital) -> None:
    (hospital.folder / "out" / "cohort.csv").write_text(
        f"hub_project_id,accession_id,scan_id,resource_id,file\n{HUB_PROJECT_ID},{ACCESSIONS[1]},4,SEG,seg.nii.gz\n"
    )
    run_commands(DOCS / "how-to" / "command-line.md", hospital)
    assert set(hospital.stored("SEG")) == {"seg.nii.gz", "left.nii.gz", "right.nii.gz"}
    assert ",stored," in (hospital.folder / "out" / "stored.csv").read_text()


def test_the_tutorial_runs_from_its_first_cell_to_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib.pyplot as plt  # of the extra "docs", which the other tests do without

    monkeypatch.setattr("tqdm.auto.tqdm", None)  # nobody looks, so no bar is drawn
    plt.switch_backend("agg")
    namespace: dict[str, object] = {}
    for number, code in enumerate(notebook_code(DOCS / "tutorial.ipynb")):
        exec(compile(code, f"tutorial, cell {number}", "exec"), namespace)
    plt.close("all")
    broken_off, resumed = namespace["broken_off"], namespace["resumed"]
    assert isinstance(broken_off, xnat_upload.Report)
    assert isinstance(resumed, xnat_upload.Report)
    assert [file.status.value for file in broken_off.files] == ["stored", "failed", "not sent"]
    assert [file.status.value for file in resumed.files] == ["skipped", "stored", "stored"]


@pytest.mark.parametrize("notebook", sorted(DOCS.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(notebook: Path) -> None:
    text = notebook.read_text()
    assert '"outputs": []' in text
    assert '"output_type"' not in text


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("A [link](x.md), and `code`", "a-link-and-code"),
        ("What 1.10.2 changes", "what-1102-changes"),
        ("`/services/auth`: Ä_b", "servicesauth-ä_b"),
    ],
)
def test_an_anchor_is_what_the_site_and_a_repository_make_of_a_heading(
    heading: str, anchor: str, tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text(f"# Title\n\n## {heading}\n\n```text\n# no heading\n```\n")
    assert anchors(tmp_path / "page.md") == {"title", anchor}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@each_page
def test_links_into_a_page_lead_to_a_heading_of_it(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


@each_page
def test_examples_that_are_shown_exist(page: Path) -> None:
    for target in re.findall(r"\{literalinclude\} (\S+)", page.read_text()):
        assert (page.parent / target).is_file(), target


@each_page
def test_commands_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = page.read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"python -m ([a-z_.]+)", text):
        assert importlib.util.find_spec(module), module
    for options in re.findall(r"^(?:python -m xnat_upload\.|xnat-upload )sandbox (.*)$", text, re.MULTILINE):
        sandbox.make_context("sandbox", shlex.split(options))
    optional = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2]
    for extras in re.findall(r"xnat-upload\[([a-z,]+)\]", text):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", optional, re.MULTILINE), extra


@each_page
def test_names_of_the_package_in_a_page_exist(page: Path) -> None:
    for dotted in re.findall(r"\{py:\w+\}`~?(xnat_upload(?:\.\w+)+)`", page.read_text()):
        _, *names = dotted.split(".")
        value: object = xnat_upload
        for name in names:
            value = getattr(value, name)
    kinds = (xnat_upload.Uploader, xnat_upload.Plan, xnat_upload.CohortReport)
    for keyword in re.findall(r"`(?:uploader|Uploader|report|plan)\.(\w+)\(", page.read_text()):
        assert any(hasattr(kind, keyword) for kind in kinds), keyword


def test_the_first_screen_of_the_readme_has_both_commands_and_the_first_upload() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:36])
    for wanted in ("make demo", "make test", "pip install 'xnat-upload", "uploader.upload("):
        assert wanted in first_screen


def test_every_public_name_is_in_the_reference() -> None:
    reference = (DOCS / "reference.md").read_text()
    documented = re.findall(r"^\.\. auto(?:class|exception):: xnat_upload\.(\w+)$", reference, re.MULTILINE)
    assert sorted(documented) == xnat_upload.__all__


def test_every_error_has_its_row_where_one_looks_when_something_went_wrong() -> None:
    errors = {
        name
        for name in xnat_upload.__all__
        if isinstance(getattr(xnat_upload, name), type) and issubclass(getattr(xnat_upload, name), BaseException)
    }
    explained = [
        match[1] for cells in rows(DOCS / "troubleshooting.md") if (match := re.fullmatch(r"`(\w+)`", cells[0]))
    ]
    assert sorted(explained) == sorted(errors)
    assert XnatUploadError.__name__ in explained


def test_the_reasons_that_are_explained_are_those_a_report_gives() -> None:
    table = rows(DOCS / "troubleshooting.md")
    start = table.index(["reason", "means"])
    strings = [
        part.value
        for path in (ROOT / "xnat_upload").rglob("*.py")
        for part in ast.walk(ast.parse(path.read_text()))
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    for reason, _ in table[start + 1 :]:
        beginning = reason.removesuffix("…").strip()
        assert any(string.startswith(beginning) for string in strings), reason


def test_every_environment_variable_that_is_read_is_in_the_table() -> None:
    places = [*(ROOT / "xnat_upload").rglob("*.py"), ROOT / "tests" / "conftest.py"]
    read = {name for path in places for name in re.findall(r'env(?:iron)?(?:\.get\(|\[)"(\w+)"', path.read_text())}
    assert {"XNAT_HOST", "NETRC", "XNAT4TESTS_HOME", "XNAT_UPLOAD_TEST_SERVER"} <= read
    told = {name for row in rows(DOCS / "topics" / "environment.md") for name in re.findall(r"`(\w+)`", row[0])}
    assert read - told == set()


def test_the_page_on_installation_names_what_is_installed() -> None:
    page = DOCS / "topics" / "install.md"
    told = {cells[0].strip("`"): cells[2].lower() for cells in rows(page)[1:]}
    needed = [
        (re.match(r"[\w.-]+", each)[0].lower(), re.search(r"extra == .(\w+)", each))  # type: ignore[index]
        for each in importlib.metadata.requires("xnat-upload") or []
    ]
    for name, extra in needed:
        if extra is None:
            assert name in page.read_text().partition("| extra")[0].lower(), name
        elif extra[1] in told and name != "xnat-upload":
            brought = told[extra[1]].replace("the sandbox", told["sandbox"])
            assert name in brought, f"{name} of {extra[1]}"


def test_every_promise_has_as_many_tests_as_it_says() -> None:
    promised = {cells[1].strip("`"): int(cells[2]) for cells in rows(DOCS / "promises.md") if "::" in cells[1]}
    assert len(promised) >= 20
    files = sorted({test.partition("::")[0] for test in promised})
    collected = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
            *(f"tests/{file}" for file in files),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    counted = Counter(line.partition("[")[0].removeprefix("tests/") for line in collected.stdout.splitlines())
    assert {test: counted[test] for test in promised} == promised


def test_the_fault_matrix_is_the_one_that_is_tested() -> None:
    documented = {
        match[1]: cells[1] for cells in rows(DOCS / "promises.md") if (match := re.match(r"`([a-z0-9-]+)`:", cells[0]))
    }
    assert documented == {**dict.fromkeys(HEALED, "stored"), **dict.fromkeys(REPORTED, "reported")}


def test_every_path_of_the_sandbox_is_documented_with_its_methods() -> None:
    def shortened(template: str) -> str:
        for owner in sorted(OWNERS, key=len, reverse=True):
            below = template.removeprefix(owner)
            if template.startswith(owner) and below.startswith(("/resources", "/files")):
                return "{owner}" + below
        for session in SCANS_OF:
            if template.startswith((f"{session}/scans", f"{session}/assessors", f"{session}/reconstructions")):
                return "{session}" + template.removeprefix(session)
        return template

    def methods(nouns: dict[str, Noun]) -> dict[str, set[str]]:
        return {shortened(template): set(noun.handlers) for template, noun in nouns.items()}

    documented = {  # "{subject or experiment}/projects" is no route, but a tail that each of them reads
        cells[0].strip("`"): set(cells[1].split(", "))
        for cells in rows(DOCS / "sandbox.md")
        if cells[0].startswith(("`/", "`{owner}", "`{session}")) and cells[1].isupper()
    }
    assert documented == {**methods(ARCHIVE), **methods(SITE), **methods(XAPI)}


def test_every_fault_of_the_sandbox_is_documented() -> None:
    shown = set(re.findall(r"`(\w+)\(", (DOCS / "sandbox.md").read_text()))
    named = {name for name, kind in vars(faults).items() if isinstance(kind, type) and issubclass(kind, Fault)}
    assert named - {"Fault", "Drop", "OddAnswer"} <= shown


def test_the_settings_that_are_shown_are_the_defaults() -> None:
    shown = {cells[0].strip("`"): cells[1] for cells in rows(DOCS / "how-to" / "large-studies.md")}
    for field in fields(TransferSettings):
        if field.name in shown:
            if isinstance(field.default, str):
                assert shown.pop(field.name) == f'`"{field.default}"`'
                continue
            assert isinstance(field.default, (int, float))
            in_mib = f"{int(field.default) // 1024**2} MiB"
            plain = str(field.default) if isinstance(field.default, bool) else f"{field.default:g}"
            assert shown.pop(field.name) == (in_mib if field.name.endswith("bytes") else plain)
    assert set(shown) == {""}


def test_the_documentation_names_nothing_of_the_machine_it_was_written_on() -> None:
    for path in [*PAGES, *DOCS.rglob("*.py"), *DOCS.rglob("*.ipynb")]:
        assert not re.search(r"/(work|root|home|tmp)/", path.read_text()), path
