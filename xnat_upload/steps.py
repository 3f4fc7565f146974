"""The steps of an upload put in order, for one request or many: plan, transfer and verify, with progress shown.

The archive is read, and local files where only their bytes can decide; then who may be sent is transferred, and who may
not says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from xnat_upload.archive.client import Archive
from xnat_upload.archive.listing import Listing
from xnat_upload.archive.locks import Locks
from xnat_upload.archive.targets import resolve, resource_in, target_of
from xnat_upload.errors import InvalidIdentifierError, XnatUploadError
from xnat_upload.local.file import fingerprint
from xnat_upload.local.staging import equal_names, root_of, stage
from xnat_upload.places.hierarchy import Accession, Resource
from xnat_upload.places.scan_types import scan_type_for
from xnat_upload.places.target import Target
from xnat_upload.planning.decide import make_plan
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.planning.request import StagedRequest, UploadRequest
from xnat_upload.planning.treatment import Treatment
from xnat_upload.report.outcome import ResourceResult, not_sent, told_apart
from xnat_upload.report.progress import Listener, Meter, shown
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.resource_store import Creation, ResourceStore
from xnat_upload.transfer.run import transfer

logger = logging.getLogger(__name__)


def understand(request: UploadRequest, *, reason: str | None, server: str) -> tuple[Target, Treatment]:
    """Say where a request goes and how, by what it says alone.

    Parameters
    ----------
    reason : str or None
        Why the archive is changed, where the request does not say it.

    Raises
    ------
    InvalidIdentifierError
        The place is said in no way or in two, or something said cannot be.
    """
    target = target_of(
        request.to,
        hub_project_id=request.hub_project_id,
        project_id=request.project_id,
        accession_id=request.accession_id,
        scan_id=request.scan_id,
        resource_id=request.resource_id,
        server=server,
        wants=Resource,
    )
    treatment = Treatment(
        exist_ok=request.exist_ok,
        scan_type=request.scan_type,
        reason=reason if request.reason is None else request.reason,
        resource_format=request.resource_format,
        resource_content=request.resource_content,
    )
    return target, treatment


def stage_files(
    request: UploadRequest, target: Target, treatment: Treatment, *, images_dir: str | os.PathLike[str] | None
) -> StagedRequest:
    """Find the files of a request.

    Raises
    ------
    InvalidIdentifierError, UnsafePathError, MissingFileError
        All that is wrong with what was named.
    """
    staged = stage(
        request.files,
        root=root_of(request.root, request.net_id, images_dir=images_dir),
        keep_paths=request.keep_paths,
        include=request.include,
        ignore=request.ignore,
    )
    return StagedRequest(target, staged.files, treatment, staged.left_out)


def prepare(
    staged: Sequence[StagedRequest], *, archive: Archive, settings: TransferSettings
) -> list[Plan | XnatUploadError]:
    """Plan each request, several at a time; nothing is written, and each session is read once.

    Returns
    -------
    list of Plan or XnatUploadError
        For each request its plan, or the error that says why there is none.
    """
    first_of_session = {each.target.session: each.target for each in staged}

    def find(target: Target) -> Accession | XnatUploadError:
        return _or_error(lambda: resolve(target, archive=archive))

    def plan(request: StagedRequest) -> Plan | XnatUploadError:
        accession = accessions[request.target.session]
        if isinstance(accession, XnatUploadError):
            return accession
        return _or_error(
            lambda: plan_into(resource_in(accession, request.target), request, archive=archive, settings=settings)
        )

    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload-plan") as pool:
        accessions = dict(zip(first_of_session, pool.map(find, first_of_session.values()), strict=True))
        return list(pool.map(plan, staged))


def plan_into(resource: Resource, request: StagedRequest, *, archive: Archive, settings: TransferSettings) -> Plan:
    """Plan files for a resource, which is listed if it was there when the session was read."""
    scan, treatment = resource.scan, request.treatment
    new_scan_type = None
    if scan is not None and scan.scan_id not in scan.accession.scan_types:
        new_scan_type = treatment.scan_type or scan_type_for(scan.accession.session_type)
    listed: Listing = {}
    if resource.was_there and treatment.exist_ok:
        sizes_bytes: dict[str, int | None] = {file.name: file.size_bytes for file in request.files}
        must = treatment.exist_ok == "same"
        listed = archive.proven_listing(resource, sizes_bytes, must=must, reason=treatment.reason)
    elif resource.was_there:
        listed = archive.listing(resource)
    archive.check_names([*(file.name for file in request.files), *listed])
    return make_plan(
        resource,
        request.files,
        listed=listed,
        read=fingerprint,
        treatment=treatment,
        new_scan_type=new_scan_type,
        settings=settings,
        server=archive.url(""),
        left_out=request.left_out,
    )


def together(staged: Sequence[StagedRequest]) -> list[StagedRequest]:
    """Join requests for one resource into one, because it can have one writer only.

    Raises
    ------
    InvalidIdentifierError
        Two of them bring one name, or want the resource treated in different ways.
    """
    joined: dict[Target, StagedRequest] = {}
    for request in staged:
        first = joined.get(request.target)
        if first is None:
            joined[request.target] = request
            continue
        if first.treatment != request.treatment:
            raise InvalidIdentifierError(
                f"Two requests for {request.target.destination} differ in exist_ok, scan_type, reason or what the "
                "resource is made with. Give both the same."
            )
        files = (*first.files, *request.files)
        for fault in equal_names(files):
            raise fault
        left_out = (*first.left_out, *request.left_out)
        joined[request.target] = replace(first, files=files, left_out=left_out)
    return list(joined.values())


def carry_out(
    plans: Sequence[Plan],
    *,
    archive: Archive,
    locks: Locks,
    settings: TransferSettings,
    progress: bool | Listener | None,
    stop: threading.Event,
    failed_before: int = 0,
) -> list[ResourceResult]:
    """Transfer what may be sent; a plan with names that are taken is left out whole.

    Parameters
    ----------
    plans : sequence of Plan
        For different resources.
    stop : threading.Event
        Once set, nothing more is sent; it is set here on Ctrl-C.
    failed_before : int
        Files of which no plan could be made, for progress.

    Returns
    -------
    list of ResourceResult
        One for each plan.

    Raises
    ------
    InvalidIdentifierError
        Two plans for one resource.
    """
    if len({plan.resource for plan in plans}) < len(plans):
        raise InvalidIdentifierError(
            "Two plans are for one resource, which can have one writer only. Plan their files together, and name each "
            "session in one way, by its accession ID."
        )
    creation = Creation(archive, locks=locks, stop=stop)
    stores = {plan.resource: ResourceStore(plan, archive=archive, creation=creation, locks=locks) for plan in plans}
    free = [plan for plan in plans if not plan.refused]
    bytes_total = sum(plan.bytes_to_send for plan in free)
    with shown(progress, bytes_total=bytes_total) as listener:
        meter = Meter(
            files_total=sum(len(shipment.steps) for plan in free for shipment in plan.shipments),
            bytes_total=bytes_total,
            listener=listener,
        )
        meter.add(failed=failed_before + sum(len(plan.steps) for plan in plans if plan.refused))
        transferred = transfer(
            free,
            store_for=lambda plan: stores[plan.resource],
            settings=settings,
            line=archive.line,
            stop=stop,
            meter=meter,
        )
    sent = map(told_apart, transferred)
    results = [
        not_sent(plan, names_taken(plan), url=stores[plan.resource].url) if plan.refused else next(sent)
        for plan in plans
    ]
    logger.info(
        "Upload of %d files into %d resources: %d are in the archive.",
        sum(len(result.outcomes) for result in results),
        len(plans),
        sum(outcome.ok for result in results for outcome in result.outcomes),
    )
    return results


_Result = TypeVar("_Result")


def _or_error(act: Callable[[], _Result]) -> _Result | XnatUploadError:
    try:
        return act()
    except XnatUploadError as error:
        return error.with_traceback(None)  # which is that of a thread


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Do work in a thread of its own, so that no executor of the caller's is occupied by what waits."""
    done: Future[_Result] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(work))
        except BaseException as error:
            done.set_exception(error)

    done.set_running_or_notify_cancel()  # an awaiting task that is cancelled leaves the work to its end
    threading.Thread(target=run, name="xnat-upload-async").start()
    return await asyncio.wrap_future(done)
