"""The one writer of one resource: sends what a plan says, and calls stored only what was proven after its last request.

What a report calls stored or skipped was proven after the last request of ours that could still change it. `sending`
sees to it that a request which may still be at work when its answer is lost can do no harm any more; `proof` looks at
what is there in the end. The usual case, in which nothing breaks, costs one listing for a resource.

Nothing here knows pyxnat or HTTP: a `Store` is one resource that can be written and listed. So the whole of it is run
against a model of an archive, in every order that the steps of requests can take (``tests/transfer/model``).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from xnat_upload.archive.line import Line
from xnat_upload.archive.listing import Listing
from xnat_upload.errors import ServerUnavailableError, XnatUploadError
from xnat_upload.local.file import fingerprint
from xnat_upload.planning.decide import divide, make_plan
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.planning.step import Action, Form, Shipment
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.deflating import may_be_deflated
from xnat_upload.transfer.file_records import FileRecords
from xnat_upload.transfer.looking import Lookout
from xnat_upload.transfer.proof import ProvenStore, prove
from xnat_upload.transfer.sending import Sender, WrittenStore
from xnat_upload.transfer.sent_body import Stopped

logger = logging.getLogger(__name__)


class Store(WrittenStore, ProvenStore, Protocol):
    """One resource of an archive, to be written and looked at."""

    def hold(self) -> AbstractContextManager[None]:
        """Be the only writer while the context lasts."""

    def prepare(self) -> bool:
        """Make sure that the scan and the resource exist and may be written; False if the plan is mistaken."""

    def listing_for(self, names: Collection[str]) -> Listing:
        """List what is stored, with as much of these names as deciding about them takes."""

    def url(self, name: str) -> str:
        """Give the absolute address of a file."""


class Writer:
    """The one writer of one resource."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        *,
        settings: TransferSettings,
        line: Line,
        stop: threading.Event,
        moved: Callable[[int], None],
        done: Callable[[int], None],
        resumed: bool,
    ) -> None:
        self._store = store
        self._settings = settings
        self._line = line
        self._stop = stop
        self._moved = moved
        self._done = done
        self._resumed = resumed
        self._extra: tuple[str, ...] = ()
        self._result: ResourceResult | None = None
        self._take_up(plan)

    def carry_out(self) -> ResourceResult:
        """Send what the plan says, prove it, send once more what did not arrive, prove it again.

        It is done once: who asks again, because an interruption hid that it was begun, is told the same.
        """
        with self._store.hold():
            result = self._result = self._result or self._carry_out()
        stored, to = sum(outcome.ok for outcome in result.outcomes), self._plan.resource.destination
        place = f"{to.resource_id} of {to.scan_words}"
        logger.info("Resource %s: %d of %d files are in the archive.", place, stored, len(result.outcomes))
        for outcome in result.outcomes:
            logger.debug("%s of %s: %s (%s)", outcome.name, outcome.destination, outcome.status, outcome.reason)
        return result

    def _take_up(self, plan: Plan) -> None:
        """Begin with a plan, of which nothing is known yet but what it says."""
        self._plan = plan
        self._records = FileRecords(plan)
        self._lookout = Lookout(plan, self._store, records=self._records, settings=self._settings, stop=self._stop)
        self._sender = Sender(
            plan,
            self._store,
            records=self._records,
            lookout=self._lookout,
            settings=self._settings,
            line=self._line,
            stop=self._stop,
            moved=self._moved,
            done=self._done,
        )

    def _carry_out(self) -> ResourceResult:
        error: XnatUploadError | None = None
        try:
            if self._plan.shipments:
                if self._stop.is_set():
                    raise Stopped
                self._prepare()
                self._send_all()
        except Stopped:
            self._records.leave_rest("the upload was interrupted")
        except XnatUploadError as refusal:
            error = refusal
            self._records.leave_rest(f"not sent, because: {refusal}")
        try:
            self._prove_and_mend(may_mend=error is None)
        except XnatUploadError as refusal:
            error = error or refusal
            self._records.leave_unverified(str(refusal))
            self._records.leave_rest(str(refusal))
        conflicts = self._records.conflicts
        outcomes = self._records.last_outcomes(self._store.url)
        return ResourceResult(outcomes, error, extra=self._extra, conflicts=conflicts)

    def _prepare(self) -> None:
        """Make what is missing, and decide anew if another client has made or removed the resource since the plan."""
        if self._store.prepare():
            return
        if self._stop.is_set():
            raise Stopped
        planned = self._plan.files_to_send
        self._take_up(
            make_plan(
                self._plan.resource,
                [step.file for step in self._plan.steps],
                listed=self._store.listing_for([step.file.name for step in self._plan.steps]),
                read=fingerprint,
                treatment=self._plan.treatment,
                new_scan_type=None,
                settings=self._settings,
                server=self._plan.server,
            )
        )
        left_out = planned - self._plan.files_to_send
        self._done(len(left_out))
        self._moved(sum(file.size_bytes for file in left_out))
        if self._plan.refused:
            raise names_taken(self._plan)

    def _send_all(self) -> None:
        lost = None
        if self._resumed:
            self._records.begun_before()
            lost = ServerUnavailableError("An earlier attempt was lost with its process.")
        for shipment in self._joined(self._plan.shipments):
            # New files never go over what is there, though that was asked for: who replaces travels in a form.
            replaces = all(step.action is Action.REPLACE for step in shipment.steps)
            for portion in self._portions(shipment):
                self._sender.send(portion, overwrite=replaces, lost=lost)

    def _joined(self, shipments: Iterable[Shipment]) -> Iterator[Shipment]:
        """Join large files that are deflated, since each may be next to nothing; others travel alone."""
        joined: Shipment | None = None
        for shipment in shipments:
            if joined is not None and self._may_follow(joined, shipment):
                joined = Shipment((*joined.steps, *shipment.steps), Form.ZIP_IN_FORM, "large, and deflated")
                continue
            if joined is not None:
                yield joined
            joined = shipment
        if joined is not None:
            yield joined

    def _may_follow(self, joined: Shipment, shipment: Shipment) -> bool:
        both = Shipment((*joined.steps, *shipment.steps), Form.ZIP_IN_FORM, "")
        return (
            both.size_bytes <= self._settings.batch_bytes
            and len({step.action for step in both.steps}) == 1
            and all(step.file.size_bytes > self._settings.large_file_bytes for step in both.steps)
            and may_be_deflated(both)
            and (len(joined.steps) > 1 or self._sender.deflates(joined))  # several were sampled before
            and self._sender.deflates(shipment)
        )

    def _portions(self, shipment: Shipment) -> Iterator[Shipment]:
        """Divide a shipment into requests, each as large as what those before have shown of the line."""
        steps = shipment.steps
        while steps:
            sizes_bytes = [step.file.size_bytes for step in steps]
            number = self._line.fitting(sizes_bytes, seconds=self._settings.batch_seconds)
            yield replace(shipment, steps=steps[:number])
            steps = steps[number:]

    def _prove_and_mend(self, *, may_mend: bool) -> None:
        if not self._records.awaiting and not self._records.doubtful:
            return
        self._prove()
        wrong = self._records.wrong
        if wrong and may_mend and not self._stop.is_set():
            logger.warning("%d files are missing or altered in the archive; they are sent once more.", len(wrong))
            # As if they were to replace others: in forms, since something of them may lie there. Over it only if that
            # was asked for; else what is missing is sent again like any request whose answer was lost.
            again = [replace(step, action=Action.REPLACE) for step in wrong]
            try:
                for shipment in self._joined(divide(again, settings=self._settings)):
                    for portion in self._portions(shipment):
                        self._sender.send(portion, overwrite=self._plan.exist_ok)
            except Stopped:
                self._records.leave_rest("the upload was interrupted")
            self._prove()

    def _prove(self) -> None:
        self._extra = prove(
            self._plan,
            self._store,
            records=self._records,
            lookout=self._lookout,
            read_back=self._settings.read_back,
        )
