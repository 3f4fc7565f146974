"""One suite against a sandbox of its own: what passed, and what did not."""

from __future__ import annotations

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.foreign.environments import HERE, Environment
from tests.foreign.suites import Suite
from xnat_upload.sandbox import Sandbox

SECONDS_FOR_A_TEST = 600


def run(suite: Suite, environment: Environment, log: Path, selected: tuple[str, ...] = ()) -> dict[str, bool]:
    """Give each test's name and whether it passed; `log` gets what pytest said."""
    outcomes: dict[str, bool] = {}
    log.write_bytes(b"")
    for arguments in [selected] if selected else suite.runs:
        outcomes |= _run(suite, environment, log, arguments)
    return outcomes


def _run(suite: Suite, environment: Environment, log: Path, arguments: tuple[str, ...]) -> dict[str, bool]:
    own = environment.source / "pyproject.toml"  # or pytest would look further up, and find that of this project
    with (
        tempfile.TemporaryDirectory(prefix="foreign-") as scratch,
        Sandbox(data=Path(scratch) / "data", site=suite.site) as sandbox,
    ):
        account = {"url": sandbox.url, "user": sandbox.user, "password": sandbox.password}
        variables = {name: value.format(**account) for name, value in suite.variables.items()}
        results = Path(scratch) / "results.xml"
        command = [
            environment.python, "-m", "pytest", *arguments, "-p", "no:cacheprovider",
            f"--rootdir={environment.source}", "-c", own if own.exists() else os.devnull,
            f"--timeout={SECONDS_FOR_A_TEST}", f"--junitxml={results}", "--tb=short", "-rA",
        ]  # fmt: skip
        with log.open("ab") as output:
            subprocess.run(
                command,
                cwd=environment.source,
                env={
                    **os.environ,
                    "PYTHONPATH": str(HERE / "fixtures"),
                    "SANDBOX_URL": sandbox.url,
                    "SANDBOX_USER": sandbox.user,
                    "SANDBOX_PASSWORD": sandbox.password,
                    "SANDBOX_DATA": str(Path(scratch) / "data"),
                    "HOME": scratch,
                    "NO_PROXY": "127.0.0.1",
                    **variables,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return _outcomes(results) if results.exists() else {}


def _outcomes(results: Path) -> dict[str, bool]:
    """Read JUnit's XML; a test that was skipped has not passed, and one that was expected to fail has."""
    found: dict[str, bool] = {}
    for case in ET.parse(results).iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        bad = {child.tag for child in case} & {"failure", "error"}
        skipped = case.find("skipped")
        passed = not bad and (skipped is None or skipped.get("type") == "pytest.xfail")
        found[name] = passed and found.get(name, True)
    return found
