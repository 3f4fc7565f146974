"""Java, in which XNAT is written, reads all that is packed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.transfer.zips import CONTENTS, LARGE, ODD_NAMES, everything, shipment
from xnat_upload.archive.line import Line
from xnat_upload.transfer import zip_records
from xnat_upload.transfer.deflating import Deflation
from xnat_upload.transfer.packing import pack

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java here")
KINDS = {
    "contents": CONTENTS,
    "odd": {name: name.encode() for name in ODD_NAMES if "\ufffd" not in name},
    "one": {"a.dcm": b"a"},
    "empty": {"e": b""},
    "masks": {f"{number}.nii": bytes([0, 1]) * number * 1000 for number in range(6)},
}


def unpacked_by_java(zips: dict[str, dict[str, bytes]]) -> dict[str, dict[str, tuple[str, int]]]:
    program = Path(__file__).with_name("UnpackWithJava.java")
    ran = subprocess.run(["java", str(program), *zips], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, dict[str, tuple[str, int]]] = {path: {} for path in zips}
    for line in ran.stdout.splitlines():
        path_text, md5, size, name = line.split(" ")
        found[path_text][bytes.fromhex(name).decode()] = (md5, int(size))
    return found


@pytest.mark.parametrize("form", ["32 bits", "64 bits", "deflated"])
def test_java_reads_the_zips_as_xnat_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    if form == "64 bits":
        monkeypatch.setattr(zip_records, "MOST_BYTES", 1)
    deflation = Deflation(Line(), always=True) if form == "deflated" else None
    zips: dict[str, dict[str, bytes]] = {}
    for label, contents in KINDS.items():
        body, _ = pack(shipment(tmp_path, contents), large_file_bytes=LARGE, deflation=deflation)
        path = tmp_path / f"{label}.zip"
        path.write_bytes(everything(body))
        zips[str(path)] = contents
    assert unpacked_by_java(zips) == {
        path: {name: (hashlib.md5(content).hexdigest(), len(content)) for name, content in contents.items()}
        for path, contents in zips.items()
    }
