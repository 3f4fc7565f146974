"""What lies in an archive, read past HTTP from its disk, and held against what a test expects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.files import find_resource
from xnat_upload.sandbox.store.layout import folder_of, owners_in
from xnat_upload.sandbox.store.records import Owner, Project, Session
from xnat_upload.sandbox.store.resources import files_below


def owner_at(archive: Archive, project: Project, session_label: str | None, scan_id: str | None) -> Owner:
    """Give the item that is named: a project, a session of it, or a scan of that."""
    if session_label is None:
        if scan_id is not None:
            raise ValueError(f"Scan {scan_id!r} is of no session: name its session as well.")
        return Owner("projects", project.id)
    session = archive.session_labelled(session_label, project=project)
    if session is None:
        raise ValueError(f"There is no session {session_label!r} in project {project.id!r}.")
    return Owner("experiments", session.id) if scan_id is None else Owner("scans", session.id, scan_id)


def files(archive: Archive, owner: Owner, label: str | None) -> dict[str, bytes]:
    """Give the catalogued files of a resource by name; without a label, those of all in and below the item."""
    if label is not None:
        return _files(archive, owner, label)
    return {
        f"{address}resources/{resource.label}/files/{name}": content
        for address, each in _owners_below(archive, owner)
        for resource in archive.resources_of(each)
        for name, content in _files(archive, each, resource.label).items()
    }


def orphans(archive: Archive, owner: Owner, label: str | None) -> dict[str, bytes]:
    """Give the files without an entry in the catalog, likewise."""
    if label is not None:
        return _orphans(archive, owner, label)
    return {
        f"{address}resources/{name}/files/{file}": content
        for address, each in _owners_below(archive, owner)
        for name in _labels(archive, each)
        for file, content in _orphans(archive, each, name).items()
    }


def files_of_folder(folder: Path) -> dict[str, bytes | Path]:
    """Name all files below a folder, in a stable order."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in paths}


def check_stored(archive: Archive, owner: Owner, label: str, expected: Mapping[str, bytes | Path]) -> None:
    """Raise an AssertionError unless a resource holds these files, with these bytes, and no other."""
    found = files(archive, owner, label)
    left = orphans(archive, owner, label)
    wrong = []
    for name, given in expected.items():
        wanted = given.read_bytes() if isinstance(given, Path) else given
        if name not in found:
            lies = "lies on the disk without an entry in the catalog" if name in left else "is missing"
            wrong.append(f"{name} {lies}: expected {_told(wanted)}")
        elif found[name] != wanted:
            wrong.append(f"{name} is not what was expected: expected {_told(wanted)}; stored {_told(found[name])}")
    wrong += [f"{name} is there, and not expected: {_told(found[name])}" for name in found if name not in expected]
    if wrong:
        if find_resource(archive, owner, label) is None:
            wrong.insert(0, f"there is no resource {label!r}")
        raise AssertionError(f"Resource {label!r} holds something else than expected:\n  " + "\n  ".join(wrong))


def _told(content: bytes) -> str:
    return f"{len(content)} bytes, MD5 {hashlib.md5(content).hexdigest()}"


def _files(archive: Archive, owner: Owner, label: str) -> dict[str, bytes]:
    resource = find_resource(archive, owner, label)
    if resource is None:
        return {}
    reach = archive.reach(resource)
    names = archive.catalogs.read(archive.catalog_path(resource)).entries
    return {name: file.read_bytes() for name in names if (file := reach.file(name))}


def _orphans(archive: Archive, owner: Owner, label: str) -> dict[str, bytes]:
    resource = find_resource(archive, owner, label)
    path = archive.catalog_path(resource) if resource else None
    folder = path.parent if path else folder_of(archive, owner) / label
    catalogued = archive.catalogs.read(path).entries if path else {}
    lying = {file.relative_to(folder).as_posix(): file for file in files_below(folder, archive.face)}
    return {name: file.read_bytes() for name, file in lying.items() if name not in catalogued}


def _labels(archive: Archive, owner: Owner) -> list[str]:
    """Name what may hold files: a folder whose resource was deleted, or never made, does as well."""
    folder = folder_of(archive, owner)
    on_disk = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    return sorted(on_disk | {resource.label for resource in archive.resources_of(owner)})


def _owners_below(archive: Archive, owner: Owner) -> Iterator[tuple[str, Owner]]:
    """Give the item and what is in it, each with its address from the item on."""
    if owner.level == "projects":
        project = archive.projects[owner.id]
        yield "", owner
        for subject in archive.subjects_of(project):
            if subject.project == project.id:
                yield f"subjects/{subject.label}/", Owner("subjects", subject.id)
        for session in archive.sessions_of(project):
            if session.project == project.id:
                base = f"subjects/{archive.subjects[session.subject_id].label}/experiments/{session.label}/"
                yield from _in_session(archive, session, base)
    elif owner.level == "experiments":
        yield from _in_session(archive, archive.sessions[owner.id], "")
    else:
        yield "", owner


def _in_session(archive: Archive, session: Session, base: str) -> Iterator[tuple[str, Owner]]:
    for owner in owners_in(archive, session):
        match owner.level:
            case "scans":
                yield f"{base}scans/{owner.scan_id}/", owner
            case "reconstructions":
                yield f"{base}reconstructions/{owner.reconstruction_id}/{owner.direction}/", owner
            case "assessors":
                yield f"{base}assessors/{archive.sessions[owner.id].label}/{owner.direction}/", owner
            case _:
                yield base, owner
