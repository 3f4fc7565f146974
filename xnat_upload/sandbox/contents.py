"""Filling an archive from Python, and looking at what lies on its disk: past HTTP, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.site import Accessibility, Role
from xnat_upload.sandbox.store.archive import Archive, now
from xnat_upload.sandbox.store.files import find_resource
from xnat_upload.sandbox.store.layout import folder_of
from xnat_upload.sandbox.store.reach import Reach
from xnat_upload.sandbox.store.records import Owner, Project, Scan, Session, Subject
from xnat_upload.sandbox.store.resources import files_below


@dataclass(frozen=True)
class Contents:
    """What an archive holds, as seen by its `user`."""

    archive: Archive
    user: str

    def add_project(self, project_id: str, *, secondary_id: str, name: str, accessibility: Accessibility) -> str:
        """Add a project that belongs to the user."""
        if self.archive.project(project_id) is not None:
            raise ValueError(f"There is a project {project_id!r} already.")
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
        project = self._project(project_id)
        self.archive.save(replace(project, members={**project.members, user: role}))

    def add_session(
        self,
        project_id: str,
        label: str,
        *,
        xsi_type: str,
        subject: str,
        scans: Mapping[str, str],
        fields: Mapping[str, str],
    ) -> str:
        """Add a session, its subject where it is missing, and its scans."""
        archive = self.archive
        project = self._project(project_id)
        for given in (xsi_type, *scans.values()):
            if ":" not in given:
                raise ValueError(f"{given!r} is no data type: give XNAT's name of one, such as 'xnat:ctSessionData'.")
        with archive.lock:
            if archive.session_labelled(label, project=project) is not None:
                raise ValueError(f"There is a session {label!r} in project {project_id!r} already.")
            owner = archive.subject(subject, project=project)
            if owner is None:
                owner = Subject(
                    id=archive.next_subject_id(),
                    project=project.id,
                    label=subject,
                    insert_date=now(),
                    insert_user=self.user,
                )
                archive.save(owner)
            session = Session(
                id=archive.next_session_id(),
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
                archive.save(Scan(row_id=row_id, session_id=session.id, id=scan_id, xsi_type=scan_type))
        return session.id

    def files(self, project_id: str, session_label: str, scan_id: str, label: str) -> dict[str, bytes]:
        """Give the files that have an entry in the catalog."""
        folder, catalogued = self._folder(project_id, session_label, scan_id, label)
        reach = Reach(folder, limit=self.archive.archive_folder / self._project(project_id).id)
        return {name: file.read_bytes() for name in catalogued if (file := reach.file(name))}

    def orphans(self, project_id: str, session_label: str, scan_id: str, label: str) -> dict[str, bytes]:
        """Give the files that have none."""
        folder, catalogued = self._folder(project_id, session_label, scan_id, label)
        names = {file.relative_to(folder).as_posix(): file for file in files_below(folder, self.archive.face)}
        return {name: file.read_bytes() for name, file in names.items() if name not in catalogued}

    def _project(self, project_id: str) -> Project:
        project = self.archive.project(project_id)
        if project is None:
            raise ValueError(f"There is no project {project_id!r}: add_project(project_id) makes one.")
        return project

    def _folder(self, project_id: str, session_label: str, scan_id: str, label: str) -> tuple[Path, list[str]]:
        session = self.archive.session_labelled(session_label, project=self._project(project_id))
        if session is None:
            raise ValueError(f"There is no session {session_label!r} in project {project_id!r}.")
        owner = Owner("scans", session.id, scan_id)
        resource = find_resource(self.archive, owner, label)
        if resource is None:
            return folder_of(self.archive, owner) / label, []
        path = self.archive.catalog_path(resource)
        return path.parent, list(self.archive.catalogs.read(path).entries)
