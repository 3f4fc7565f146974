"""Filling an archive from Python: past HTTP, for tests."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.inventory import owner_at
from xnat_upload.sandbox.site import Accessibility, Role
from xnat_upload.sandbox.store.archive import Archive, now
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.files import find_resource
from xnat_upload.sandbox.store.records import Project, Scan, Session, Subject
from xnat_upload.sandbox.store.resources import create_resource, refresh
from xnat_upload.sandbox.store.writing import FileInfo


@dataclass(frozen=True)
class Contents:
    """What an archive holds, as seen by its `user`."""

    archive: Archive
    user: str
    disk: Disk

    def add_project(self, project_id: str, *, secondary_id: str, name: str, accessibility: Accessibility) -> str:
        """Add a project that belongs to the user."""
        if self.archive.project(project_id) is not None:
            raise ValueError(f"There is a project {project_id!r} already.")
        if accessibility not in get_args(Accessibility):
            known = ", ".join(get_args(Accessibility))
            raise ValueError(f"The accessibility {accessibility!r} is none: it is one of {known}.")
        self.archive.save(
            Project(
                id=project_id,
                secondary_id=secondary_id,
                name=name or project_id,
                accessibility=accessibility,
                members={self.user: "owner"},
                insert_date=now(),
                insert_user=self.user,
            )
        )
        return project_id

    def add_member(self, project_id: str, user: str, *, role: Role) -> None:
        """Give a user a role in a project."""
        if user not in self.archive.users:
            raise ValueError(f"There is no user {user!r}: add_user(name, password) makes one.")
        if role not in get_args(Role):
            raise ValueError(f"The role {role!r} is none: it is one of {', '.join(get_args(Role))}.")
        project = self.project(project_id)
        self.archive.save(replace(project, members={**project.members, user: role}))

    def add_session(
        self,
        project_id: str,
        label: str,
        *,
        xsi_type: str,
        subject: str,
        scans: Mapping[str, str],
        scan_types: Mapping[str, str],
        fields: Mapping[str, str],
        session_id: str = "",
        subject_id: str = "",
    ) -> str:
        """Add a session, its subject where it is missing, and its scans."""
        archive = self.archive
        project = self.project(project_id)
        for given in (xsi_type, *scans.values()):
            if ":" not in given:
                raise ValueError(f"{given!r} is no data type: give XNAT's name of one, such as 'xnat:ctSessionData'.")
        for scan_id in scan_types.keys() - scans.keys():
            raise ValueError(f"There is a type for scan {scan_id!r}, and no such scan.")
        with archive.lock:
            if archive.session_labelled(label, project=project) is not None:
                raise ValueError(f"There is a session {label!r} in project {project_id!r} already.")
            if session_id in archive.sessions:
                raise ValueError(f"There is a session with the ID {session_id!r} already.")
            owner = archive.subject(subject, project=project)
            if subject_id and (owner.id != subject_id if owner else subject_id in archive.subjects):
                raise ValueError(f"The ID {subject_id!r} cannot be that of subject {subject!r}: one of them is taken.")
            if owner is None:
                owner = Subject(
                    id=subject_id or archive.next_subject_id(),
                    project=project.id,
                    label=subject,
                    insert_date=now(),
                    insert_user=self.user,
                )
                archive.save(owner)
            session = Session(
                id=session_id or archive.next_session_id(),
                xsi_type=xsi_type,
                project=project.id,
                subject_id=owner.id,
                label=label,
                fields=fields,
                insert_date=now(),
                insert_user=self.user,
            )
            archive.save(session)
            for scan_id, scan_type in scans.items():
                row_id = archive.next_row_id("scan")
                what = {"type": scan_types[scan_id]} if scan_types.get(scan_id) else {}
                archive.save(Scan(row_id=row_id, session_id=session.id, id=scan_id, xsi_type=scan_type, fields=what))
        return session.id

    def add_files(
        self,
        project_id: str,
        session_label: str | None,
        scan_id: str | None,
        label: str,
        files: Mapping[str, bytes | Path],
    ) -> None:
        """Add files to a resource, and the resource if there is none; all catalogued at once."""
        archive = self.archive
        owner = owner_at(archive, self.project(project_id), session_label, scan_id)
        if owner.level == "scans" and archive.scan(archive.sessions[owner.id], owner.scan_id) is None:
            raise ValueError(f"There is no scan {scan_id!r} in session {session_label!r}.")
        resource = find_resource(archive, owner, label) or create_resource(archive, owner, label, FileInfo())
        reach = archive.reach(resource)
        for name, given in files.items():
            path = reach.path(name)
            if path.exists():
                raise ValueError(f"There is a file {name!r} in resource {label!r} already.")
            if not archive.face.is_cataloguable(path.name):
                raise ValueError(f"XNAT takes no file of the name {path.name!r} into a resource.")
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(given, Path):
                shutil.copyfile(given, path)
            else:
                path.write_bytes(given)
        operations = {"append", "populateStats"} | ({"checksum"} if archive.site.checksums else set())
        refresh(archive, resource, frozenset(operations), disk=self.disk)
        known = archive.catalogs.read(archive.catalog_path(resource)).entries
        if missing := [name for name in files if name not in known]:
            for name in missing:
                reach.path(name).unlink()
            raise ValueError(f"XNAT would not catalog {missing[0]!r}: resource {label!r} holds a catalog of its own.")

    def project(self, project_id: str) -> Project:
        """Give a project that must be there."""
        project = self.archive.project(project_id)
        if project is None:
            raise ValueError(f"There is no project {project_id!r}: add_project(project_id) makes one.")
        return project
