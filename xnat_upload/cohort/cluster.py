"""The work of a cohort on a dask cluster.

Each piece of work is one task, so a resource has one writer on the whole cluster. Each worker process logs in for
itself, from its own environment, when its first task comes, and keeps that one session until the cohort is done;
nothing secret is in a task or in what comes back.

A task whose worker is lost is given to another one by the scheduler. What was in its resource before the cohort travels
with the task, so it is the same for every attempt; and a note on the scheduler, made before the first byte is sent,
tells a later attempt to look what the lost one has stored before it sends anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from xnat_upload.archive.client import Archive
from xnat_upload.archive.locks import Locks
from xnat_upload.archive.opening import open_archive
from xnat_upload.cohort.manifest import Manifest, ResourceRows, SessionRows
from xnat_upload.cohort.report import INTERRUPTED, CohortReport
from xnat_upload.cohort.session import FileResult, OpenedResource, OpenedSession, open_session, upload_resource
from xnat_upload.cohort.threads import LostCrewError, upload_manifest
from xnat_upload.errors import InvalidManifestError, MissingDependencyError, XnatUploadError
from xnat_upload.places.hierarchy import Accession
from xnat_upload.planning.treatment import Treatment
from xnat_upload.report.progress import Listener
from xnat_upload.settings import TransferSettings

try:
    import distributed
except ImportError:
    raise MissingDependencyError("A cluster needs dask: pip install 'xnat-upload[dask]'.") from None

# Counting the workers is a question to the scheduler; they come and go slowly.
_COUNT_SECONDS = 5.0


def upload_with_cluster(
    manifest: Manifest,
    client: distributed.Client,
    *,
    treatment: Treatment,
    server: str,
    settings: TransferSettings,
    progress: bool | Listener | None,
) -> CohortReport:
    """Upload a manifest with the workers of a cluster.

    Raises
    ------
    UploadInterrupted
        Ctrl-C; ``report`` says what is stored.
    InvalidManifestError
        `client` is none of dask's.
    """
    if not isinstance(client, distributed.Client) or client.asynchronous:
        raise InvalidManifestError("client= must be a dask.distributed.Client that was not made asynchronous.")
    name = f"xnat-upload-{secrets.token_hex(8)}"
    with _while_it_lasts(client):
        client.register_plugin(WorkerLogin(server=server, settings=settings), name=name)
    crew = Workers(client, name=name, root=manifest.root.absolute(), treatment=treatment)
    try:
        return upload_manifest(manifest, crew=crew, server=server, progress=progress)
    finally:
        with contextlib.suppress(LostCrewError), _while_it_lasts(client):  # then nothing of ours is left there either
            crew.dismiss()
            client.unregister_worker_plugin(name)


@contextlib.contextmanager
def _while_it_lasts(client: distributed.Client) -> Iterator[None]:
    """Tell a scheduler that is gone from all that dask raises where it is: errors of every kind, its own included.

    A client that has lost its scheduler cancels all that was asked of it, and then tries to find it again; but another
    one would know nothing of this cohort.
    """
    _refuse_if_lost(client)
    try:
        yield
    except Exception as error:
        _refuse_if_lost(client, cause=error)
        raise
    _refuse_if_lost(client)


def _refuse_if_lost(client: distributed.Client, *, cause: Exception | None = None) -> None:
    if client.status != "running":
        raise LostCrewError("the dask scheduler was lost; run again with exist_ok='same'") from cause


class WorkerLogin(distributed.WorkerPlugin):  # type: ignore[misc]  # dask has no types
    """One login for each worker process: opened with its first task, closed with the cohort or the worker.

    Parameters
    ----------
    server : str
        Where to log in; with what is each worker's own business.
    settings : TransferSettings
        How uploads travel.
    """

    def __init__(self, *, server: str, settings: TransferSettings) -> None:
        self._server = server
        self._settings = settings

    def setup(self, worker: distributed.Worker) -> None:
        """Called by dask in each worker process."""
        self.stop = threading.Event()
        self._threads: int = worker.state.nthreads
        self._lock = threading.Lock()
        self._archive: Archive | None = None
        self.locks = Locks(self._server)
        self._refusal: XnatUploadError | None = None

    async def teardown(self, worker: distributed.Worker) -> None:
        """Called by dask when the cohort is done or the worker ends."""
        self.stop.set()
        if self._archive is not None:
            await asyncio.to_thread(self._archive.connection.close)

    def archive(self) -> Archive:
        """Give the one opened archive of this process.

        Raises
        ------
        XnatUploadError
            The login failed; it is not tried again, since many wrong logins lock an account.
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal
            if self._archive is None:
                settings = replace(self._settings, workers=max(self._settings.workers, self._threads))
                try:
                    self._archive = open_archive(self._server, settings=settings)
                except XnatUploadError as error:
                    self._refusal = error
                    raise
            return self._archive


