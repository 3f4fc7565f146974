"""The archive's records: in memory, under one lock that files and catalogs do not share, so that writers never wait."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from xnat_upload.sandbox.faces import FACES
from xnat_upload.sandbox.site import Profile, SiteSettings
from xnat_upload.sandbox.store.catalog import CatalogFiles
from xnat_upload.sandbox.store.journal import Journal
from xnat_upload.sandbox.store.reach import Reach
from xnat_upload.sandbox.store.records import (
    GUEST,
    Owner,
    PrearchiveSession,
    Project,
    Reconstruction,
    Record,
    Resource,
    Scan,
    Session,
    SiteDocument,
    Subject,
    User,
)

Table = Literal["event", "resource", "scan", "reconstruction"]
PRIVATE = 0o700
JOURNAL = "records.jsonl"


def now() -> str:
    """Give the time as database timestamps are written."""
    return datetime.now().isoformat(sep=" ", timespec="milliseconds")


class Archive:
    """Everything one site holds.

    Parameters
    ----------
    root : Path
        The site's data directory: ``archive``, ``cache`` and ``build`` are made below it.
    site : SiteSettings
        May be replaced while the site runs.
    profile : {"1.6", "1.8", "1.10", "1.11"}
        Whose rules hold where they differ.
    persistent : bool
        Whether the records are written to disk as well.
    """

    def __init__(self, root: Path, *, site: SiteSettings, profile: Profile, persistent: bool) -> None:
        self.root = root.resolve()
        self.archive_folder = self.root / "archive"  # the files of all projects
        self.cache_folder = self.root / "cache"  # what was replaced and deleted, if it is kept
        self.build_folder = self.root / "build"  # multipart bodies until they are complete
        self.site = site
        self.face = FACES[profile]
        self.lock = threading.RLock()
        self.import_lock = threading.RLock()  # sessions leave the prearchive one after another
        self.catalogs = CatalogFiles(self.face)
        self.users: dict[str, User] = {GUEST.login: GUEST}
        self.projects: dict[str, Project] = {}
        self.deleted_projects: set[str] = set()
        self.subjects: dict[str, Subject] = {}
        self.sessions: dict[str, Session] = {}
        self.prearchive: dict[tuple[str, str, str], PrearchiveSession] = {}
        self._subject_ids: dict[tuple[str, str], str] = {}
        self._session_ids: dict[tuple[str, str], str] = {}
        self._scans: dict[str, dict[str, Scan]] = {}
        self._reconstructions: dict[str, dict[str, Reconstruction]] = {}
        self._resources: dict[Owner, dict[int, Resource]] = {}
        self._owners: dict[int, Owner] = {}
        self._documents: dict[tuple[str, str, str], SiteDocument] = {}
        self._highest = {"S": 0, "E": 0}
        self.root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for folder in (self.archive_folder, self.cache_folder, self.build_folder, self.root / "prearchive"):
            folder.mkdir(exist_ok=True)
            folder.chmod(PRIVATE)  # whatever the umask, and whoever may look into the directory around it
        self._journal: Journal | None = None
        self._is_replaying = persistent
        if persistent:
            journal = Journal(self.root / JOURNAL)
            for action, record in journal.replay():
                (self.save if action == "save" else self.remove)(record)
            self._journal = journal
            self._is_replaying = False
        taken: dict[Table, list[int]] = {
            "event": [],
            "resource": list(self._owners),
            "scan": [row.row_id for rows in self._scans.values() for row in rows.values()],
            "reconstruction": [row.row_id for rows in self._reconstructions.values() for row in rows.values()],
        }
        self._row_ids = {table: itertools.count(max(rows, default=0) + 1) for table, rows in taken.items()}

    # Records

    def save(self, record: Record) -> None:
        """Insert or update one record."""
        with self.lock:
            if isinstance(record, Project | Subject | Session) and not self._is_replaying:
                record = replace(record, last_modified=now())
            match record:
                case User():
                    if not record.number:
                        known = self.users.get(record.login)
                        record = replace(record, number=known.number if known else self._next_user_number())
                    self.users[record.login] = record
                case Project():
                    self.projects[record.id] = record
                case Subject():
                    for name in self._names_of(self.subjects.get(record.id)):
                        self._subject_ids.pop(name, None)
                    self.subjects[record.id] = record
                    self._subject_ids.update(dict.fromkeys(self._names_of(record), record.id))
                    self._note_number("S", record.id)
                case Session():
                    for name in self._names_of(self.sessions.get(record.id)):
                        self._session_ids.pop(name, None)
                    self.sessions[record.id] = record
                    self._session_ids.update(dict.fromkeys(self._names_of(record), record.id))
                    self._note_number("E", record.id)
                case Scan():
                    self._scans.setdefault(record.session_id, {})[record.id] = record
                case Reconstruction():
                    self._reconstructions.setdefault(record.session_id, {})[record.id] = record
                case SiteDocument():
                    self._documents[record.kind, record.scope, record.name] = record
                case Resource():
                    self._resources.setdefault(record.owner, {})[record.id] = record
                    self._owners[record.id] = record.owner
                case PrearchiveSession():
                    self.prearchive[record.key] = record
            if self._journal:
                self._journal.write("save", record)

    def remove(self, record: Record) -> None:
        """Delete one record; what hangs on it must have been removed before."""
        with self.lock:
            match record:
                case User():
                    del self.users[record.login]
                case Project():
                    del self.projects[record.id]
                    self.deleted_projects.add(record.id)
                case Subject():
                    del self.subjects[record.id]
                    for name in self._names_of(record):
                        self._subject_ids.pop(name, None)
                case Session():
                    del self.sessions[record.id]
                    for name in self._names_of(record):
                        self._session_ids.pop(name, None)
                case Scan():
                    del self._scans[record.session_id][record.id]
                case Reconstruction():
                    del self._reconstructions[record.session_id][record.id]
                case SiteDocument():
                    self._documents.pop((record.kind, record.scope, record.name), None)
                case Resource():
                    self._resources[record.owner].pop(record.id, None)
                    self._owners.pop(record.id, None)
                case PrearchiveSession():
                    del self.prearchive[record.key]
            if self._journal:
                self._journal.write("remove", record)

    @staticmethod
    def _names_of(item: Subject | Session | None) -> Iterable[tuple[str, str]]:
        if item is None:
            return []
        # What is shared without a label of its own there is shown under its first one, but not found by it.
        return [(item.project, item.label), *((project, label) for project, label in item.shares.items() if label)]

    # Look-ups

    def project(self, name: str) -> Project | None:
        """Find a project by ID or alias, exactly; never by secondary ID.

        See docs/xnat/projects-and-sessions.md, "One project".
        """
        with self.lock:
            found = self.projects.get(name)
            if found is None:
                found = next((one for one in self.projects.values() if name in one.aliases), None)
            return found

    def subject(self, name: str, *, project: Project | None = None) -> Subject | None:
        """Find a subject by its label in `project`, primary or shared, or by global ID."""
        with self.lock:
            if project is None:
                return self.subjects.get(name)
            subject = self.subjects.get(self._subject_ids.get((project.id, name), name))
            return subject if subject and project.id in (subject.project, *subject.shares) else None

    def session_labelled(self, label: str, *, project: Project) -> Session | None:
        """Find a session by its label in `project`, primary or shared."""
        with self.lock:
            return self.sessions.get(self._session_ids.get((project.id, label), ""))

    def subjects_of(self, project: Project) -> list[Subject]:
        """All subjects a project owns or is given a share in."""
        with self.lock:
            return [one for one in self.subjects.values() if project.id in (one.project, *one.shares)]

    def experiments_of(self, project: Project) -> list[Session]:
        """All sessions and assessors a project owns or is given a share in."""
        with self.lock:
            return [one for one in self.sessions.values() if project.id in (one.project, *one.shares)]

    def sessions_of(self, project: Project) -> list[Session]:
        """Those of them that are sessions."""
        return [one for one in self.experiments_of(project) if not one.assessed_id]

    def assessors_of(self, session: Session) -> list[Session]:
        """All assessors of a session."""
        with self.lock:
            return [one for one in self.sessions.values() if one.assessed_id == session.id]

    def reconstruction(self, session: Session, reconstruction_id: str) -> Reconstruction | None:
        """Find a reconstruction by its ID."""
        with self.lock:
            return self._reconstructions.get(session.id, {}).get(reconstruction_id)

    def reconstructions_of(self, session: Session) -> list[Reconstruction]:
        """All reconstructions of a session."""
        with self.lock:
            return list(self._reconstructions.get(session.id, {}).values())

    def scans_of(self, session: Session) -> list[Scan]:
        """All scans of a session."""
        with self.lock:
            return list(self._scans.get(session.id, {}).values())

    def scan(self, session: Session, scan_id: str) -> Scan | None:
        """Find a scan by its ID."""
        with self.lock:
            return self._scans.get(session.id, {}).get(scan_id)

    def resources_of(self, owner: Owner) -> list[Resource]:
        """All resources in one folder."""
        with self.lock:
            return list(self._resources.get(owner, {}).values())

    def resource(self, resource_id: int) -> Resource | None:
        """Find a resource by its number."""
        with self.lock:
            owner = self._owners.get(resource_id)
            return self._resources[owner].get(resource_id) if owner else None

    def document(self, kind: str, scope: str, name: str) -> SiteDocument | None:
        """Find a text of the site, or of the project that is its scope."""
        with self.lock:
            return self._documents.get((kind, scope, name))

    def documents_of(self, kind: str, scope: str = "") -> list[SiteDocument]:
        """All texts of a kind in a scope."""
        with self.lock:
            return [one for one in self._documents.values() if (one.kind, one.scope) == (kind, scope)]

    def project_of(self, owner: Owner) -> Project:
        """Give the project in whose folder the files of `owner` lie."""
        with self.lock:
            if owner.level == "projects":
                return self.projects[owner.id]
            if owner.level == "subjects":
                return self.projects[self.subjects[owner.id].project]
            return self.projects[self.sessions[owner.id].project]

    # Identifiers and folders

    def next_row_id(self, table: Table) -> int:
        """Draw a database key: each table counts by itself."""
        with self.lock:
            return next(self._row_ids[table])

    def _next_user_number(self) -> int:
        return next(
            number for number in itertools.count(1) if number not in {one.number for one in self.users.values()}
        )

    def next_subject_id(self) -> str:
        """Draw a global subject ID."""
        return self._next_id("S")

    def next_session_id(self) -> str:
        """Draw a global experiment ID."""
        return self._next_id("E")

    def _next_id(self, letter: str) -> str:
        with self.lock:
            self._highest[letter] += 1
            return f"{self.site.site_id}_{letter}{self._highest[letter]:05d}"

    def _note_number(self, letter: str, item_id: str) -> None:
        number = item_id.rpartition(f"_{letter}")[2]
        if number.isdigit():
            self._highest[letter] = max(self._highest[letter], int(number))

    def catalog_path(self, resource: Resource) -> Path:
        """Give the catalog file of a resource."""
        return self.archive_folder / resource.catalog

    def reach(self, resource: Resource) -> Reach:
        """Tell which files the names in a resource can stand for."""
        project = resource.catalog.partition("/")[0]
        return Reach(self.catalog_path(resource).parent, limit=self.archive_folder / project)

    def all_sessions(self) -> Iterator[Session]:
        """Every session of the site, without assessors, in the order in which they were made."""
        with self.lock:
            return iter([one for one in self.sessions.values() if not one.assessed_id])
