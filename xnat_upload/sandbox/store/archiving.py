"""From the prearchive into the archive: a session, its subject and its scans, made from the headers of its files.

The order and the conflicts are those of XNAT 1.8.11: PrearcSessionArchiver.call and
checkForConflicts, MergeSessionsA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive, now
from xnat_upload.sandbox.store.dicom import Description, Instance, describe_scan, describe_session, label_of
from xnat_upload.sandbox.store.disk import BLOCK_BYTES, Disk
from xnat_upload.sandbox.store.files import find_resource, put_files
from xnat_upload.sandbox.store.prearchive import (
    delete_prearchived,
    instances_of,
    scan_files,
    set_status,
)
from xnat_upload.sandbox.store.records import Owner, PrearchiveSession, Project, Scan, Session, Subject
from xnat_upload.sandbox.store.writing import FileInfo, Incoming, Writing

RESOURCE = "DICOM"
PRE_EXISTS = "Session already exists, retry with overwrite enabled"
PROJECT_CHANGED = "Invalid modification of session project via archive process."
SUBJECT_CHANGED = "Invalid modification of session subject via archive process."
UID_CHANGED = "Invalid modification of session UID via archive process."
MODALITY_CHANGED = (
    "Invalid modification of session modality via archive process.  Data may require a manual merge."  # sic
)
SAME_FILES = "Session already exists with the same resources."
MODALITY_CODES = {"PE": "PT"}


class ArchiveConflictError(Exception):
    """What is in the archive and what has arrived do not go together."""


@dataclass(frozen=True, kw_only=True)
class Archiving:
    """How a session is archived.

    `merges` lets it join a session that is there, `overrides` passes over what speaks
    against that, and `overwrites_files` replaces files.
    """

    user: str
    event_id: str
    disk: Disk
    label: str = ""
    subject: str = ""
    merges: bool = False
    overrides: bool = False
    overwrites_files: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _NewScan:
    """A scan that has arrived: the ID it gets in the archive, and its files."""

    scan_id: str
    description: Description
    paths: list[Path]


def archive_session(archive: Archive, arrived: PrearchiveSession, how: Archiving) -> Session:
    """Make a session of the archive, or add to one; what has arrived is gone from the prearchive afterwards."""
    arrived = set_status(archive, arrived, "ARCHIVING")
    try:
        session = _archived(archive, arrived, how)
    except ArchiveConflictError:
        set_status(archive, arrived, "CONFLICT")
        raise
    except Exception:
        set_status(archive, arrived, "ERROR")
        raise
    delete_prearchived(archive, arrived)
    return session


def _archived(archive: Archive, arrived: PrearchiveSession, how: Archiving) -> Session:
    instances = instances_of(archive, arrived)
    if not instances:
        raise ArchiveConflictError("The session holds no DICOM objects.")
    description = describe_session([one for scan in instances.values() for one in scan])
    project = archive.projects[arrived.project]
    with archive.lock:
        label = label_of(how.label or arrived.name)
        existing = archive.session_labelled(label, project=project)
        subject = _subject(archive, project, label_of(how.subject or arrived.subject) or label, how.user)
        if existing is not None:
            _check_session(existing, project, description, subject, how)
        scans = _new_scans(archive, arrived, instances, existing, how)
        if existing is not None and not (how.overrides or how.overwrites_files):
            _check_files(archive, existing, scans)
        session = existing or Session(
            id=archive.next_session_id(),
            xsi_type=description.xsi_type,
            project=project.id,
            subject_id=subject.id,
            label=label,
            insert_date=now(),
            insert_user=how.user,
        )
        session = replace(session, fields={**description.fields, **session.fields, **how.fields})
        archive.save(session)
        for one in scans:
            _save_scan(archive, session, one)
    for one in scans:
        store_files(archive, session, one.scan_id, one.paths, how)
    return session


def _subject(archive: Archive, project: Project, label: str, user: str) -> Subject:
    """Find the subject, whatever the case of its letters, or make it."""
    for one in archive.subjects_of(project):
        if label.lower() in (one.label_in(project.id).lower(), one.id.lower()):
            return one
    subject = Subject(
        id=archive.next_subject_id(), project=project.id, label=label, insert_date=now(), insert_user=user
    )
    archive.save(subject)
    return subject


def _check_session(
    existing: Session, project: Project, description: Description, subject: Subject, how: Archiving
) -> None:
    if not how.merges:
        raise ArchiveConflictError(PRE_EXISTS)
    if existing.project != project.id:
        raise ArchiveConflictError(PROJECT_CHANGED)
    if existing.xsi_type != description.xsi_type:
        raise ArchiveConflictError(MODALITY_CHANGED)
    if existing.subject_id != subject.id:
        raise ArchiveConflictError(f"{SUBJECT_CHANGED}: {existing.label} Already Exists for another Subject")
    uid = existing.fields.get("UID", "")
    if not how.overrides and uid and uid != description.fields.get("UID", uid):
        raise ArchiveConflictError(UID_CHANGED)


def _new_scans(
    archive: Archive,
    arrived: PrearchiveSession,
    instances: Mapping[str, list[Instance]],
    existing: Session | None,
    how: Archiving,
) -> list[_NewScan]:
    there = {scan.id: scan.fields.get("UID", "") for scan in archive.scans_of(existing)} if existing else {}
    scans = []
    for scan_id, paths in scan_files(archive, arrived):
        if scan_id not in instances:
            continue
        description = describe_scan(instances[scan_id])
        uid = description.fields.get("UID", "")
        same = next((one for one, other in there.items() if uid and other == uid), None)
        if same is not None and same != scan_id and not how.overrides:
            message = f"Session already contains a scan with the same UID, but a different number ({same})."
            raise ArchiveConflictError(message)
        free = same or scan_id
        if same is None and there.get(scan_id):
            # Another scan of this number: it is called 4-MR1 (PrearcSessionArchiver.correctScanID).
            code = description.xsi_type.removeprefix("xnat:")[:2].upper()
            numbers = (f"{scan_id}-{MODALITY_CODES.get(code, code)}{number}" for number in range(1, len(there) + 2))
            free = next(one for one in numbers if one not in there)
        there[free] = uid
        scans.append(_NewScan(free, description, paths))
    return scans


def _check_files(archive: Archive, existing: Session, scans: list[_NewScan]) -> None:
    for scan in scans:
        resource = find_resource(archive, Owner("scans", existing.id, scan.scan_id), RESOURCE)
        if resource is not None:
            catalogued = archive.catalogs.read(archive.catalog_path(resource)).entries
            if any(path.name in catalogued for path in scan.paths):
                raise ArchiveConflictError(SAME_FILES)


def _save_scan(archive: Archive, session: Session, new: _NewScan) -> None:
    scan = archive.scan(session, new.scan_id) or Scan(
        row_id=archive.next_row_id("scan"), session_id=session.id, id=new.scan_id, xsi_type=new.description.xsi_type
    )
    archive.save(replace(scan, fields={**new.description.fields, **scan.fields}))


def store_files(archive: Archive, session: Session, scan_id: str, paths: list[Path], how: Archiving) -> None:
    """Move files into the DICOM resource of a scan, as any upload would write them."""
    files = [Incoming(name=path.name, blocks=_blocks(path), arrived=path) for path in paths]
    writing = Writing(
        user=how.user,
        event_id=how.event_id,
        disk=how.disk,
        info=FileInfo(format="DICOM", content="RAW"),
        overwrite=how.overrides or how.overwrites_files,
    )
    left = put_files(archive, Owner("scans", session.id, scan_id), RESOURCE, files, "", how=writing)
    if left and not writing.overwrite:
        raise ArchiveConflictError(SAME_FILES)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
