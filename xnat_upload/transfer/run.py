"""Carry out plans, several resources at a time, one writer in each, and stop cleanly when told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from xnat_upload.archive.line import Line
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Action
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.report.progress import Meter, Share
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.interruption import INTERRUPTED_NOW, LOOK_SECONDS
from xnat_upload.transfer.writer import Store, Writer

logger = logging.getLogger(__name__)


def transfer(
    plans: Sequence[Plan],
    *,
    store_for: Callable[[Plan], Store],
    settings: TransferSettings,
    line: Line,
    stop: threading.Event,
    meter: Meter | None = None,
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
    line : Line
        What is known of the line to the archive; it learns from what is sent.
    stop : threading.Event
        Once set, by another thread or here on Ctrl-C, nothing more is sent; what was sent is still verified.
    meter : Meter, optional
        Is told of bytes and files.
    resumed : bool
        Somebody began with these very plans and was lost: what became of each request is looked up before it is sent.

    Returns
    -------
    list of ResourceResult
        One for each plan, also when `stop` was set. An error of one resource is in its result and stops no other.
    """
    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload") as pool:
        shares = [Share(meter or Meter(files_total=0, bytes_total=0, listener=None)) for _ in plans]
        writers = [
            Writer(
                plan,
                store_for(plan),
                settings=settings,
                line=line,
                stop=stop,
                moved=share.moved,
                done=share.done,
                resumed=resumed,
            )
            for plan, share in zip(plans, shares, strict=True)
        ]

        def carry_out(position: int) -> ResourceResult:
            result = writers[position].carry_out()
            _settle(shares[position], plans[position], result)
            return result

        running: list[Future[ResourceResult]] = []
        try:
            for position in range(len(writers)):
                running.append(pool.submit(carry_out, position))
            _await(running, stop=stop)
        except BaseException as interruption:
            stop.set()
            logger.warning(INTERRUPTED_NOW)
            # Those that were not begun say so themselves.
            running += [pool.submit(carry_out, position) for position in range(len(running), len(writers))]
            wait(running)
            if not isinstance(interruption, KeyboardInterrupt):
                raise
    return [future.result() for future in running]


def _await(running: Sequence[Future[ResourceResult]], *, stop: threading.Event) -> None:
    """Wait for all of them, and say so if they are to stop: that is noted by a signal, which must not log itself."""
    left = set(running)
    while left and not stop.is_set():
        left = wait(left, timeout=LOOK_SECONDS).not_done
    if left:
        logger.warning(INTERRUPTED_NOW)
        wait(left)


def _settle(share: Share, plan: Plan, result: ResourceResult) -> None:
    """Let progress show what became of the files that had to travel, however often they did."""
    size_bytes = files = 0
    # Both are in the order of the plan, unless that was made anew; then what is skipped now had to travel before.
    for step, outcome in zip(plan.steps, result.outcomes, strict=True):
        if outcome.ok and step.action in (Action.SEND, Action.REPLACE):
            files += 1
            size_bytes += outcome.size_bytes
    share.settle(size_bytes=size_bytes, files=files, failed=sum(not outcome.ok for outcome in result.outcomes))
