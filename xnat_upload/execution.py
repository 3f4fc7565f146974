"""Carry out plans against an archive: who may be sent is transferred, with progress shown; who may not says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from xnat_upload.archive import Archive
from xnat_upload.conclusion import not_sent
from xnat_upload.errors import InvalidIdentifierError
from xnat_upload.outcome import ResourceResult
from xnat_upload.plan import Plan, names_taken
from xnat_upload.progress import Listener, Meter, shown
from xnat_upload.settings import TransferSettings
from xnat_upload.store import Creation, Locks, ResourceStore
from xnat_upload.transfer import transfer

logger = logging.getLogger(__name__)


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
