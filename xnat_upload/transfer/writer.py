"""The one writer of one resource: sends what a plan says, and believes nothing that it has not looked up.

When it is not known what became of a request, the listing is asked before anything is sent again (docs/xnat/at-once.md,
"A lost answer"): a file that is listed as it was sent is done; one that is not listed is sent again and may overwrite,
since what lies under its name is this upload's own leftover; one that is listed differently, and was not there before,
is another client's. After the last request one listing decides what is stored; what is missing or altered in it is sent
once more, and no oftener.

Nothing here knows pyxnat or HTTP: a `Store` is one resource that can be written and listed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from xnat_upload.archive import retry
from xnat_upload.archive.listing import Listing
from xnat_upload.errors import ChangedFileError, ServerError, ServerUnavailableError, XnatUploadError
from xnat_upload.local.file import fingerprint
from xnat_upload.planning.decide import divide, make_plan
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.planning.step import Shipment, Step
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.conflicts import ContestedStore, settle_refused_names, yield_to_other
from xnat_upload.transfer.file_records import Ledger
from xnat_upload.transfer.packing import SentBody, Stopped, pack
from xnat_upload.transfer.verification import Likeness, compare, verify

logger = logging.getLogger(__name__)

# While the archive is still working, it is asked this often: longer than a listing takes, shorter than a person waits.
_POLL_SECONDS = 2.0
# XNAT catalogues nothing of a request that did not come to its end.
_BROKEN_OFF_HERE = ServerUnavailableError("The request was broken off here.")


class Store(ContestedStore, Protocol):
    """One resource of an archive, to be written."""

    def hold(self) -> AbstractContextManager[None]:
        """Be the only writer while the context lasts."""

    def prepare(self) -> bool:
        """Make sure that the scan and the resource exist and may be written; False if the plan is mistaken."""

    def listing_for(self, names: Collection[str]) -> Listing:
        """List what is stored, with as much of these names as deciding about them takes."""

    def put(self, shipment: Shipment, body: SentBody, *, content_type: str, overwrite: bool) -> tuple[str, ...]:
        """Send one request, once; return the names that were refused as existing."""

    def served_bytes(self, name: str) -> int | None:
        """Give the size on the archive's disk; None if it does not tell."""

    def url(self, name: str) -> str:
        """Give the absolute address of a file."""


