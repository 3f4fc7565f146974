"""A sandbox that runs: a socket, and the site behind it, in whose place each reset puts another one."""

from __future__ import annotations

import itertools
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.holds import Holds
from xnat_upload.sandbox.injection import FaultPlan
from xnat_upload.sandbox.server.application import build_application
from xnat_upload.sandbox.server.control import Control
from xnat_upload.sandbox.server.link import Link
from xnat_upload.sandbox.server.recording import Recorder
from xnat_upload.sandbox.server.status import status_page
from xnat_upload.sandbox.server.thread import ServerThread
from xnat_upload.sandbox.startup import Setup
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.disk import Disk
from xnat_upload.sandbox.store.logins import Logins
from xnat_upload.sandbox.store.passwords import account
from xnat_upload.sandbox.store.resources import empty_build_folder


@dataclass(frozen=True, kw_only=True)
class OpenSite:
    """An archive and all that is known of those who talk to it."""

    archive: Archive
    contents: Contents
    logins: Logins
    recorder: Recorder
    holds: Holds
    faults: FaultPlan
    app: ASGIApp


def open_site(setup: Setup, root: Path, *, holds: Holds, faults: FaultPlan) -> OpenSite:
    """Open the archive in a directory."""
    archive = Archive(root, site=setup.site, profile=setup.profile, persistent=setup.data is not None)
    empty_build_folder(archive)
    archive.save(account(setup.user, setup.password, site_admin=True))
    for login, password in setup.accounts.items():
        archive.save(account(login, password))
    logins = Logins(archive)
    recorder = Recorder()
    app = build_application(
        archive=archive,
        logins=logins,
        holds=holds,
        faults=faults,
        recorder=recorder,
        link=Link(latency_ms=setup.latency_ms, bandwidth_mbps=setup.bandwidth_mbps),
        context_path=setup.context_path,
    )
    return OpenSite(
        archive=archive,
        contents=Contents(archive, user=setup.user, disk=Disk(holds)),
        logins=logins,
        recorder=recorder,
        holds=holds,
        faults=faults,
        app=app,
    )


class Running:
    """A listening socket with its thread, and the site that answers now.

    `root` is the data directory, or one under which every site gets a directory of its own:
    a request that a reset overtakes goes on in the directory of its time.
    """

    def __init__(self, setup: Setup, root: Path, *, holds: Holds, faults: FaultPlan, reset: Callable[[], None]) -> None:
        listener = _listen(setup.host, setup.port)
        try:
            self._setup = setup
            self._root = root
            self._numbers = itertools.count(1)
            self.site = open_site(setup, self._next_folder(), holds=holds, faults=faults)
        except BaseException:
            listener.close()
            raise
        self.port: int = listener.getsockname()[1]
        control = Control(lambda: self.site.app, context_path=setup.context_path, reset=reset, status=self._status)
        self.thread = ServerThread(control, listener)
        self.thread.start()

    def _next_folder(self) -> Path:
        return self._setup.data or self._root / str(next(self._numbers))

    def _status(self) -> str:
        site = self.site
        return status_page(site.archive, site.recorder, site.faults, is_temporary=self._setup.data is None)

    def renew(self, *, holds: Holds, faults: FaultPlan) -> None:
        """Put a new site in the place of the old one, and throw that away."""
        old, self.site = self.site, open_site(self._setup, self._next_folder(), holds=holds, faults=faults)
        old.holds.release_all()
        shutil.rmtree(old.archive.root, ignore_errors=True)

    def stop(self) -> None:
        """Stop listening, and drop all connections."""
        self.site.holds.release_all()
        self.thread.stop()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio sets TCP_NODELAY, as Tomcat does, only on sockets that say so; without it an answer in
    # two writes waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listening from here on: whoever knows the address may connect before the loop runs.
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener
