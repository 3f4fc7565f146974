"""Upload all that a manifest names: sessions are opened, and their resources written in parallel, one writer in each.

One thread hands out the work and takes in what came of it. It holds no more than `limit` pieces of work at a time, so
what is in memory does not grow with the cohort. Who does the work is behind `submit`: threads of this process, or the
workers of a cluster. Nothing that goes wrong in one resource stops another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

from xnat_upload.archive.client import Archive
from xnat_upload.archive.locks import Locks
from xnat_upload.cohort.manifest import Manifest, ResourceRows, SessionRows
from xnat_upload.cohort.report import INTERRUPTED, CohortOutcomes, CohortReport
from xnat_upload.cohort.session import FileResult, OpenedResource, OpenedSession, open_session, upload_resource
from xnat_upload.errors import UploadInterrupted, XnatUploadError, quoted
from xnat_upload.planning.treatment import Treatment
from xnat_upload.report.outcome import Status
from xnat_upload.report.progress import Listener, Meter, shown
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.interruption import INTERRUPTED_NOW, LOOK_SECONDS, noted

logger = logging.getLogger(__name__)


class LostCrewError(XnatUploadError):
    """Nobody is there any more who could do the work."""


class Crew(Protocol):
    """Those who do the work; whatever is asked of them may raise `LostCrewError`, and what they had begun then ends."""

    @property
    def limit(self) -> int:
        """How many pieces of work to hold at a time: as many as can be done at once, and as many again waiting."""

    def open(self, session: SessionRows) -> Future[OpenedSession]:
        """Have a session opened."""

    def upload(
        self, each: ResourceRows, opened: OpenedResource, session: OpenedSession
    ) -> Future[tuple[FileResult, ...]]:
        """Have the files of a resource uploaded."""

    def stop(self) -> None:
        """Send nothing more; verify what was sent."""


class Threads:
    """Threads of this process, which share one login."""

    def __init__(
        self, pool: ThreadPoolExecutor, *, archive: Archive, locks: Locks, settings: TransferSettings, **options: Any
    ) -> None:
        self.limit = 2 * settings.workers
        self._pool = pool
        self._stop = threading.Event()
        self._shared: dict[str, Any] = {"archive": archive, "locks": locks}
        self._settings = settings
        self._options = options

    def open(self, session: SessionRows) -> Future[OpenedSession]:
        """Have a session opened."""
        return self._pool.submit(self._open, session)

    def _open(self, session: SessionRows) -> OpenedSession:
        if self._stop.is_set():
            raise XnatUploadError(INTERRUPTED)
        return open_session(session, treatment=self._options["treatment"], **self._shared)

    def upload(
        self, each: ResourceRows, opened: OpenedResource, session: OpenedSession
    ) -> Future[tuple[FileResult, ...]]:
        """Have the files of a resource uploaded."""
        return self._pool.submit(
            upload_resource,
            each,
            opened,
            session.accession,
            resumed=False,
            settings=self._settings,
            stop=self._stop,
            **self._shared,
            **self._options,
        )

    def stop(self) -> None:
        """Send nothing more; verify what was sent."""
        self._stop.set()


@dataclass(frozen=True)
class _Opening:
    session: SessionRows


@dataclass(frozen=True)
class _Uploading:
    each: ResourceRows
    opened: OpenedResource
    session: OpenedSession


class _Foreman:
    """Hands out the work of a manifest, and takes in what came of it."""

    def __init__(self, manifest: Manifest, crew: Crew, *, server: str, meter: Meter) -> None:
        self.outcomes = CohortOutcomes(manifest)
        self._manifest = manifest
        self._crew = crew
        self._server = server
        self._meter = meter
        self._sessions = manifest.sessions()
        self._ready: deque[_Uploading] = deque()
        self._running: dict[Future[Any], _Opening | _Uploading] = {}

    def work(self, stop: threading.Event) -> bool:
        """Have all of it done; False if it was interrupted."""
        try:
            while not stop.is_set() and (self._hand_out() or self._running):
                self._take_in()
        except KeyboardInterrupt:
            stop.set()
        except LostCrewError as lost:
            logger.warning("%s", lost)
            while self._running:
                self._take_in()
            self._not_sent([task.each for task in self._ready], str(lost))
            for session in self._sessions:
                self._not_sent(session.resources, str(lost))
        if stop.is_set():
            self._crew.stop()
            logger.warning(INTERRUPTED_NOW)
            while self._running:
                self._take_in()
        return not stop.is_set()

    def _hand_out(self) -> bool:
        """Give out as much as may be held, uploads before sessions; say whether anything is left."""
        while len(self._running) < self._crew.limit:
            if self._ready:
                task = self._ready[0]
                self._running[self._crew.upload(task.each, task.opened, task.session)] = task
                self._ready.popleft()
                continue
            session = next(self._sessions, None)
            if session is None:
                return False
            try:
                self._running[self._crew.open(session)] = _Opening(session)
            except LostCrewError as lost:
                self._not_sent(session.resources, str(lost))
                raise
        return True

    def _take_in(self) -> None:
        finished, _ = wait(self._running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            task = self._running[future]
            if isinstance(task, _Opening):
                self._take_in_opening(task.session, future)
            else:
                self._take_in_upload(task.each, future)
            del self._running[future]

    def _take_in_opening(self, session: SessionRows, future: Future[OpenedSession]) -> None:
        try:
            opened = future.result()
        except Exception as error:
            self._not_sent(session.resources, _told(error))
            return
        label = opened.accession.label
        if label != session.accession_id and self._manifest.names_session(session, label):
            # Two names for one session would be two writers in one resource.
            self._not_sent(
                session.resources,
                f"other rows name this session by its label, {quoted(label)}. Name it so in all rows.",
            )
            return
        self.outcomes.found(session, f"{self._server}{opened.accession}")
        for each, resource in zip(session.resources, opened.resources, strict=True):
            if isinstance(resource, str):
                self._not_sent([each], resource)
            else:
                self._ready.append(_Uploading(each, resource, opened))

    def _take_in_upload(self, each: ResourceRows, future: Future[tuple[FileResult, ...]]) -> None:
        try:
            results = future.result()
        except Exception as error:
            logger.warning("What became of a resource is not known: %s", error)
            lost = f"what became of it is not known: {_told(error)} Run again with exist_ok='same'."
            results = (FileResult(Status.FAILED.value, lost),) * len(each.rows)
        for row, result in zip(each.rows, results, strict=True):
            self.outcomes.enter(row, result)
        self._settle([row for row, result in zip(each.rows, results, strict=True) if result.ok], of=each)

    def _not_sent(self, resources: Any, reason: str) -> None:
        for each in resources:
            for row in each.rows:
                self.outcomes.enter(row, FileResult(Status.NOT_SENT.value, reason))
            self._settle([], of=each)

    def _settle(self, stored: list[int], *, of: ResourceRows) -> None:
        self._meter.add(
            size_bytes=self._manifest.bytes_of(stored), files=len(stored), failed=len(of.rows) - len(stored)
        )


def upload_manifest(
    manifest: Manifest,
    *,
    crew: Crew,
    server: str,
    progress: bool | Listener | None,
) -> CohortReport:
    """Have a manifest uploaded by a crew.

    Raises
    ------
    UploadInterrupted
        Ctrl-C; ``report`` says what is stored.
    """
    bytes_total = int(manifest.sizes_bytes.sum())
    started = time.monotonic()
    with shown(progress, bytes_total=bytes_total) as listener:
        meter = Meter(files_total=len(manifest), bytes_total=bytes_total, listener=listener)
        foreman = _Foreman(manifest, crew, server=server, meter=meter)
        with noted(threading.Event()) as stop:
            whole = foreman.work(stop)
    report = CohortReport(files=foreman.outcomes, manifest=manifest, seconds=time.monotonic() - started)
    logger.info("Cohort of %d files: %s.", len(manifest), report.summary)
    if not whole:
        raise UploadInterrupted(
            f"The cohort was interrupted: {report.summary}. To finish, do the same with exist_ok='same'.", report=report
        )
    return report


def upload_with_threads(
    manifest: Manifest,
    *,
    treatment: Treatment,
    archive: Archive,
    locks: Locks,
    settings: TransferSettings,
    progress: bool | Listener | None,
) -> CohortReport:
    """Upload a manifest from this process, ``settings.workers`` resources at a time.

    Raises
    ------
    UploadInterrupted
        As `upload_manifest`.
    """
    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload-cohort") as pool:
        crew = Threads(pool, archive=archive, locks=locks, settings=settings, root=manifest.root, treatment=treatment)
        return upload_manifest(manifest, crew=crew, server=archive.url(""), progress=progress)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, XnatUploadError) else f"{type(error).__name__}: {error}"
