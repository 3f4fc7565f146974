"""Calls for many uploads at once, of which a failing one stops no other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from xnat_upload.cohort.manifest import Manifest
from xnat_upload.cohort.manifest_source import ManifestSource
from xnat_upload.cohort.report import CohortReport
from xnat_upload.cohort.threads import upload_with_threads
from xnat_upload.errors import InvalidIdentifierError, XnatUploadError
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.request import StagedRequest, UploadRequest
from xnat_upload.planning.treatment import ExistOk, Treatment
from xnat_upload.report.outcome import ResourceResult, not_planned, not_staged
from xnat_upload.report.progress import Listener
from xnat_upload.report.raising import conclude
from xnat_upload.report.report import Report
from xnat_upload.steps import prepare, stage_files, together, understand
from xnat_upload.transfer.interruption import noted
from xnat_upload.writing_calls import WritingCalls

if TYPE_CHECKING:
    import distributed


class ManyCalls(WritingCalls):
    """Uploads from a list of requests, or from a table."""

    def upload_many(self, requests: Iterable[UploadRequest], *, progress: bool | Listener | None = None) -> Report:
        """Do many uploads, resources in parallel, one writer in each; a failing one stops no other.

        Parameters
        ----------
        requests : iterable of UploadRequest
            Requests for one resource are joined.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values, over all requests. By default
            a bar is shown only where a person is looking.

        Returns
        -------
        Report
            Of all files, in the order of the requests; those of requests for one resource stand together.

        Raises
        ------
        InvalidIdentifierError
            A place that cannot be one, or two requests that contradict each other; nothing was sent.
        IncompleteUploadError
            Some files are not stored, whatever the number of requests; ``report`` says which, and why.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.
        """
        started, stop = time.monotonic(), threading.Event()
        with noted(stop):
            staged = [self._staged(request) for request in requests]
            found = together([each for each in staged if isinstance(each, StagedRequest)])
            plans = prepare(found, archive=self._archive, settings=self.settings)
            failed_before = sum(len(each.outcomes) for each in staged if isinstance(each, ResourceResult)) + sum(
                len(request.files) for request, plan in zip(found, plans, strict=True) if not isinstance(plan, Plan)
            )
            possible = [plan for plan in plans if isinstance(plan, Plan)]
            sent = iter(self._carry_out(possible, progress=progress, stop=stop, failed_before=failed_before))
            results = {
                request.target: not_planned(request, plan) if isinstance(plan, XnatUploadError) else next(sent)
                for request, plan in zip(found, plans, strict=True)
            }
            in_order = [each if isinstance(each, ResourceResult) else results.pop(each.target, None) for each in staged]
            return conclude(
                [result for result in in_order if result is not None],
                seconds=time.monotonic() - started,
                interrupted=stop.is_set(),
                left_out=[each for request in found for each in request.left_out],
                several=True,
            )

    def upload_cohort(
        self,
        manifest: ManifestSource,
        *,
        root: str | os.PathLike[str] | None = None,
        keep_paths: bool = False,
        exist_ok: ExistOk = False,
        reason: str | None = None,
        client: distributed.Client | None = None,
        progress: bool | Listener | None = None,
    ) -> CohortReport:
        """Upload all that a manifest names, resources in parallel, one writer in each; a failing one stops no other.

        All rows and files are checked before anything is sent. Running the same manifest again with
        ``exist_ok="same"`` finishes the rest.

        Parameters
        ----------
        manifest : DataFrame, path or iterable of mapping
            A path is that of a CSV or Parquet file; a CSV is read as text. With the columns ``hub_project_id`` or
            ``project_id``, ``accession_id, scan_id, resource_id, file``, and perhaps ``scan_type``, and ``name`` for
            another name in the resource; others are kept for the report. A directory in ``file`` stands for a row for
            each file below it.
        root : path, optional
            The directory that files are relative to; with `client`, on every machine. Without it, where the manifest
            lies if it is a file, else the working directory.
        keep_paths : bool
            Names in the resource are the paths relative to the root rather than base names.
        exist_ok : bool or "same"
            False refuses names that are there already; ``"same"`` skips those of the same bytes and refuses others;
            True skips those of the same bytes and replaces others.
        reason : str, optional
            Why the archive is changed, for sites that demand it.
        client : dask.distributed.Client, optional
            Spread the resources over its cluster. Each worker logs in from its own environment: ``XNAT_HOST``,
            ``XNAT_USER`` and ``XNAT_PASS``, or ``~/.netrc``.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values, whenever a resource is done. By default
            a bar is shown only where a person is looking.

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
        treatment = Treatment(exist_ok=exist_ok, reason=self._reason(reason))
        rows = Manifest(manifest, root=_root_of(manifest) if root is None else root, keep_paths=keep_paths)
        if client is not None:
            from xnat_upload.cohort.cluster import upload_with_cluster  # dask is wanted only here

            return upload_with_cluster(
                rows, client, treatment=treatment, server=self.server, settings=self.settings, progress=progress
            )
        return upload_with_threads(
            rows,
            treatment=treatment,
            archive=self._archive,
            locks=self._locks,
            settings=self.settings,
            progress=progress,
        )

    def _staged(self, request: UploadRequest) -> StagedRequest | ResourceResult:
        if not isinstance(request, UploadRequest):
            raise InvalidIdentifierError(
                f"upload_many takes requests, UploadRequest(files=…, …), and not a {type(request).__name__}."
            )
        target, treatment = understand(request, reason=self.reason, server=self.server)
        try:
            return stage_files(request, target, treatment, images_dir=self.images_dir)
        except XnatUploadError as error:
            return not_staged(request, target, error)


def _root_of(manifest: ManifestSource) -> Path:
    return Path(manifest).parent if isinstance(manifest, (str, os.PathLike)) else Path()
