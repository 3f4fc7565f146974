"""Deleting items, from the leaf to the root, with their folders."""

from __future__ import annotations

import shutil

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.records import Owner, Project, Scan, Session, Subject
from xnat_upload.sandbox.store.sharing import unshare


def delete_scan(archive: Archive, scan: Scan) -> None:
    """Delete a scan, its resources and its folder."""
    with archive.lock:
        _delete_resources(archive, Owner("scans", scan.session_id, scan.id))
        archive.remove(scan)


def delete_session(archive: Archive, session: Session) -> None:
    """Delete a session with all its scans."""
    with archive.lock:
        for scan in archive.scans_of(session):
            delete_scan(archive, scan)
        _delete_resources(archive, Owner("experiments", session.id))
        archive.remove(session)
        folder = archive.archive_folder / session.project / "arc001" / session.label
        shutil.rmtree(folder, ignore_errors=True)


def delete_subject(archive: Archive, subject: Subject) -> None:
    """Delete a subject with all its sessions."""
    with archive.lock:
        for session in archive.all_sessions():
            if session.subject_id == subject.id:
                delete_session(archive, session)
        _delete_resources(archive, Owner("subjects", subject.id))
        archive.remove(subject)


def delete_project(archive: Archive, project: Project) -> None:
    """Delete a project with everything in it; its ID can never be used again."""
    with archive.lock:
        held: list[Subject | Session] = [*archive.sessions_of(project), *archive.subjects_of(project)]
        for item in held:
            if item.project != project.id:
                unshare(archive, item, project.id)
        for subject in archive.subjects_of(project):
            delete_subject(archive, subject)
        _delete_resources(archive, Owner("projects", project.id))
        archive.remove(project)
        shutil.rmtree(archive.archive_folder / project.id, ignore_errors=True)


def _delete_resources(archive: Archive, owner: Owner) -> None:
    folder = archive.folder_of(owner)
    for resource in archive.resources_of(owner):
        archive.remove(resource)
    shutil.rmtree(folder, ignore_errors=True)
