"""Where the output of ``xnat-upload`` cannot go: what is stored is stored, and a sentence says what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import REPOSITORY, environment, place
from tests.conftest import SandboxHospital


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is imitated by Linux's device")
@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")])
@pytest.mark.parametrize("wanted", ["report", "json", "error"])
def test_output_to_a_full_disk_ends_in_a_sentence(
    streams: tuple[str, ...], wanted: str, ward: SandboxHospital, tmp_path: Path
) -> None:
    (tmp_path / "a.nii").write_bytes(b"bytes of a")
    name = "missing.nii" if wanted == "error" else "a.nii"
    command = ["put", name, *place(ward), *(["--json"] if wanted == "json" else [])]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "xnat_upload", *command],
            env={**os.environ, **environment(ward), "PYTHONPATH": str(REPOSITORY)},
            cwd=tmp_path,
            text=True,
            timeout=60,
            stdout=full if "stdout" in streams else subprocess.PIPE,
            stderr=full if "stderr" in streams else subprocess.PIPE,
        )
    assert "Traceback" not in (ended.stderr or "")
    if wanted == "error":
        assert ended.returncode in (1, 2)
    else:
        assert list(ward.content("4", "SEG")) == ["a.nii"]
        assert ended.returncode == (1 if "stdout" in streams else 0)
    if streams == ("stdout",) and wanted != "error":
        assert ended.stderr == "Error: The output could not be written: No space left on device.\n"