class Carrier:
    """The one writer of one resource."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        *,
        settings: TransferSettings,
        stop: threading.Event,
        moved: Callable[[int], None],
        done: Callable[[int], None],
        resumed: bool,
    ) -> None:
        self._plan = plan
        self._resumed = resumed
        self._store = store
        self._settings = settings
        self._stop = stop
        self._moved = moved
        self._done = done
        self._ledger = Ledger(plan)
        self._extra: tuple[str, ...] = ()

    def carry_out(self) -> ResourceResult:
        """Send what the plan says, verify, send once more what did not arrive, verify again."""
        with self._store.hold():
            result = self._carry_out()
        stored, to = sum(outcome.ok for outcome in result.outcomes), self._plan.resource.destination
        place = f"{to.resource_id} of {to.scan_words}"
        logger.info("Resource %s: %d of %d files are in the archive.", place, stored, len(result.outcomes))
        for outcome in result.outcomes:
            logger.debug("%s of %s: %s (%s)", outcome.name, outcome.destination, outcome.status, outcome.reason)
        return result

    def _carry_out(self) -> ResourceResult:
        error: XnatUploadError | None = None
        try:
            if self._plan.shipments:
                if self._stop.is_set():
                    raise Stopped
                self._prepare()
                lost = (
                    ServerUnavailableError("An earlier attempt was lost with its process.") if self._resumed else None
                )
                self._send_all(self._plan.shipments, overwrite=self._plan.exist_ok, lost=lost)
        except Stopped:
            self._ledger.leave_rest("the upload was interrupted")
        except XnatUploadError as refusal:
            error = refusal
            self._ledger.leave_rest(f"not sent, because: {refusal}")
        try:
            self._verify_and_mend(may_mend=error is None)
        except XnatUploadError as refusal:
            error = error or refusal
            self._ledger.leave_unverified(str(refusal))
            self._ledger.leave_rest(str(refusal))
        return ResourceResult(
            self._ledger.outcomes(self._store.url), error, extra=self._extra, conflicts=self._ledger.conflicts
        )

    def _prepare(self) -> None:
        """Make what is missing, and decide anew if another client has made or removed the resource since the plan."""
        if self._store.prepare():
            return
        if self._stop.is_set():
            raise Stopped
        planned = self._plan.files_to_send
        self._plan = make_plan(
            self._plan.resource,
            [step.file for step in self._plan.steps],
            listed=self._store.listing_for([step.file.name for step in self._plan.steps]),
            read=fingerprint,
            treatment=self._plan.treatment,
            new_scan_type=None,
            settings=self._settings,
            server=self._plan.server,
        )
        self._ledger = Ledger(self._plan)
        left_out = planned - self._plan.files_to_send
        self._done(len(left_out))
        self._moved(sum(file.size_bytes for file in left_out))
        if self._plan.refused:
            raise names_taken(self._plan)

    def _send_all(
        self, shipments: Iterable[Shipment], *, overwrite: bool, lost: ServerUnavailableError | None = None
    ) -> None:
        for shipment in shipments:
            if self._stop.is_set():
                raise Stopped
            self._ship_unchanged(shipment, overwrite=overwrite, lost=lost)

    def _ship_unchanged(self, shipment: Shipment, *, overwrite: bool, lost: ServerUnavailableError | None) -> None:
        """Send one shipment, leaving behind each file that has changed since the plan was made."""
        waiting = [(shipment, lost)]
        while waiting:
            shipment, lost = waiting.pop(0)
            try:
                self._ship(shipment, overwrite=overwrite, lost=lost)
            except ChangedFileError as change:
                changed = {step: _change_of(step, change) for step in shipment.steps}
                for step, reason in changed.items():
                    if reason:
                        self._ledger.fail([step], reason)
                rest = [step for step, reason in changed.items() if not reason]
                if len(rest) == len(changed):
                    raise AssertionError("unreachable: what changed is one of the files that were sent") from change
                # What had left before the request broke off lies unlisted in the archive, and may be overwritten. What
                # had not must not be: unlisted bytes under its name are another client's.
                for had_left, look in ((True, _BROKEN_OFF_HERE), (False, lost)):
                    steps = tuple(step for step in rest if self._ledger.has_left(step) is had_left)
                    if steps:
                        waiting.append((replace(shipment, steps=steps), look))

    def _ship(self, shipment: Shipment, *, overwrite: bool, lost: ServerUnavailableError | None) -> None:
        """Send one shipment until it is known what became of each of its files; `lost` if it was sent before."""
        taken: list[Step] = []
        try:
            for attempt in retry.attempts(self._settings, doing="sending files", stop=self._stop):
                if lost is not None:
                    shipment, overwrite = self._look(shipment, lost, overwrite=overwrite)
                with attempt:
                    try:
                        taken = self._send(shipment, overwrite=overwrite) if shipment.steps else []
                    except ServerUnavailableError as error:
                        lost = error
                        raise
        except (ServerError, ServerUnavailableError) as error:
            self._settle_refused(shipment, error)
            raise
        if taken:
            settle_refused_names(taken, store=self._store, ledger=self._ledger)

    def _send(self, shipment: Shipment, *, overwrite: bool) -> list[Step]:
        """Send one request, once, and return what was refused as existing."""
        body, content_type = pack(shipment, large_file_bytes=self._settings.large_file_bytes)
        started = time.monotonic()
        try:
            refused = self._store.put(
                shipment,
                SentBody(body, moved=self._moved, stop=self._stop),
                content_type=content_type,
                overwrite=overwrite,
            )
        finally:
            self._ledger.sent(shipment.steps, body.sent, seconds=time.monotonic() - started)
        taken = [step for step in shipment.steps if step.file.name in refused]
        self._ledger.answered(step for step in shipment.steps if step.file.name not in refused)
        self._done(len(shipment.steps) - len(taken))
        return taken

    def _look(self, shipment: Shipment, lost: ServerUnavailableError, *, overwrite: bool) -> tuple[Shipment, bool]:
        """Find out what became of a request whose answer is missing; return what must be sent again, and how."""
        if self._stop.is_set():
            raise Stopped
        if not lost.may_have_arrived:
            return shipment, overwrite
        listed = self._settled_listing(shipment) if lost.still_working else self._store.listing()
        again, strange = self._sort(shipment.steps, listed, may_be_ours=lost is not _BROKEN_OFF_HERE)
        yield_to_other(strange, store=self._store, ledger=self._ledger)
        return replace(shipment, steps=tuple(again)), True

    def _sort(
        self, steps: Iterable[Step], listed: Listing, *, may_be_ours: bool = True
    ) -> tuple[list[Step], list[Step]]:
        """Mark what the listing shows to be stored; return what is to be sent again, and what is another client's."""
        again: list[Step] = []
        strange: list[Step] = []
        for step in steps:
            name = step.file.name
            likeness = self._likeness(step, listed)
            unchanged = listed.get(name) == self._plan.listed.get(name)
            if likeness is Likeness.SAME or (likeness is Likeness.UNPROVEN and not unchanged and may_be_ours):
                self._ledger.answered([step])
            elif likeness is Likeness.MISSING or unchanged or self._plan.exist_ok:
                again.append(step)
            else:
                strange.append(step)
        return again, strange

    def _likeness(self, step: Step, listed: Listing) -> Likeness:
        stored = listed.get(step.file.name)
        if stored is None:
            return Likeness.MISSING
        try:
            return compare(self._ledger.fingerprint(step), stored)
        except ChangedFileError:
            return Likeness.MISSING  # it is sent again, and fails alone: what travelled with it may well be stored

    def _settled_listing(self, shipment: Shipment) -> Listing:
        """Ask for the listing until it shows all of a shipment, or time is up: the archive is still working."""
        names = {step.file.name for step in shipment.steps}
        give_up = time.monotonic() + self._settings.settle_seconds
        while True:
            listed = self._store.listing()
            changed = {name for name in names if listed.get(name) != self._plan.listed.get(name)}
            if changed == names or time.monotonic() >= give_up:
                return listed
            if self._stop.wait(min(_POLL_SECONDS, max(0.0, give_up - time.monotonic()))):
                raise Stopped

    def _settle_refused(self, shipment: Shipment, error: ServerError | ServerUnavailableError) -> None:
        """Find out what is stored in spite of it: neither a 500 nor silence proves that nothing is.

        See docs/xnat/at-once.md, "A 500 does not prove that nothing happened".
        """
        try:
            again, strange = self._sort(shipment.steps, self._store.listing())
        except XnatUploadError:
            self._ledger.fail(shipment.steps, f"what became of it is not known: {error}")
        else:
            self._ledger.fail(again, str(error))
            yield_to_other(strange, store=self._store, ledger=self._ledger)

    def _verify_and_mend(self, *, may_mend: bool) -> None:
        if not self._ledger.awaiting:
            return
        self._verify()
        wrong = self._ledger.wrong
        if wrong and may_mend and not self._stop.is_set():
            logger.warning("%d files are missing or altered in the archive; they are sent once more.", len(wrong))
            try:
                self._send_all(divide(wrong, settings=self._settings), overwrite=True)
            except Stopped:
                self._ledger.leave_rest("the upload was interrupted")
            self._verify()

    def _verify(self) -> None:
        listed = self._store.listing()
        expected = self._ledger.expected
        found = verify(expected, listed=listed, listed_before=self._plan.listed)
        ours = {step.file.name for step in self._plan.steps}
        self._extra = tuple(name for name in found.extra if name not in ours)
        right_size = {n for n in found.unproven if self._store.served_bytes(n) in (None, expected[n].size_bytes)}
        self._ledger.stored(found.same)
        self._ledger.unproven([name for name in found.unproven if name in right_size])
        self._ledger.found_wrong(found.missing, "the archive does not list it")
        self._ledger.found_wrong(
            [*found.altered, *(name for name in found.unproven if name not in right_size)],
            "the archive has other bytes than were sent",
        )


def _change_of(step: Step, change: ChangedFileError) -> str:
    """Say how a file has changed, of which `change` may tell already; nothing if it has not."""
    if step.file.name == change.name:
        return str(change)
    try:
        step.file.check()
    except ChangedFileError as another:
        return str(another)
    return ""
