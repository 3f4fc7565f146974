"""Carry out plans, several resources at a time, one writer in each, and stop cleanly when told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from xnat_upload.planning.plan import Plan
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.writer import Carrier, Store

logger = logging.getLogger(__name__)


def transfer(
    plans: Sequence[Plan],
    *,
    store_for: Callable[[Plan], Store],
    settings: TransferSettings,
    stop: threading.Event,
    moved: Callable[[int], None] = lambda _: None,
    done: Callable[[int], None] = lambda _: None,
    resumed: bool = False,
) -> list[ResourceResult]:
    """Carry out plans for different resources and say what became of each, in their order.

    Parameters
    ----------
    plans : sequence of Plan
        At most one for a resource: two would be two writers.
    store_for : callable
        Gives the store of a plan.
    settings : TransferSettings
        Workers, attempts and pauses.
    stop : threading.Event
        Once set, by another thread or here on Ctrl-C, nothing more is sent; what was sent is still verified.
    moved, done : callable
        Told of bytes that have left and of files that are settled; called from several threads.
    resumed : bool
        Somebody began with these very plans and was lost: what became of each request is looked up before it is sent.

    Returns
    -------
    list of ResourceResult
        One for each plan, also when `stop` was set. An error of one resource is in its result and stops no other.
    """
    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload") as pool:
        carriers = [
            Carrier(plan, store_for(plan), settings=settings, stop=stop, moved=moved, done=done, resumed=resumed)
            for plan in plans
        ]
        running: list[Future[ResourceResult]] = []
        try:
            for carrier in carriers:
                running.append(pool.submit(carrier.carry_out))
            wait(running)
        except BaseException as interruption:
            stop.set()
            logger.warning("Interrupted: nothing more is sent; what was sent is verified now.")
            # Those that were not begun say so themselves.
            running += [pool.submit(carrier.carry_out) for carrier in carriers[len(running) :]]
            wait(running)
            if not isinstance(interruption, KeyboardInterrupt):
                raise
    return [future.result() for future in running]
