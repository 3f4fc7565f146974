"""The first program of the README, run as it stands: the sandbox in one terminal, the program in another."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.documented import ROOT, blocks, timeless

README = ROOT / "README.md"


def test_the_first_program_runs_on_the_sandbox_that_the_readme_starts(tmp_path: Path) -> None:
    shown = blocks(README)
    [server] = re.findall(r"^python (-m xnat_upload\.sandbox .*)$", README.read_text(), re.MULTILINE)
    program = next(block for block in shown if block.language == "python")
    printed = shown[shown.index(program) + 1]
    arguments = shlex.split(server)
    port = arguments[arguments.index("--port") + 1]
    arguments[arguments.index(port)] = "0"  # another test may have that one
    first = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert first.stdout
    try:
        address = first.stdout.readline().split()[-1]
        assert f'"http://127.0.0.1:{port}"' in program.text
        (tmp_path / "first.py").write_text(program.text.replace(f"http://127.0.0.1:{port}", address))
        second = subprocess.run(
            [sys.executable, "first.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        first.terminate()
        first.communicate(timeout=30)
    assert (second.returncode, second.stderr) == (0, "")
    assert timeless(second.stdout) == timeless(printed.text)


def test_the_first_line_says_what_the_reader_is_saved() -> None:
    assert README.read_text().splitlines()[2].startswith("Saves you ")
