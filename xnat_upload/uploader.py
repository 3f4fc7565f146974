"""The steps put in order: stage, plan, transfer, verify, report."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xnat_upload.archive.access import ArchiveAccess
from xnat_upload.cohort.manifest import Manifest
from xnat_upload.cohort.manifest_source import ManifestSource
from xnat_upload.cohort.report import CohortReport
from xnat_upload.cohort.threads import upload_with_threads
from xnat_upload.errors import MissingFileError, XnatUploadError, quoted
from xnat_upload.local.request import PathOrPaths, UploadRequest, stage_request, takes_upload_arguments
from xnat_upload.local.staging import stage
from xnat_upload.places.hierarchy import Resource
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.report.outcome import ResourceResult, not_planned
from xnat_upload.report.progress import Listener
from xnat_upload.report.raising import conclude
from xnat_upload.report.report import Report
from xnat_upload.steps import carry_out, plan_into, prepare, together

if TYPE_CHECKING:
    import distributed
    from typing_extensions import Unpack

    from xnat_upload.local.request import UploadArguments


class Uploader(ArchiveAccess):
    """Puts files into scans of one XNAT, and says what is stored only after the archive has listed it.

    Parameters
    ----------
    interface : pyxnat.Interface
        The caller's own, and left to the caller to close. No request is sent here.
    images_dir : path, optional
        Directory of all nets, for `net_id`.
    settings : TransferSettings
        How much travels at once, and how patiently.

    See Also
    --------
    Uploader.connect : log in and own the connection.

    Notes
    -----
    One uploader may be used by several threads. It keeps the list of projects, and nothing else of the archive.
    """

    def upload(
        self,
        files: PathOrPaths,
        *,
        hub_project_id: str,
        accession_id: str,
        scan_id: str,
        resource_id: str,
        net_id: str | None = None,
        root: str | os.PathLike[str] | None = None,
        exist_ok: bool = False,
        keep_paths: bool = False,
        scan_type: str | None = None,
        progress: bool | Listener | None = None,
    ) -> Report:
        """Put files into a resource of a scan; create the scan and the resource where they are missing.

        Running the same call again with ``exist_ok=True`` is how an interrupted upload is resumed: it sends what is
        missing.

        Parameters
        ----------
        files, hub_project_id, accession_id, scan_id, resource_id, net_id, root, exist_ok, keep_paths, scan_type
            As in `UploadRequest`.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values. By default a bar is shown only where a
            person is looking.

        Returns
        -------
        Report
            With every file stored, skipped, or unproven.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError, ChangedFileError
            A fault of the call or of the local files; nothing was sent.
        NotFoundError, PermissionDeniedError, AuthenticationError, ServerError, ServerUnavailableError
            The archive could not be asked or refused; nothing was stored.
        AlreadyExistsError
            With ``exist_ok=False``, names that are in the resource already: all in ``names``, and nothing was sent.
        IncompleteUploadError
            Some files are not stored; ``report`` says which.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from xnat_upload import Uploader
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as xnat, tempfile.TemporaryDirectory() as folder:
        ...     _ = xnat.add_project("P1", secondary_id="hub-1")
        ...     _ = xnat.add_session("P1", "FAK09131796", xsi_type="xnat:ctSessionData")
        ...     _ = pathlib.Path(folder, "seg.nii.gz").write_bytes(b"a segmentation")
        ...     with Uploader.connect(xnat.url, user=xnat.user, password=xnat.password) as uploader:
        ...         report = uploader.upload("seg.nii.gz", root=folder, hub_project_id="hub-1",
        ...             accession_id="FAK09131796", scan_id="4", resource_id="SEG")
        >>> report.files[0].status.value
        'stored'
        """
        request = UploadRequest(
            files=files,
            hub_project_id=hub_project_id,
            accession_id=accession_id,
            scan_id=scan_id,
            resource_id=resource_id,
            net_id=net_id,
            root=root,
            exist_ok=exist_ok,
            keep_paths=keep_paths,
            scan_type=scan_type,
        )
        return self._upload(request, progress=progress, stop=threading.Event())

    @takes_upload_arguments
    async def upload_async(
        self, files: PathOrPaths, *, progress: bool | Listener | None = None, **arguments: Unpack[UploadArguments]
    ) -> Report:
        """Do what `upload` does, with the same arguments, in a thread: the event loop is never blocked.

        A task that is cancelled stops the upload; what had been sent stays, and the next call finds it.
        """
        request = UploadRequest(files=files, **arguments)
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._upload, request, progress=progress, stop=stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def upload_many(self, requests: Iterable[UploadRequest], *, progress: bool | Listener | None = None) -> Report:
        """Do many uploads, resources in parallel, one writer in each; a failing one stops no other.

        Parameters
        ----------
        requests : iterable of UploadRequest
            Their local faults are found before anything is sent. Requests for one resource are joined.
        progress : bool or callable, optional
            As in `upload`, over all of them.

        Returns
        -------
        Report
            Of all files, in the order of the requests; those of requests for one resource stand together.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError
            A fault of a request or of local files; nothing was sent.
        IncompleteUploadError
            Some files are not stored; ``report`` says which, and why.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.
        """
        staged = together([stage_request(request, images_dir=self.images_dir) for request in requests])
        plans = prepare(staged, archive=self._archive, settings=self.settings)
        started = time.monotonic()
        stop = threading.Event()
        results = self._carry_out([plan for plan in plans if isinstance(plan, Plan)], progress=progress, stop=stop)
        sent = iter(results)
        return conclude(
            [
                not_planned(request, plan) if isinstance(plan, XnatUploadError) else next(sent)
                for request, plan in zip(staged, plans, strict=True)
            ],
            seconds=time.monotonic() - started,
            interrupted=stop.is_set(),
        )

    def upload_cohort(
        self,
        manifest: ManifestSource,
        *,
        root: str | os.PathLike[str],
        exist_ok: bool = False,
        client: distributed.Client | None = None,
        progress: bool | Listener | None = None,
    ) -> CohortReport:
        """Upload all that a manifest names, resources in parallel, one writer in each; a failing one stops no other.

        All rows and files are checked before anything is sent. Running the same manifest again with ``exist_ok=True``
        finishes the rest.

        Parameters
        ----------
        manifest : DataFrame, path of a CSV or Parquet file, or iterable of mappings
            With the columns ``hub_project_id, accession_id, scan_id, resource_id, file``, and perhaps ``scan_type``;
            others are kept for the report. A CSV is read as text.
        root : path
            The directory that files are relative to; with `client`, on every machine.
        exist_ok : bool
            Skip what is stored already with the same bytes, and replace what differs.
        client : dask.distributed.Client, optional
            Spread the resources over its cluster. Each worker logs in from its own environment: ``XNAT_HOST``,
            ``XNAT_USER`` and ``XNAT_PASS``, or ``~/.netrc``.
        progress : bool or callable, optional
            As in `upload`, moved on with each resource.

        Returns
        -------
        CohortReport
            Of all rows, also if not every file is stored: see ``ok`` and ``raise_if_incomplete()``.

        Raises
        ------
        InvalidManifestError
            With all faults of all rows in ``faults``; nothing was sent.
        MissingFileError, MissingDependencyError
            There is no such manifest or root, or what is needed to read it or to use a cluster is not installed.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.
        """
        rows = Manifest(manifest, root=root)
        if client is not None:
            from xnat_upload.cohort.cluster import upload_with_cluster  # dask is wanted only here

            return upload_with_cluster(
                rows, client, exist_ok=exist_ok, server=self.server, settings=self.settings, progress=progress
            )
        return upload_with_threads(
            rows,
            exist_ok=exist_ok,
            archive=self._archive,
            locks=self._locks,
            settings=self.settings,
            progress=progress,
        )

    @takes_upload_arguments
    def plan(self, files: PathOrPaths, **arguments: Unpack[UploadArguments]) -> Plan:
        """Say what `upload` with the same arguments would do, without writing; `run` does it.

        Raises
        ------
        XnatUploadError
            As `upload`, but for names that are there already: the plan has them in ``refused``.
        """
        return self._plan(UploadRequest(files=files, **arguments))

    def run(self, *plans: Plan, progress: bool | Listener | None = None) -> Report:
        """Do what plans say, for different resources, in parallel.

        Raises
        ------
        XnatUploadError
            As `upload`; with more than one plan, as `upload_many`.
        """
        return self._run(plans, progress=progress, stop=threading.Event())

    def upload_file(self, resource: Resource, path: str | os.PathLike[str], *, exist_ok: bool = False) -> str:
        """Put one file into a resource and return the address that serves it.

        Raises
        ------
        MissingFileError
            There is no such file, or it is a directory.
        XnatUploadError
            As `upload`.
        """
        if Path(path).is_dir():
            raise MissingFileError(f"{quoted(path)} is a directory, and upload_file takes one file. Use upload.")
        files = stage([Path(path).name], root=Path(path).parent)
        self._archive.check_scan(resource.scan)
        plan = plan_into(
            resource, files, exist_ok=exist_ok, scan_type=None, archive=self._archive, settings=self.settings
        )
        return self.run(plan, progress=False).urls[0]

    def _upload(self, request: UploadRequest, *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        return self._run([self._plan(request)], progress=progress, stop=stop)

    def _plan(self, request: UploadRequest) -> Plan:
        staged = stage_request(request, images_dir=self.images_dir)
        (plan,) = prepare([staged], archive=self._archive, settings=self.settings)
        if isinstance(plan, XnatUploadError):
            raise plan
        return plan

    def _run(self, plans: Sequence[Plan], *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        if len(plans) == 1 and plans[0].refused:
            raise names_taken(plans[0])
        started = time.monotonic()
        results = self._carry_out(plans, progress=progress, stop=stop)
        return conclude(results, seconds=time.monotonic() - started, interrupted=stop.is_set())

    def _carry_out(
        self, plans: Sequence[Plan], *, progress: bool | Listener | None, stop: threading.Event
    ) -> list[ResourceResult]:
        return carry_out(
            plans, archive=self._archive, locks=self._locks, settings=self.settings, progress=progress, stop=stop
        )
