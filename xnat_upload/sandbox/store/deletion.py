"""Deleting items, from the leaf to the root, with their folders."""

from __future__ import annotations

import shutil

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.layout import folder_of, item_folder, owners_in, owners_of_reconstruction
from xnat_upload.sandbox.store.records import Owner, Project, Reconstruction, Scan, Session, Subject
from xnat_upload.sandbox.store.sharing import unshare


def delete_scan(archive: Archive, scan: Scan) -> None:
    """Delete a scan, its resources and its folder."""
    with archive.lock:
        _delete_resources(archive, Owner("scans", scan.session_id, scan.id))
        archive.remove(scan)


def delete_reconstruction(archive: Archive, reconstruction: Reconstruction) -> None:
    """Delete a reconstruction, its resources and its folder."""
    with archive.lock:
        for owner in owners_of_reconstruction(reconstruction):
            _delete_resources(archive, owner)
        archive.remove(reconstruction)


def delete_session(archive: Archive, session: Session) -> None:
    """Delete a session with all its scans, reconstructions and assessors; or one assessor."""
    with archive.lock:
        for scan in archive.scans_of(session):
            delete_scan(archive, scan)
        for reconstruction in archive.reconstructions_of(session):
            delete_reconstruction(archive, reconstruction)
        for assessor in archive.assessors_of(session):
            delete_session(archive, assessor)
        for owner in owners_in(archive, session):
            _delete_resources(archive, owner)
        folder = item_folder(archive, session)
        archive.remove(session)
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
        held: list[Subject | Session] = [*archive.experiments_of(project), *archive.subjects_of(project)]
        for item in held:
            if item.project != project.id:
                unshare(archive, item, project.id)
        for experiment in archive.experiments_of(project):
            if experiment.assessed_id:  # of this project, though its session may be another's
                delete_session(archive, experiment)
        for subject in archive.subjects_of(project):
            delete_subject(archive, subject)
        _delete_resources(archive, Owner("projects", project.id))
        archive.remove(project)
        shutil.rmtree(archive.archive_folder / project.id, ignore_errors=True)


def _delete_resources(archive: Archive, owner: Owner) -> None:
    folder = folder_of(archive, owner)
    for resource in archive.resources_of(owner):
        archive.remove(resource)
    shutil.rmtree(folder, ignore_errors=True)