@dataclass(frozen=True)
class SessionTask:
    """A session to be opened by a worker; all that is sent to it."""

    login: str
    session: SessionRows
    treatment: Treatment

    def __call__(self) -> tuple[OpenedSession | None, str]:
        """Open it, in the worker; return it, or why it cannot be opened."""
        login = _login(self.login)
        if login.stop.is_set():
            return None, INTERRUPTED
        try:
            return open_session(self.session, treatment=self.treatment, archive=login.archive(), locks=login.locks), ""
        except XnatUploadError as error:
            return None, str(error)


@dataclass(frozen=True)
class ResourceTask:
    """A resource to be written by a worker; all that is sent to it."""

    login: str
    number: int
    each: ResourceRows
    opened: OpenedResource
    accession: Accession
    root: Path
    treatment: Treatment

    def __call__(self) -> tuple[tuple[Any, ...], ...]:
        """Write it, in the worker; return what became of each file."""
        login = _login(self.login)
        if login.stop.is_set():
            return (("not sent", INTERRUPTED),) * len(self.each.files)
        try:
            archive = login.archive()
        except XnatUploadError as error:
            return (("not sent", str(error)),) * len(self.each.files)
        scheduler, note = distributed.get_client(), [self.login, self.number]
        resumed = bool(scheduler.get_metadata(note, default=False))
        scheduler.set_metadata(note, True)
        results = upload_resource(
            self.each,
            self.opened,
            self.accession,
            root=self.root,
            treatment=self.treatment,
            resumed=resumed,
            archive=archive,
            locks=login.locks,
            settings=archive.connection.settings,
            stop=login.stop,
        )
        return tuple(tuple(result) for result in results)


class Workers:
    """The workers of a cluster."""

    def __init__(self, client: distributed.Client, *, name: str, root: Path, treatment: Treatment) -> None:
        self._client = client
        self._name = name
        self._root = root
        self._treatment = treatment
        self._numbers = itertools.count()
        self._limit = 0
        self._counted_at = 0.0
        # What comes of a task is fetched at once and not kept on the cluster; equal tasks are not one task.
        self._executor = client.get_executor(pure=False)

    @property
    def limit(self) -> int:
        """How many tasks to hold at a time; workers may come and go."""
        now = time.monotonic()
        with _while_it_lasts(self._client):
            if not self._limit or now - self._counted_at > _COUNT_SECONDS:
                self._limit = 2 * max(1, sum(self._client.nthreads().values()))
                self._counted_at = now
        return self._limit

    def open(self, session: SessionRows) -> Future[OpenedSession]:
        """Have a session opened."""
        # Rows are the manifest's business; only their files travel.
        resources = tuple(replace(each, rows=()) for each in session.resources)
        task = SessionTask(self._name, replace(session, resources=resources), self._treatment)
        return self._submit(task, _opened)

    def upload(
        self, each: ResourceRows, opened: OpenedResource, session: OpenedSession
    ) -> Future[tuple[FileResult, ...]]:
        """Have the files of a resource uploaded."""
        number = next(self._numbers)
        task = ResourceTask(
            self._name, number, replace(each, rows=()), opened, session.accession, self._root, self._treatment
        )

        def results(told: tuple[tuple[Any, ...], ...]) -> tuple[FileResult, ...]:
            return tuple(FileResult(*one) for one in told)

        future: Future[tuple[FileResult, ...]] = self._submit(task, results)
        return future

    def stop(self) -> None:
        """Send nothing more; verify what was sent."""
        with contextlib.suppress(LostCrewError), _while_it_lasts(self._client):
            self._client.run(_stop, self._name)

    def dismiss(self) -> None:
        """Let go of what the scheduler keeps."""
        self._executor.shutdown(wait=False)
        self._client.set_metadata([self._name], None)

    def _submit(self, task: Callable[[], Any], read: Callable[[Any], Any]) -> Future[Any]:
        answered: Future[Any] = Future()

        def pass_on(done: Future[Any]) -> None:
            try:
                answered.set_result(read(done.result()))
            except CancelledError:
                answered.set_exception(XnatUploadError("the dask scheduler was lost meanwhile."))
            except BaseException as error:
                answered.set_exception(error)

        with _while_it_lasts(self._client):
            self._executor.submit(_work, task).add_done_callback(pass_on)
        return answered


def _work(task: Callable[[], Any]) -> Any:
    return task()


def _opened(told: tuple[OpenedSession | None, str]) -> OpenedSession:
    opened, reason = told
    if opened is None:
        raise XnatUploadError(reason)
    return opened


def _login(name: str) -> WorkerLogin:
    return cast(WorkerLogin, distributed.get_worker().plugins[name])


def _stop(name: str, dask_worker: distributed.Worker) -> None:
    if name in dask_worker.plugins:
        dask_worker.plugins[name].stop.set()
