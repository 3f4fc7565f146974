"""An environment of its own for each suite, and its source distribution beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.foreign.suites import Suite

HERE = Path(__file__).parent
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")
PYTEST = ("pytest>=8", "pytest-timeout")
OLDEST_PYTHON = (3, 11)  # of these packages, not of this one


@dataclass(frozen=True)
class Environment:
    """Where a suite is installed, and where its tests lie."""

    python: Path
    source: Path


def prepare(suite: Suite, below: Path) -> Environment:
    """Install a suite unless it is installed already in just this way."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise SystemExit(f"These suites need Python {wanted} or newer, and this is {sys.version.split()[0]}.")
    folder = below / suite.name
    requirements = "\n".join((suite.package, *PYTEST, *suite.needs))
    done = folder / "installed.txt"
    python = folder / "environment" / "bin" / "python"
    if not done.exists() or done.read_text() != requirements:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "environment")], check=True)
        subprocess.run([python, *PIP, "install", *requirements.splitlines()], check=True)
        download = ("download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder), suite.package)
        subprocess.run([python, *PIP, *download], check=True)
        [archive] = folder.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "unpacked", filter="data")
        done.write_text(requirements)
    [source] = (folder / "unpacked").iterdir()
    if suite.conftest:
        shutil.copyfile(HERE / "fixtures" / suite.conftest, source / "conftest.py")
    return Environment(python, source)
