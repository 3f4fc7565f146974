"""The sandbox: an XNAT-compatible archive for one machine, started and filled from Python."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from xnat_upload.sandbox.faults import Fault, FaultPlan, InjectedFault
from xnat_upload.sandbox.holds import Hold, Holds
from xnat_upload.sandbox.site import Accessibility, Profile, Role, SiteSettings
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.disk import Point
from xnat_upload.sandbox.store.files import find_resource
from xnat_upload.sandbox.store.logins import Logins
from xnat_upload.sandbox.store.records import Owner, Project, Scan, Session, Subject, User
from xnat_upload.sandbox.store.resources import empty_build_folder, files_below

if TYPE_CHECKING:
    from xnat_upload.sandbox.server.recording import RecordedRequest, Recorder
    from xnat_upload.sandbox.server.thread import ServerThread

MISSING_EXTRA = "The sandbox needs Starlette, uvicorn and python-multipart: pip install 'xnat-upload[sandbox]'"


class Sandbox:
    """An archive that answers like XNAT.

    Parameters
    ----------
    data : Path, optional
        Where the archive keeps its files; a temporary directory, removed at the end, by default.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    user, password : str
        A site administrator.
    accounts : Mapping of str to str
        Further accounts without site roles: login and password.
    context_path : str
        Servlet context, such as ``/xnat``.
    profile : {"1.8", "1.6"}
        Which server's answers to give.
    site : SiteSettings
        How the site is configured.
    latency_ms, bandwidth_mbps : float
        What the network between client and archive is like.

    Examples
    --------
    >>> with Sandbox() as sandbox:
    ...     project = sandbox.add_project("P1", secondary_id="hub-1")
    ...     sandbox.add_session(project, "ACC1", scans={"1": "xnat:mrScanData"})
    'XNAT_E00001'
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        user: str = "admin",
        password: str = "admin",  # noqa: S107 - it guards nothing
        accounts: Mapping[str, str] | None = None,
        context_path: str = "",
        profile: Profile = "1.8",
        site: SiteSettings = SiteSettings(),  # noqa: B008 - immutable
        latency_ms: float = 0,
        bandwidth_mbps: float | None = None,
    ) -> None:
        self.user = user
        self.password = password
        self._data = data
        self._host = host
        self._port = port
        self._accounts = dict(accounts or {})
        self._context_path = f"/{context_path.strip('/')}" if context_path.strip("/") else ""
        self._profile: Profile = profile
        self._site = site
        self._latency_ms = latency_ms
        self._bandwidth_mbps = bandwidth_mbps
        self._holds = Holds()
        self._faults = FaultPlan()
        self._running: _Running | None = None

    # Life

    def start(self) -> Sandbox:
        """Start listening; returns when requests are answered."""
        if self._running is not None:
            raise RuntimeError("The sandbox is running already.")
        try:
            from xnat_upload.sandbox.server.application import build_application
            from xnat_upload.sandbox.server.link import Link
            from xnat_upload.sandbox.server.recording import Recorder
            from xnat_upload.sandbox.server.thread import ServerThread
        except ModuleNotFoundError as error:
            raise ImportError(MISSING_EXTRA) from error
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            # Listening from here on: whoever knows the address may connect before the loop runs.
            listener.listen(512)
        except OSError:
            listener.close()
            raise
        root = self._data or Path(tempfile.mkdtemp(prefix="xnat-sandbox-"))
        archive = Archive(root, site=self._site, profile=self._profile, persistent=self._data is not None)
        empty_build_folder(archive)
        archive.save(User(login=self.user, password=self.password, site_admin=True))
        for login, password in self._accounts.items():
            archive.save(User(login=login, password=password))
        logins = Logins(archive)
        recorder = Recorder()
        app = build_application(
            archive=archive,
            logins=logins,
            holds=self._holds,
            faults=self._faults,
            recorder=recorder,
            link=Link(latency_ms=self._latency_ms, bandwidth_mbps=self._bandwidth_mbps),
            context_path=self._context_path,
        )
        port: int = listener.getsockname()[1]
        thread = ServerThread(app, listener)
        thread.start()
        self._running = _Running(archive, logins, recorder, thread, port)
        return self

    def stop(self) -> None:
        """Stop listening, drop all connections, and remove a temporary directory."""
        if self._running is None:
            return
        running, self._running = self._running, None
        self._holds.release_all()
        running.thread.stop()
        if self._data is None:
            shutil.rmtree(running.archive.root, ignore_errors=True)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise RuntimeError("The sandbox is not running: use it as a context manager, or call start().")
        return self._running

    @property
    def url(self) -> str:
        """Address of the site, context path included, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._now.port}{self._context_path}"

    @property
    def site(self) -> SiteSettings:
        """How the site is configured; may be replaced while it runs."""
        return self._running.archive.site if self._running else self._site

    @site.setter
    def site(self, settings: SiteSettings) -> None:
        self._site = settings
        if self._running:
            self._running.archive.site = settings

    # What the archive holds

    def add_user(self, name: str, password: str) -> None:
        """Add an ordinary user, without site roles."""
        self._now.archive.save(User(login=name, password=password))

    def add_project(
        self,
        project_id: str,
        *,
        secondary_id: str | None = None,
        name: str | None = None,
        accessibility: Accessibility = "private",
    ) -> str:
        """Add a project that belongs to the administrator, and give its ID."""
        self._now.archive.save(
            Project(
                id=project_id,
                secondary_id=secondary_id or "",
                name=name or "",
                accessibility=accessibility,
                members={self.user: "owner"},
                insert_date=_timestamp(),
                insert_user=self.user,
            )
        )
        return project_id

    def add_member(self, project_id: str, user: str, *, role: Role = "member") -> None:
        """Let a user own, edit (``member``) or read (``collaborator``) a project."""
        archive = self._now.archive
        if user not in archive.users:
            raise ValueError(f"There is no user {user!r}: add_user(name, password) makes one.")
        project = self._project(project_id)
        archive.save(replace(project, members={**project.members, user: role}))

    def add_session(
        self,
        project_id: str,
        label: str,
        *,
        xsi_type: str = "xnat:mrSessionData",
        subject: str | None = None,
        scans: Mapping[str, str] | None = None,
        modality: str | None = None,
    ) -> str:
        """Add a session with its subject and scans (scan ID to type), and give its global ID."""
        archive = self._now.archive
        project = self._project(project_id)
        subject_label = subject or f"{label}_subject"
        with archive.lock:
            owner = archive.subject(subject_label, project=project)
            if owner is None:
                owner = Subject(
                    id=archive.next_subject_id(),
                    project=project.id,
                    label=subject_label,
                    insert_date=_timestamp(),
                    insert_user=self.user,
                )
                archive.save(owner)
            session = Session(
                id=archive.next_session_id(),
                xsi_type=xsi_type,
                project=project.id,
                subject_id=owner.id,
                label=label,
                fields={"modality": modality} if modality else {},
                insert_date=_timestamp(),
                insert_user=self.user,
            )
            archive.save(session)
            for scan_id, scan_type in (scans or {}).items():
                row_id = archive.next_row_id()
                archive.save(Scan(row_id=row_id, session_id=session.id, id=scan_id, xsi_type=scan_type))
        return session.id

    def _project(self, project_id: str) -> Project:
        project = self._now.archive.project(project_id)
        if project is None:
            raise ValueError(f"There is no project {project_id!r}: add_project(project_id) makes one.")
        return project

    # What lies on disk

    def files(self, project_id: str, session_label: str, scan_id: str, resource_label: str) -> dict[str, bytes]:
        """Give the catalogued files of a resource: name to the bytes on disk."""
        folder, catalogued = self._folder(project_id, session_label, scan_id, resource_label)
        return {name: (folder / name).read_bytes() for name in catalogued if (folder / name).is_file()}

    def orphans(self, project_id: str, session_label: str, scan_id: str, resource_label: str) -> dict[str, bytes]:
        """Give the files that lie on disk without an entry in the catalog."""
        folder, catalogued = self._folder(project_id, session_label, scan_id, resource_label)
        names = {file.relative_to(folder).as_posix(): file for file in files_below(folder)}
        return {name: file.read_bytes() for name, file in names.items() if name not in catalogued}

    def _folder(self, project_id: str, session_label: str, scan_id: str, label: str) -> tuple[Path, set[str]]:
        archive = self._now.archive
        session = archive.session_labelled(session_label, project=self._project(project_id))
        if session is None:
            raise ValueError(f"There is no session {session_label!r} in project {project_id!r}.")
        owner = Owner("scans", session.id, scan_id)
        resource = find_resource(archive, owner, label)
        if resource is None:
            return archive.folder_of(owner) / label, set()
        path = archive.catalog_path(resource)
        return path.parent, set(archive.catalogs.read(path).entries)

    # What happened, and what shall happen

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request since the start, or since `clear_requests`, in the order of the answers."""
        return self._now.recorder.requests

    def clear_requests(self) -> None:
        """Forget the recorded requests."""
        self._now.recorder.clear()

    def inject(self, fault: Fault) -> InjectedFault:
        """Make something go wrong; see `xnat_upload.sandbox.faults`."""
        return self._faults.inject(fault)

    def hold(self, point: Point, *, within: str = "") -> Hold:
        """Hold the next writer that reaches `point` in a path that contains `within`."""
        return self._holds.add(point, within=within)

    def forget_sessions(self) -> None:
        """Make every JSESSIONID void, as a restart of the server does."""
        self._now.logins.close_all()


class _Running:
    """What exists only while the sandbox runs."""

    def __init__(self, archive: Archive, logins: Logins, recorder: Recorder, thread: ServerThread, port: int) -> None:
        self.archive = archive
        self.logins = logins
        self.recorder = recorder
        self.thread = thread
        self.port = port


def _timestamp() -> str:
    return datetime.now().isoformat(sep=" ", timespec="milliseconds")
