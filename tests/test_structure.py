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
import zipfile
from pathlib import Path

import jedi
import pytest

import xnat_upload

PACKAGE = Path(xnat_upload.__file__).parent
# Programs and plug-ins of their own, which stand on the public face.
ON_TOP = {"demo.py", "pytest_plugin.py", "__main__.py"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ON_TOP)
CLIENT = [path for path in MODULES if "sandbox" not in path.relative_to(PACKAGE).parts]
TESTS = sorted((PACKAGE.parent / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    """The name of a module from here on, such as ``planning/plan``."""
    return path.relative_to(PACKAGE.parent).with_suffix("").as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 320


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_a_test_file_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_every_room_says_what_it_knows_and_what_not() -> None:
    for room in (path for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name != "sandbox"):
        said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        assert re.search(r"^(Knows|The only room)", said, re.MULTILINE), room.name


def test_all_lists_exactly_the_public_names_and_type_checkers_see_the_same() -> None:
    tree = ast.parse(Path(xnat_upload.__file__).read_text())
    unrun = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: f"{line.module}" for line in unrun.body if isinstance(line, ast.ImportFrom) for alias in line.names
    }
    assert xnat_upload.__all__ == sorted(seen)
    for name, module in seen.items():
        assert getattr(xnat_upload, name) is getattr(importlib.import_module(module), name)
        assert name in dir(xnat_upload)


def test_importing_the_package_imports_nothing_of_it() -> None:
    program = "import sys; import xnat_upload; print(*(name for name in sys.modules if name.startswith('xnat_upload')))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["xnat_upload"]


def test_an_editor_completes_the_public_names() -> None:
    completed = {each.name for each in jedi.Script("import xnat_upload\nxnat_upload.").complete()}
    assert set(xnat_upload.__all__) <= completed
    (signature,) = jedi.Script("from xnat_upload import Uploader\nUploader.connect(").get_signatures()
    assert "password" in [parameter.name for parameter in signature.params]


def test_the_version_is_that_of_the_installed_package() -> None:
    assert xnat_upload.__version__ == importlib.metadata.version("xnat-upload")
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        xnat_upload.version  # type: ignore[attr-defined]  # noqa: B018


def test_every_way_to_upload_shows_the_same_keywords() -> None:
    upload, upload_async, plan = (
        inspect.signature(getattr(xnat_upload.Uploader, name), eval_str=False)
        for name in ("upload", "upload_async", "plan")
    )
    assert {"to", "project_id", "scan_id", "include", "reason", "progress"} <= set(upload.parameters)
    assert list(upload_async.parameters) == list(upload.parameters)
    assert list(plan.parameters) == [name for name in upload.parameters if name != "progress"]


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


@pytest.mark.parametrize("path", CLIENT, ids=name_of)
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


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_examples_in_docstrings_are_true(path: Path) -> None:
    name = name_of(path).replace("/", ".").removesuffix(".__init__")
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


def test_the_wheel_says_that_it_is_typed_and_has_the_templates(tmp_path: Path) -> None:
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
        (metadata,) = (wheel.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert links, "the README is the package's description"
    assert not [link for link in links if not link.startswith("https://")], "an index has nothing but this text"
    assert "xnat_upload/py.typed" in names
    templates = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("templates/*")}
    assert "xnat_upload/display/templates/style.css" in templates
    assert templates <= set(names)
    assert not [name for name in names if not name.startswith("xnat_upload")]
    assert {f"{name_of(path)}.py" for path in MODULES} <= set(names)
