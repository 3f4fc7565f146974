"""What a sandbox holds, read past HTTP, so that two moments can be compared."""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.prearchive import folder_of_session, uri_of
from xnat_upload.sandbox.store.records import Owner


def stored(sandbox: Sandbox) -> dict[str, str]:
    """Give everything by the longest path that names it: items, shares, members and the files on disk."""
    archive = sandbox._now.archive
    found = {f"/accounts/{login}": repr(user) for login, user in archive.users.items()}
    for project in archive.projects.values():
        base = f"/projects/{project.id}"
        found[base] = repr((project.secondary_id, project.name, project.fields, project.aliases, project.accessibility))
        found[f"{base}/prearchive_code"] = project.prearchive_code
        found |= {f"{base}/users/{role}/{login}": "" for login, role in project.members.items()}
        found |= _resources(archive, Owner("projects", project.id), base)
    for arrived in archive.prearchive.values():
        found[uri_of(arrived)] = repr((arrived.name, arrived.subject, arrived.status, arrived.series))
        for path in folder_of_session(archive, arrived).rglob("*"):
            found[f"{uri_of(arrived)}/{path.name}"] = repr(path.read_bytes()) if path.is_file() else ""
    for subject in archive.subjects.values():
        base = f"/projects/{subject.project}/subjects/{subject.label}"
        found[base] = repr((subject.id, subject.fields))
        found |= {f"{base}/projects/{project}": label for project, label in subject.shares.items()}
        found |= _resources(archive, Owner("subjects", subject.id), base)
    for session in archive.all_sessions():
        subject = archive.subjects[session.subject_id]
        base = f"/projects/{session.project}/subjects/{subject.label}/experiments/{session.label}"
        found[base] = repr((session.id, session.xsi_type, session.fields))
        found |= {f"{base}/projects/{project}": label for project, label in session.shares.items()}
        found |= _resources(archive, Owner("experiments", session.id), base)
        for scan in archive.scans_of(session):
            found[f"{base}/scans/{scan.id}"] = repr((scan.xsi_type, scan.fields))
            found |= _resources(archive, Owner("scans", session.id, scan.id), f"{base}/scans/{scan.id}")
        for image in archive.reconstructions_of(session):
            owner = Owner("reconstructions", session.id, reconstruction_id=image.id)
            found[f"{base}/reconstructions/{image.id}"] = repr(image.fields)
            found |= _in_and_out(archive, owner, f"{base}/reconstructions/{image.id}")
        for assessor in archive.assessors_of(session):
            below = f"{base}/assessors/{assessor.label}"
            found[below] = repr((assessor.id, assessor.xsi_type, assessor.fields))
            found |= {f"{below}/projects/{project}": label for project, label in assessor.shares.items()}
            found |= _in_and_out(archive, Owner("assessors", assessor.id), below)
    return found


def _in_and_out(archive: Archive, owner: Owner, base: str) -> dict[str, str]:
    return {
        **_resources(archive, replace(owner, direction="in"), f"{base}/in"),
        **_resources(archive, owner, f"{base}/out"),
    }


def _resources(archive: Archive, owner: Owner, base: str) -> dict[str, str]:
    found = {}
    for resource in archive.resources_of(owner):
        catalog = archive.catalog_path(resource)
        path = f"{base}/resources/{resource.label}"
        found[path] = repr((resource.id, resource.format, resource.content, resource.description, resource.tags))
        for file in catalog.parent.rglob("*"):
            if file.is_file() and file != catalog:
                found[f"{path}/files/{file.relative_to(catalog.parent).as_posix()}"] = repr(file.read_bytes())
    return found
