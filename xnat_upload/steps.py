"""The steps of an upload put in order, for one request or many: plan, transfer and verify, with progress shown.

The archive is read, and local files where only their bytes can decide; then who may be sent is transferred, and who may
not says so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from xnat_upload.archive.client import Archive
from xnat_upload.archive.locks import Locks
from xnat_upload.errors import InvalidIdentifierError, XnatUploadError
from xnat_upload.local.file import LocalFile, fingerprint
from xnat_upload.local.request import StagedRequest
from xnat_upload.local.staging import refuse_equal_names
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.scan_types import scan_type_for
from xnat_upload.planning.decide import make_plan
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.report.outcome import ResourceResult, not_sent
from xnat_upload.report.progress import Listener, Meter, shown
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.resource_store import Creation, ResourceStore
from xnat_upload.transfer.run import transfer

logger = logging.getLogger(__name__)


def prepare(
    staged: Sequence[StagedRequest], *, archive: Archive, settings: TransferSettings
) -> list[Plan | XnatUploadError]:
    """Plan each request, several at a time; nothing is written, and each session is read once.

    Returns
    -------
    list of Plan or XnatUploadError
        For each request its plan, or the error that says why there is none.
    """
    sessions = list(dict.fromkeys((each.destination.hub_project_id, each.destination.accession_id) for each in staged))

    def locate(session: tuple[str, str]) -> Accession | XnatUploadError:
        return _or_error(lambda: archive.locate(*session))

    def plan(request: StagedRequest) -> Plan | XnatUploadError:
        accession = accessions[request.destination.hub_project_id, request.destination.accession_id]
        if isinstance(accession, XnatUploadError):
            return accession
        return _or_error(lambda: _plan(request, accession, archive=archive, settings=settings))

    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload-plan") as pool:
        accessions = dict(zip(sessions, pool.map(locate, sessions), strict=True))
        return list(pool.map(plan, staged))


def plan_into(
    resource: Resource,
    files: Sequence[LocalFile],
    *,
    exist_ok: bool,
    scan_type: str | None,
    archive: Archive,
    settings: TransferSettings,
) -> Plan:
    """Plan files for a resource, which is listed if it was there when the session was read."""
    return make_plan(
        resource,
        files,
        listed=archive.listing(resource) if resource.was_there else {},
        read=fingerprint,
        exist_ok=exist_ok,
        scan_type=scan_type,
        settings=settings,
        server=archive.url(""),
    )


def together(staged: Sequence[StagedRequest]) -> list[StagedRequest]:
    """Join requests for one resource into one, because it can have one writer only.

    Raises
    ------
    InvalidIdentifierError
        Two of them bring one name, or want the resource treated in different ways.
    """
    joined: dict[object, StagedRequest] = {}
    for request in staged:
        first = joined.get(request.destination)
        if first is None:
            joined[request.destination] = request
            continue
        if (first.exist_ok, first.scan_type) != (request.exist_ok, request.scan_type):
            raise InvalidIdentifierError(
                f"Two requests for {request.destination} differ in exist_ok or scan_type. Give both the same."
            )
        files = (*first.files, *request.files)
        refuse_equal_names(files)
        joined[request.destination] = StagedRequest(request.destination, files, request.exist_ok, request.scan_type)
    return list(joined.values())


def carry_out(
    plans: Sequence[Plan],
    *,
    archive: Archive,
    locks: Locks,
    settings: TransferSettings,
    progress: bool | Listener | None,
    stop: threading.Event,
) -> list[ResourceResult]:
    """Transfer what may be sent; a plan with names that are taken is left out whole.

    Parameters
    ----------
    plans : sequence of Plan
        For different resources.
    stop : threading.Event
        Once set, nothing more is sent; it is set here on Ctrl-C.

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
        transferred = transfer(
            free,
            store_for=lambda plan: stores[plan.resource],
            settings=settings,
            stop=stop,
            moved=meter.moved,
            done=meter.done,
        )
    sent = iter(transferred)
    results = [
        not_sent(plan, names_taken(plan), url=stores[plan.resource].url) if plan.refused else next(sent)
        for plan in plans
    ]
    outcomes = [outcome for result in results for outcome in result.outcomes]
    logger.info(
        "Upload of %d files into %d resources: %d are in the archive.",
        len(outcomes),
        len(plans),
        sum(outcome.ok for outcome in outcomes),
    )
    return results


def _plan(request: StagedRequest, accession: Accession, *, archive: Archive, settings: TransferSettings) -> Plan:
    scan = Scan(accession, request.destination.scan_id)
    scan_type = None
    if scan.scan_id not in accession.scan_types:
        scan_type = request.scan_type or scan_type_for(accession.session_type)
    return plan_into(
        Resource(scan, request.destination.resource_id),
        request.files,
        exist_ok=request.exist_ok,
        scan_type=scan_type,
        archive=archive,
        settings=settings,
    )


_Result = TypeVar("_Result")


def _or_error(act: Callable[[], _Result]) -> _Result | XnatUploadError:
    try:
        return act()
    except XnatUploadError as error:
        return error
