"""Filling an archive with DICOM files from Python: the same way that an import takes, past HTTP."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.archiving import Archiving, archive_session
from xnat_upload.sandbox.store.dicom import read_instance
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.prearchive import arriving, receive
from xnat_upload.sandbox.store.records import PrearchiveSession


def add_dicom(
    archive: Archive, disk: Disk, files: Iterable[Path], *, project_id: str, subject: str, session: str, user: str
) -> list[str]:
    """Make sessions of DICOM files, or add to those that are there, and give their global IDs."""
    if project_id not in archive.projects:
        raise ValueError(f"There is no project {project_id!r}: add_project(project_id) makes one.")
    arrived: dict[tuple[str, str, str], PrearchiveSession] = {}
    with tempfile.TemporaryDirectory(dir=archive.build_folder) as folder:
        for path in _found(files):
            instance = read_instance(path, path.name)
            copy = Path(shutil.copy(path, folder))
            what = arriving(instance, project=project_id, name=session, subject=subject)
            opened = receive(archive, what, instance, copy, path.name)
            arrived[opened.key] = opened
    if not arrived:
        raise ValueError("There are no DICOM files to add.")
    how = Archiving(
        user=user, event_id="0", disk=disk, label=session, subject=subject, merges=True, overwrites_files=True
    )
    return [archive_session(archive, one, how).id for one in arrived.values()]


def _found(files: Iterable[Path]) -> Iterable[Path]:
    """Give files, and what is in folders, in a stable order."""
    for path in files:
        yield from sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
