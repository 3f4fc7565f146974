"""How the package hangs together: imports, public names, what is installed and what is not needed."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import importlib.metadata
import inspect
import re
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

import xnat_upload

PACKAGE = Path(xnat_upload.__file__).parent
# A module may import from the rows above it, and from nothing beside or below it.
ROWS = """
    errors  columns  pool  progress  settings  tables
    names
    listing  answers  credentials  identifiers  local_file  manifest_source  retry  scan_types
    exchange  outcome  plan  staging  verification
    connection  decision  exports  ledger  packing  request
    contention  manifest  projects  report
    archive  carrier
    preparation  readiness  store
    access  conclusion  transfer
    execution  resource_upload
    cohort_report
    cohort
    uploader
    __init__
    notebook  cluster
"""
# Imported only inside the function that wants them, because what they need is optional or they show what stands above.
ON_DEMAND = {"notebook", "cluster"}
# Programs and plug-ins of their own, which stand on the public face.
ON_TOP = {"demo", "cli", "commands", "pytest_plugin", "__main__"}
ROW_OF = {module: number for number, row in enumerate(ROWS.strip().splitlines()) for module in row.split()}
MODULES = sorted(path for path in PACKAGE.glob("*.py") if path.stem not in ON_TOP)


def within(tree: ast.AST, kind: type[ast.AST], test: str = "") -> set[int]:
    """All that stands inside nodes of a kind, and, of an ``if``, of one test."""
    return {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, kind) and (not isinstance(outer, ast.If) or ast.unparse(outer.test) == test)
        for inner in ast.walk(outer)
    }


def imported_by(path: Path, *, in_functions: bool = False) -> set[str]:
    """The modules of this package that a file imports when it runs, by their names after ``xnat_upload.``."""
    tree = ast.parse(path.read_text())
    for_the_type_checker = within(tree, ast.If, "TYPE_CHECKING")
    deferred = within(tree, ast.FunctionDef) | within(tree, ast.AsyncFunctionDef)
    names: list[str] = []
    for node in ast.walk(tree):
        if id(node) in for_the_type_checker or (id(node) in deferred) != in_functions:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            module = node.module or ""
            submodules = [f"{module}.{each.name}" for each in node.names if module == "xnat_upload"]
            names.extend(each if each.partition(".")[2] in ROW_OF else module for each in submodules or [module])
        elif isinstance(node, ast.Import):
            names.extend(each.name for each in node.names)
    ours = [name.split(".") for name in names if name.split(".")[0] == "xnat_upload"]
    return {each[1] if len(each) > 1 else "__init__" for each in ours}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_point_one_way(path: Path) -> None:
    assert path.stem in ROW_OF, f"{path.stem} has no row: add it to the table"
    for imported in imported_by(path):
        assert ROW_OF[imported] < ROW_OF[path.stem], f"{path.stem} may not import {imported}"
        assert imported not in ON_DEMAND
    for imported in imported_by(path, in_functions=True):
        assert imported in ON_DEMAND or ROW_OF[imported] < ROW_OF[path.stem], f"{path.stem} may not import {imported}"


def test_the_sandbox_and_the_client_import_nothing_of_each_other() -> None:
    for path in sorted((PACKAGE / "sandbox").rglob("*.py")):
        assert imported_by(path) | imported_by(path, in_functions=True) <= {"sandbox"}, path
    for path in MODULES:
        assert "sandbox" not in imported_by(path) | imported_by(path, in_functions=True), path
    plugin = PACKAGE / "pytest_plugin.py"
    if plugin.exists():
        assert imported_by(plugin) | imported_by(plugin, in_functions=True) <= {"sandbox"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 320


def test_all_lists_exactly_the_public_names() -> None:
    public = [
        name
        for name, value in vars(xnat_upload).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    ]
    assert xnat_upload.__all__ == sorted(public)


def test_the_version_is_that_of_the_installed_package() -> None:
    assert xnat_upload.__version__ == importlib.metadata.version("xnat-upload")
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        xnat_upload.version  # noqa: B018


def test_every_way_to_upload_shows_the_same_keywords() -> None:
    upload, upload_async, plan = (
        inspect.signature(getattr(xnat_upload.Uploader, name)) for name in ("upload", "upload_async", "plan")
    )
    assert list(upload_async.parameters.values()) == list(upload.parameters.values())
    assert list(plan.parameters.values()) == [each for each in upload.parameters.values() if each.name != "progress"]


def public_callables() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in xnat_upload.__all__:
        value = getattr(xnat_upload, name)
        found.append((name, value))
        members = inspect.getmembers(value, lambda member: inspect.isfunction(member) or inspect.ismethod(member))
        found.extend((f"{name}.{member}", function) for member, function in members if not member.startswith("_"))
    return found


@pytest.mark.parametrize(("name", "value"), public_callables(), ids=lambda each: each if isinstance(each, str) else "")
def test_every_public_name_says_what_it_is(name: str, value: object) -> None:
    documentation = inspect.getdoc(value) or ""
    assert documentation, name
    assert documentation.splitlines()[0].endswith((".", ":")), name
    for underline in re.finditer(r"^(.+)\n(-{3,})$", documentation, re.MULTILINE):
        assert len(underline[1]) == len(underline[2]), f"{name}: {underline[1]}"


@pytest.mark.parametrize(
    "kind", [getattr(xnat_upload, name) for name in xnat_upload.__all__], ids=lambda kind: kind.__name__
)
def test_every_public_class_explains_each_field(kind: type) -> None:
    documentation = "\n".join(inspect.getdoc(each) or "" for each in kind.__mro__)
    for name in vars(kind).get("__annotations__", {}) if dataclasses.is_dataclass(kind) else ():
        assert re.search(rf"^(?:\w+, )*{name}\b.* :", documentation, re.MULTILINE), f"{kind.__name__}.{name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_message_prints_its_own_placeholders(path: Path) -> None:
    tree = ast.parse(path.read_text())
    parts_of_f_strings = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for raised in (node for node in ast.walk(tree) if isinstance(node, (ast.Raise, ast.Return))):
        for node in ast.walk(raised):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts_of_f_strings:
                assert not re.search(r"\{[a-z_.!()]+\}", node.value), f"line {node.lineno}: an f is missing"
                assert not re.search(r"%[sdr]\b", node.value), f"line {node.lineno}: nothing fills this in"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_examples_in_docstrings_are_true(path: Path) -> None:
    name = "xnat_upload" if path.stem == "__init__" else f"xnat_upload.{path.stem}"
    result = doctest.testmod(importlib.import_module(name), verbose=False)
    assert result.failed == 0


REFUSED = ["starlette", "uvicorn", "python_multipart", "pandas", "dask", "click", "IPython", "pydicom", "nibabel"]


def test_the_package_is_imported_without_any_extra() -> None:
    program = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED!r}:
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Refuse())
import xnat_upload
for name in xnat_upload.__all__:
    getattr(xnat_upload, name)
print(*(name for name in sys.modules if name.partition(".")[0] in ("pyxnat", "numpy")))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip() == "", "importing the package imports what only a connection needs"


def test_the_wheel_says_that_it_is_typed(tmp_path: Path) -> None:
    if not (PACKAGE.parent / "pyproject.toml").exists():
        pytest.skip("an installed copy is tested, which has no source tree to build from")
    program = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    with zipfile.ZipFile(tmp_path / ran.stdout.strip().splitlines()[-1]) as wheel:
        names = wheel.namelist()
    assert "xnat_upload/py.typed" in names
    assert not [name for name in names if not name.startswith("xnat_upload")]
    assert {f"xnat_upload/{path.name}" for path in MODULES} <= set(names)
