"""Others who write below a net's directory, or into a file, while it is uploaded."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import SandboxHospital
from tests.local.staged import SECRET, content
from xnat_upload import Report, Status, Uploader, XnatUploadError
from xnat_upload.local.file import LocalFile
from xnat_upload.local.root import net_root
from xnat_upload.local.staging import stage

OWN = b"o" * len(SECRET)
SWAPS = 600
READINGS = 3000
UPLOADS = 150
# In a process of its own, so that it is never waited for.
SWAP = f"""
import os, random, sys, time
directory, aside, other, stop = sys.argv[1:]
swaps = 0
while not os.path.exists(stop) or swaps < {SWAPS}:
    os.rename(directory, aside)
    os.symlink(other, directory)
    time.sleep(random.choice((0, 0.0001, 0.004)))  # as long as there is between two looks, or two steps
    os.unlink(directory)
    os.rename(aside, directory)
    time.sleep(random.choice((0, 0.0001, 0.004)))
    swaps += 1
"""


def upload(
    uploader: Uploader,
    ward: SandboxHospital,
    name: str,
    *,
    resource: str,
    net_id: str | None = None,
    root: Path | None = None,
) -> Report | None:
    try:
        return uploader.upload(
            name,
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id=resource,
            net_id=net_id,
            root=root,
        )
    except XnatUploadError as error:
        report = getattr(error, "report", None)
        assert report is None or isinstance(report, Report)
        return report


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """Two nets with a file of the same name, size and time."""
    for name, data in (("net-1", OWN), ("net-2", SECRET)):
        path = tmp_path / name / "upload" / "seg.nii"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        os.utime(path, ns=(0, 0))
    return tmp_path


@contextlib.contextmanager
def swapping(nets: Path) -> Iterator[None]:
    """Swap the first net's directory for a link to the second's all the time, at least so many times."""
    net, stop = nets / "net-1", nets / "stop"
    arguments = [net / "upload", net / "aside", nets / "net-2" / "upload", stop]
    with subprocess.Popen([sys.executable, "-c", SWAP, *map(str, arguments)]) as process:
        try:
            yield
        finally:
            stop.touch()
    assert process.returncode == 0


@pytest.mark.parametrize("named", ["seg.nii", "."])
def test_no_swap_of_a_nets_directory_lets_another_nets_images_be_read(named: str, nets: Path) -> None:
    found = []
    with swapping(nets):
        for _ in range(READINGS):
            with contextlib.suppress(XnatUploadError):
                for file in stage(named, root=net_root(nets, "net-1")).files:
                    assert isinstance(file, LocalFile)
                    found.append(content(file))
    assert set(found) == {OWN}


@pytest.mark.parametrize("named", ["seg.nii", "."])
def test_no_swap_of_a_nets_directory_sends_another_nets_images(named: str, ward: SandboxHospital, nets: Path) -> None:
    ended: list[Report | None] = []
    with ward.connect(images_dir=nets) as uploader:
        with swapping(nets):
            for number in range(UPLOADS):
                ended.append(upload(uploader, ward, named, resource=f"R-{number}", net_id="net-1"))
        ended.append(upload(uploader, ward, named, resource=f"R-{UPLOADS}", net_id="net-1"))
    assert ended[-1] is not None
    assert ended[-1].ok
    with requests.Session() as session:  # XNAT would open one for each question, and has a thousand of them
        session.auth = (ward.user, ward.password)
        for number, report in enumerate(ended):
            url = f"{ward.server}{ward.resource_path('4', f'R-{number}')}/files/seg.nii"
            answer = session.get(url, timeout=30)
            assert answer.content == OWN if report and report.ok else answer.status_code == 404


@pytest.mark.parametrize("size_bytes", [1 << 20, 6 << 20])
def test_of_a_file_that_is_written_through_memory_what_was_sent_is_told(
    size_bytes: int, ward: SandboxHospital, tmp_path: Path
) -> None:
    path = tmp_path / "mapped.nii"
    path.write_bytes(bytes(size_bytes))
    stop = threading.Event()

    def write(mapped: mmap.mmap) -> None:
        for number in itertools.count():
            mapped[number * 4099 % size_bytes] = number % 256
            if stop.is_set():
                return

    with path.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped, ward.connect() as uploader:
        thread = threading.Thread(target=write, args=(mapped,))
        thread.start()
        try:
            report = upload(uploader, ward, "mapped.nii", resource="MAPPED", root=tmp_path)
        finally:
            stop.set()
            thread.join()
    assert report is not None
    (file,) = report.files
    stored = ward.content("4", "MAPPED")
    if file.status is Status.STORED:  # whether the writer is noticed is the file system's to say
        assert hashlib.md5(stored["mapped.nii"]).hexdigest() == file.md5
    else:
        assert "changed" in file.reason
        assert stored == {}


@pytest.mark.parametrize("images_dir", ["/data\0/images", "\0", "/data/\ud800"])
def test_a_directory_of_nets_that_can_be_none_is_told(images_dir: str, ward: SandboxHospital) -> None:
    with ward.connect(images_dir=images_dir) as uploader, pytest.raises(XnatUploadError) as caught:
        uploader.upload(
            "seg.nii",
            net_id="net-1",
            hub_project_id=ward.hub_project_id,
            accession_id=ward.accession_id,
            scan_id="4",
            resource_id="SEG",
        )
    assert str(caught.value).isprintable()
