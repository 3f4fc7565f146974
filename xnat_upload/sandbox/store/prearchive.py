"""The prearchive: sessions that have arrived and are not in the archive yet.

Their files lie in ``prearchive/<project>/<timestamp>/<folder>/SCANS/<scan>/DICOM``.  What
a session is called is in its record; what is in it, is read from the headers of its files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive, now
from xnat_upload.sandbox.store.dicom import Instance, date_of, label_of, read_instance, time_of
from xnat_upload.sandbox.store.layout import folder_name
from xnat_upload.sandbox.store.records import PrearchiveSession

UNASSIGNED = "Unassigned"
LOCKED = frozenset({"ARCHIVING", "MOVING", "DELETING"})
"""The states in which nobody else may touch a session."""


class SessionLockedError(Exception):
    """Somebody is at work on a session of the prearchive."""


@dataclass(frozen=True, kw_only=True)
class Arriving:
    """What is known of a session before its first file: by parameters, or by the header of that file."""

    project: str
    name: str
    subject: str
    uid: str = ""
    scan_date: str = ""
    scan_time: str = ""
    timestamp: str = ""
    folder: str = ""
    autoarchive: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def folder_of_session(archive: Archive, session: PrearchiveSession) -> Path:
    """Give the folder of a session."""
    project, moment, name = map(folder_name, (session.project or UNASSIGNED, session.timestamp, session.folder))
    return archive.root / "prearchive" / project / moment / name


def uri_of(session: PrearchiveSession) -> str:
    """Give the address of a session, without ``/data``."""
    return f"/prearchive/projects/{session.project or UNASSIGNED}/{session.timestamp}/{session.folder}"


def arriving(instance: Instance, *, project: str, name: str = "", subject: str = "") -> Arriving:
    """Say what a header says, where parameters do not."""
    return Arriving(
        project=project,
        name=label_of(name) or instance.session,
        subject=label_of(subject) or instance.subject,
        uid=instance.get("StudyInstanceUID"),
        scan_date=date_of(instance.get("StudyDate")),
        scan_time=time_of(instance.get("StudyTime")),
    )


def open_session(archive: Archive, what: Arriving, *, joins: bool) -> PrearchiveSession:
    """Find the session that `what` belongs to, or make it.

    With `joins`, objects of one study join the session that is being received already.
    """
    with archive.lock:
        for one in archive.prearchive.values():
            is_named = (one.project, one.timestamp, one.folder) == (what.project, what.timestamp, what.folder)
            is_study = (one.project, one.uid, one.name) == (what.project, what.uid, what.name) and joins
            if is_named or (is_study and not what.timestamp and one.status not in LOCKED):
                if one.status in LOCKED:
                    raise SessionLockedError("Prearc destination is locked.")
                return one
        moment = datetime.now()
        while True:
            timestamp = what.timestamp or moment.strftime("%Y%m%d_%H%M%S") + f"{moment.microsecond // 1000:03d}"
            folder = what.folder or what.name
            if what.timestamp or (what.project, timestamp, folder) not in archive.prearchive:
                break
            moment += timedelta(milliseconds=1)
        session = PrearchiveSession(
            project=what.project,
            timestamp=timestamp,
            folder=folder,
            name=what.name,
            subject=what.subject,
            uid=what.uid,
            scan_date=what.scan_date,
            scan_time=what.scan_time,
            status="RECEIVING",
            autoarchive=what.autoarchive,
            uploaded=now(),
            last_modified=now(),
            values=what.values,
        )
        archive.save(session)
    return session


def receive(
    archive: Archive,
    what: Arriving,
    instance: Instance,
    arrived: Path,
    name: str,
    *,
    renames: bool = False,
    joins: bool = True,
    session: PrearchiveSession | None = None,
) -> PrearchiveSession:
    """Put one object into `session`, or into the one it belongs to where that has gone on meanwhile.

    The name that was sent is kept unless it is another object's.  All of it is one step:
    nobody can archive a session between the choice of it and the arrival of the file.
    """
    with archive.lock:
        current = archive.prearchive.get(session.key) if session else None
        session = current if current and current.status not in LOCKED else open_session(archive, what, joins=joins)
        scan_id = _scan_of(session, instance)
        session = replace(
            session, series={**session.series, scan_id: instance.get("SeriesInstanceUID")}, last_modified=now()
        )
        archive.save(session)
        folder = folder_of_session(archive, session) / "SCANS" / folder_name(scan_id) / "DICOM"
        folder.mkdir(parents=True, exist_ok=True)
        kept = "".join(one if one.isalnum() or one in "_-." else "_" for one in name).lstrip(".")
        target = folder / (kept if kept and not renames else instance.file_name)
        if target.exists() and read_instance(target, name).get("SOPInstanceUID") != instance.get("SOPInstanceUID"):
            target = folder / instance.file_name
        shutil.move(arrived, target)
    return session


def _scan_of(session: PrearchiveSession, instance: Instance) -> str:
    """Give the scan of an object; a second series of the same number is called ``4-MR1``."""
    series_uid, wanted = instance.get("SeriesInstanceUID"), instance.scan_id
    known = next((scan_id for scan_id, uid in session.series.items() if uid == series_uid), None)
    if known is not None:
        return known
    scan_id, number = wanted, 0
    while scan_id in session.series:
        number += 1
        scan_id = f"{wanted}-{label_of(instance.get('Modality')) or 'OT'}{number}"
    return scan_id


def scan_files(archive: Archive, session: PrearchiveSession) -> Iterator[tuple[str, list[Path]]]:
    """Yield each scan with its files."""
    for scan_id in session.series:
        folder = folder_of_session(archive, session) / "SCANS" / folder_name(scan_id) / "DICOM"
        if folder.is_dir():
            yield scan_id, sorted(path for path in folder.iterdir() if path.is_file())


def instances_of(archive: Archive, session: PrearchiveSession) -> dict[str, list[Instance]]:
    """Read the headers of a session: scan by scan, in the order in which they came."""
    return {
        scan_id: [read_instance(path, path.name) for path in paths]
        for scan_id, paths in scan_files(archive, session)
        if paths
    }


def set_status(archive: Archive, session: PrearchiveSession, status: str) -> PrearchiveSession:
    """Set the state of a session, which nobody else may be at work on."""
    with archive.lock:
        found = archive.prearchive[session.key]
        if found.status in LOCKED and status in LOCKED:
            raise SessionLockedError("Operation already in progress on this prearchive entry.")
        changed = replace(found, status=status, last_modified=now())
        archive.save(changed)
    return changed


def move_session(archive: Archive, session: PrearchiveSession, project: str) -> PrearchiveSession:
    """Give a session to another project."""
    with archive.lock:
        session = set_status(archive, session, "MOVING")
        moved = replace(session, project=project, status="READY")
        if moved.key in archive.prearchive:
            set_status(archive, session, "READY")
            raise SessionLockedError(f"A prearchive resource {uri_of(moved)} already exists.")
        source, target = folder_of_session(archive, session), folder_of_session(archive, moved)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.exists():
            source.rename(target)
        archive.remove(session)
        archive.save(moved)
    return moved


def delete_prearchived(archive: Archive, session: PrearchiveSession) -> None:
    """Delete a session with its files."""
    with archive.lock:
        folder = folder_of_session(archive, session)
        archive.remove(archive.prearchive[session.key])
        shutil.rmtree(folder, ignore_errors=True)
