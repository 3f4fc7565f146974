"""The sandbox: an XNAT-compatible archive for one machine, started and filled from Python."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.faults import Fault
from xnat_upload.sandbox.holds import Hold, Holds
from xnat_upload.sandbox.injection import FaultPlan, InjectedFault
from xnat_upload.sandbox.site import Accessibility, Profile, Role, SiteSettings
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.disk import Disk, Point
from xnat_upload.sandbox.store.logins import Logins
from xnat_upload.sandbox.store.passwords import account
from xnat_upload.sandbox.store.resources import empty_build_folder

if TYPE_CHECKING:
    from xnat_upload.sandbox.server.recording import RecordedRequest, Recorder
    from xnat_upload.sandbox.server.thread import ServerThread

MISSING_EXTRA = "The sandbox needs Starlette, uvicorn and python-multipart: pip install 'xnat-upload[sandbox]'"


class Sandbox:
    """An archive that answers like XNAT.

    Parameters
    ----------
    data : Path, optional
        Where the archive keeps its files, for nobody but you to read; a temporary directory, removed at the end,
        by default.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    user, password : str
        A site administrator.
    accounts : Mapping of str to str
        Further accounts without site roles: login and password.
    context_path : str
        Servlet context, such as ``/xnat``.
    profile : {"1.6", "1.8", "1.10", "1.11"}
        Which server's answers to give; see docs/sandbox.md, "Four faces".
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
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # TCP by name: asyncio sets TCP_NODELAY, as Tomcat does, only on sockets that say so; without it an answer in
        # two writes waits 40 ms for the client's delayed acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            # Listening from here on: whoever knows the address may connect before the loop runs.
            listener.listen(512)
        except OSError:
            listener.close()
            raise
        root = self._data or Path(tempfile.mkdtemp(prefix="xnat-sandbox-"))
        try:
            archive = Archive(root, site=self._site, profile=self._profile, persistent=self._data is not None)
        except BaseException:
            listener.close()
            raise
        empty_build_folder(archive)
        archive.save(account(self.user, self.password, site_admin=True))
        for login, password in self._accounts.items():
            archive.save(account(login, password))
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
        self._running = _Running(archive, Contents(archive, user=self.user), logins, recorder, thread, port)
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
        self._now.archive.save(account(name, password))

    def add_project(
        self,
        project_id: str,
        *,
        secondary_id: str | None = None,
        name: str | None = None,
        accessibility: Accessibility = "private",
    ) -> str:
        """Add a project that belongs to the administrator, and give its ID."""
        return self._now.contents.add_project(
            project_id, secondary_id=secondary_id or "", name=name or "", accessibility=accessibility
        )

    def add_member(self, project_id: str, user: str, *, role: Role = "member") -> None:
        """Let a user own, edit (``member``) or read (``collaborator``) a project."""
        self._now.contents.add_member(project_id, user, role=role)

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
        return self._now.contents.add_session(
            project_id,
            label,
            xsi_type=xsi_type,
            subject=subject or f"{label}_subject",
            scans=scans or {},
            fields={"modality": modality} if modality else {},
        )

    def add_dicom(
        self, project_id: str, files: Iterable[Path] | Path, *, subject: str | None = None, session: str | None = None
    ) -> list[str]:
        """Add sessions made from DICOM files, and give their global IDs; needs pydicom.

        Folders stand for all files in them.  What `subject` and `session` do not say, the
        headers do, as for an import; `datasets.dicom_study` makes files to add.

        >>> import tempfile
        >>> from xnat_upload.sandbox.datasets import dicom_study
        >>> with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        ...     project = sandbox.add_project("P1")
        ...     sandbox.add_dicom(project, dicom_study(Path(folder)), session="CT1")
        ['XNAT_E00001']
        """
        from xnat_upload.sandbox.seeding import add_dicom

        return add_dicom(
            self._now.archive,
            Disk(self._holds),
            [files] if isinstance(files, Path) else files,
            project_id=project_id,
            subject=subject or "",
            session=session or "",
            user=self.user,
        )

    def files(self, project_id: str, session_label: str, scan_id: str, resource_label: str) -> dict[str, bytes]:
        """Give the catalogued files of a resource: name to the bytes on disk."""
        return self._now.contents.files(project_id, session_label, scan_id, resource_label)

    def orphans(self, project_id: str, session_label: str, scan_id: str, resource_label: str) -> dict[str, bytes]:
        """Give the files that lie on disk without an entry in the catalog."""
        return self._now.contents.orphans(project_id, session_label, scan_id, resource_label)

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

    def hold(self, point: Point, *, within: str = "", nth: int = 1) -> Hold:
        """Hold the `nth` request from now on that reaches `point` in a path that contains `within`.

        The path is that of the file or the catalog on disk; for ``body-half-received``,
        ``body-received`` and ``answer-ready`` it is the request's own.  The points are told in
        `xnat_upload.sandbox.store.disk.Point`.
        """
        return self._holds.add(point, within=within, nth=nth)

    def wait_until_idle(self, *, timeout_seconds: float = 10.0) -> None:
        """Wait until no request is under way, those included whose clients have gone.

        Raises
        ------
        TimeoutError
            If one still is: it may be held.
        """
        self._now.thread.take_in()
        if not self._now.recorder.wait_until_idle(timeout_seconds):
            raise TimeoutError(f"A request is still under way after {timeout_seconds} s.")

    def forget_sessions(self) -> None:
        """Make every JSESSIONID void, as a restart of the server does."""
        self._now.logins.close_all()


@dataclass(frozen=True)
class _Running:
    """What exists only while the sandbox runs."""

    archive: Archive
    contents: Contents
    logins: Logins
    recorder: Recorder
    thread: ServerThread
    port: int
