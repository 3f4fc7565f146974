"""The sandbox: an XNAT-compatible archive for one machine, started and filled from Python."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.faults import Fault
from xnat_upload.sandbox.filling import Filling
from xnat_upload.sandbox.holds import Hold, Holds
from xnat_upload.sandbox.injection import FaultPlan, InjectedFault
from xnat_upload.sandbox.site import Profile, SiteSettings
from xnat_upload.sandbox.startup import Setup
from xnat_upload.sandbox.store.disk import Point

if TYPE_CHECKING:
    from xnat_upload.sandbox.running import OpenSite, Running
    from xnat_upload.sandbox.server.recording import Requests

MISSING_EXTRA = "The sandbox needs Starlette, uvicorn and python-multipart: pip install 'xnat-upload[sandbox]'"


class Sandbox(Filling):
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
    seed : callable, optional
        Called with the sandbox when it has started, and again after each reset, to fill it.

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
        seed: Callable[[Sandbox], object] | None = None,
    ) -> None:
        self.user = user
        self.password = password
        self._setup = Setup(
            data=data,
            host=host,
            port=port,
            user=user,
            password=password,
            accounts=dict(accounts or {}),
            context_path=f"/{context_path.strip('/')}" if context_path.strip("/") else "",
            profile=profile,
            site=site,
            latency_ms=latency_ms,
            bandwidth_mbps=bandwidth_mbps,
        )
        self._seed = seed
        self._site = site
        self._holds = Holds()
        self._faults = FaultPlan()
        self._root: Path | None = None
        self._running: Running | None = None
        self._resetting = threading.Lock()

    # Life

    def start(self) -> Sandbox:
        """Start listening; returns when requests are answered.

        Returns
        -------
        Sandbox
            Itself.

        Raises
        ------
        RuntimeError
            It is running already.
        ImportError
            What it needs is not installed: ``pip install 'xnat-upload[sandbox]'``.
        """
        if self._running is not None:
            raise RuntimeError("The sandbox is running already.")
        try:
            from xnat_upload.sandbox.running import Running
        except ModuleNotFoundError as error:
            raise ImportError(MISSING_EXTRA) from error
        root = self._root = self._setup.data or Path(tempfile.mkdtemp(prefix="xnat-sandbox-"))
        try:
            self._running = Running(self._setup, root, holds=self._holds, faults=self._faults, reset=self.reset)
            self._running.site.archive.site = self._site
            self._fill()
        except BaseException:
            self.stop()
            raise
        return self

    def reset(self) -> None:
        """Be as at the start: nothing is left of accounts, projects, files, requests, faults, holds and settings.

        Requests that are under way end in the archive of their time, which nobody sees any more.
        ``POST /xnat-sandbox/reset`` does the same, from this machine only.

        Raises
        ------
        RuntimeError
            If the sandbox keeps its archive in a directory of yours: it does not empty that.
        """
        running = self._life
        if self._setup.data is not None:
            raise RuntimeError(
                f"This sandbox keeps its archive in {self._setup.data}, which is not emptied: start it without a "
                "directory to reset it."
            )
        with self._resetting:
            self._site = self._setup.site
            self._holds, self._faults = Holds(), FaultPlan()
            running.renew(holds=self._holds, faults=self._faults)
            self._fill()

    def _fill(self) -> None:
        if self._seed is not None:
            self._seed(self)
            self.clear_requests()

    def stop(self) -> None:
        """Stop listening, drop all connections, and remove a temporary directory."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
        if self._setup.data is None and self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
        self._root = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _life(self) -> Running:
        if self._running is None:
            raise RuntimeError("The sandbox is not running: use it as a context manager, or call start().")
        return self._running

    @property
    def _now(self) -> OpenSite:
        return self._life.site

    @property
    def _contents(self) -> Contents:
        return self._now.contents

    @property
    def url(self) -> str:
        """Address of the site, context path included, without a slash at the end."""
        host = f"[{self._setup.host}]" if ":" in self._setup.host else self._setup.host
        return f"http://{host}:{self._life.port}{self._setup.context_path}"

    @property
    def site(self) -> SiteSettings:
        """How the site is configured; may be replaced while it runs."""
        return self._now.archive.site if self._running else self._site

    @site.setter
    def site(self, settings: SiteSettings) -> None:
        self._site = settings
        if self._running:
            self._now.archive.site = settings

    # What happened, and what shall happen

    @property
    def requests(self) -> Requests:
        """Every request since the start, or since `clear_requests`, in the order of the answers."""
        return self._now.recorder.requests

    def clear_requests(self) -> None:
        """Forget the recorded requests."""
        self._now.recorder.clear()

    def keep_bodies(self) -> None:
        """Keep the bodies of all requests from now on, in memory, until the next reset."""
        self._now.recorder.keeps_bodies = True

    def inject(self, fault: Fault) -> InjectedFault:
        """Make something go wrong; see `xnat_upload.sandbox.faults`.

        Parameters
        ----------
        fault : Fault
            What, and to which requests.

        Returns
        -------
        InjectedFault
            Counts what it hits, and takes it out again: by ``remove()``, or as a context manager.
        """
        return self._faults.inject(fault)

    def hold(self, point: Point, *, within: str = "", nth: int = 1) -> Hold:
        """Hold the `nth` request from now on that reaches `point` in a path that contains `within`.

        The path is that of the file or the catalog on disk; for ``body-half-received``,
        ``body-received`` and ``answer-ready`` it is the request's own.  The points are told in
        `xnat_upload.sandbox.store.disk.Point`.

        Parameters
        ----------
        point : Point
            One of the steps of a request.
        within : str
            What the path must contain.
        nth : int
            Which of the requests that come there, from 1.

        Returns
        -------
        Hold
            Lets the request go on: by ``release()``, or as a context manager.
        """
        return self._holds.add(point, within=within, nth=nth)

    def wait_until_idle(self, *, timeout_seconds: float = 10.0) -> None:
        """Wait until no request is under way, those included whose clients have gone.

        Parameters
        ----------
        timeout_seconds : float
            How long to wait.

        Raises
        ------
        TimeoutError
            If one still is: it may be held.
        """
        self._life.thread.take_in()
        if not self._now.recorder.wait_until_idle(timeout_seconds):
            raise TimeoutError(f"A request is still under way after {timeout_seconds} s.")

    def forget_sessions(self) -> None:
        """Make every JSESSIONID void, as a restart of the server does."""
        self._now.logins.close_all()
