"""Filling an archive from a folder in the shape of XNAT's own: ``PROJECT/arc001/SESSION/SCANS/1/NIFTI/a.nii``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.inventory import files_of_folder

SESSION_TYPE = "xnat:mrSessionData"  # a folder does not say what it is


def add_folder(contents: Contents, root: Path) -> None:
    """Add every project in `root`, with sessions, scans, resources and files; what has no place in it is refused."""
    for project in _folders(root):
        contents.add_project(project.name, secondary_id="", name="", accessibility="private")
        for part in _folders(project):
            if part.name == "resources":
                _add_resources(contents, part, project.name)
            elif part.name.startswith("arc"):
                for session in _folders(part):
                    _add_session(contents, project.name, session)
            else:
                raise _misplaced(part, "arc001 or resources")


def _add_session(contents: Contents, project_id: str, folder: Path) -> None:
    parts = {part.name: part for part in _folders(folder)}
    for name in parts.keys() - {"SCANS", "RESOURCES"}:
        raise _misplaced(parts[name], "SCANS or RESOURCES")
    scans = list(_folders(parts["SCANS"])) if "SCANS" in parts else []
    contents.add_session(
        project_id,
        folder.name,
        xsi_type=SESSION_TYPE,
        subject=f"{folder.name}_subject",
        scans={scan.name: SESSION_TYPE.replace("Session", "Scan") for scan in scans},
        scan_types={},
        fields={},
    )
    if "RESOURCES" in parts:
        _add_resources(contents, parts["RESOURCES"], project_id, folder.name)
    for scan in scans:
        _add_resources(contents, scan, project_id, folder.name, scan.name)


def _add_resources(
    contents: Contents, folder: Path, project_id: str, session_label: str | None = None, scan_id: str | None = None
) -> None:
    for resource in _folders(folder):
        found = files_of_folder(resource)
        is_cataloguable = contents.archive.face.is_cataloguable
        files = {name: file for name, file in found.items() if is_cataloguable(name.rpartition("/")[2])}
        contents.add_files(project_id, session_label, scan_id, resource.name, files)


def _folders(folder: Path) -> Iterator[Path]:
    """Give the folders in one, in order; a file has no place between them, hidden ones and catalogs apart."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield path
        elif not path.name.startswith(".") and not path.name.endswith("_catalog.xml"):
            raise _misplaced(path, "folders")


def _misplaced(path: Path, expected: str) -> ValueError:
    return ValueError(
        f"{path} has no place in a folder in the shape of XNAT's archive: expected {expected}, as in "
        "PROJECT/arc001/SESSION/SCANS/1/NIFTI/a.nii."
    )
