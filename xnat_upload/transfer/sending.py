"""One shipment, sent until it is known what became of each of its files.

A request whose answer is missing may still be at work in the archive, for as long as it likes, while the next one is
sent. So what it does late must do no harm, and this is how (``docs/xnat/at-once.md, "Data files are not locked"``):

- **In-body, which streams to a file's final path, only for a first attempt and never over what is there.** Once
  anything lies under the name, such a request passes it over, however late it comes; broken off, it can only have left
  a part of the file where there was nothing. On a slow line, on which a request is broken off more easily, and on which
  it costs no time that counts, a first attempt is a form too.
- **Whatever is sent again, or over something, travels in a form**, which XNAT has whole before it touches a file.
  Broken on the way, it has touched none; arrived, it writes the whole file, early or late.
- **It is waited for, and not overtaken**: a request that left whole, and ended in a timeout or a broken line, has
  `settle_seconds` to show its entries, which it writes last. One that did not leave whole can have none.
- **Over unlisted bytes only when they are our own**: with ``exist_ok=False`` a second attempt goes not over what is
  there either. If XNAT passes a name over that is not listed, that is the leftover of the first attempt, or another
  client's request at work; after the same time of waiting it is taken for the former.

What the archive itself may break off half way, over an old file, is left in doubt, for the proof to settle.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Protocol

from xnat_upload.archive import retry
from xnat_upload.archive.line import Line
from xnat_upload.errors import (
    ChangedFileError,
    PermissionDeniedError,
    ServerError,
    ServerUnavailableError,
    XnatUploadError,
)
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Form, Shipment, Step
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.conflicts import ContestedStore, yield_to_other
from xnat_upload.transfer.deflating import Deflation, deflation_for, may_be_deflated
from xnat_upload.transfer.file_records import FileRecords
from xnat_upload.transfer.looking import ListedStore, Lookout
from xnat_upload.transfer.packing import pack
from xnat_upload.transfer.sent_body import Body, SentBody, SizedBody, Stopped

# XNAT catalogues nothing of a request that did not come to its end.
_BROKEN_OFF_HERE = ServerUnavailableError("The request was broken off here.")


class WrittenStore(ContestedStore, ListedStore, Protocol):
    """One resource of an archive, to be written into."""

    def put(self, shipment: Shipment, body: SentBody, *, content_type: str, overwrite: bool) -> tuple[str, ...]:
        """Send one request, once; return the names that were refused as existing."""


class Sender:
    """Sends the shipments of one plan, one after another."""

    def __init__(
        self,
        plan: Plan,
        store: WrittenStore,
        *,
        records: FileRecords,
        lookout: Lookout,
        settings: TransferSettings,
        line: Line,
        stop: threading.Event,
        moved: Callable[[int], None],
        done: Callable[[int], None],
    ) -> None:
        self._plan = plan
        self._store = store
        self._records = records
        self._lookout = lookout
        self._settings = settings
        self._line = line
        self._stop = stop
        self._moved = moved
        self._done = done
        self._deflation: Deflation | None = None

    def send(self, shipment: Shipment, *, overwrite: bool, lost: ServerUnavailableError | None = None) -> None:
        """Send one shipment, leaving behind each file that has changed since the plan was made.

        Parameters
        ----------
        shipment : Shipment
            New files, or files that replace others.
        overwrite : bool
            Whether it goes over what is there.
        lost : ServerUnavailableError, optional
            How an earlier attempt at it has ended: what became of that is looked up before anything is sent.

        Raises
        ------
        Stopped
            Nothing more is to be sent.
        XnatUploadError
            The archive refused, or could not be reached any more; what is stored all the same is recorded.
        """
        while shipment.steps:
            if self._stop.is_set():
                raise Stopped
            try:
                return self._ship(shipment, overwrite=overwrite, lost=lost)
            except ChangedFileError as change:
                changed = {step: _change_of(step, change) for step in shipment.steps}
                for step, reason in changed.items():
                    if reason:
                        self._records.fail([step], reason)
                rest = tuple(step for step, reason in changed.items() if not reason)
                if len(rest) == len(changed):
                    raise AssertionError("unreachable: what changed is one of the files that were sent") from change
                shipment, lost = replace(shipment, steps=rest), _BROKEN_OFF_HERE
        return None

    def _ship(self, shipment: Shipment, *, overwrite: bool, lost: ServerUnavailableError | None) -> None:
        taken: list[Step] = []
        try:
            for attempt in retry.attempts(self._settings, doing="sending files", stop=self._stop):
                if lost is not None and lost.may_have_arrived:
                    shipment = self._left_to_send(shipment, lost)
                    overwrite = overwrite or self._plan.exist_ok
                with attempt:
                    try:
                        taken = self._put(shipment, overwrite=overwrite) if shipment.steps else []
                    except ServerUnavailableError as error:
                        lost = error
                        raise
        except (ServerError, ServerUnavailableError) as error:
            self._settle_failed(shipment.steps, error)
            raise
        if taken:
            self._settle_refused(taken)

    def _put(self, shipment: Shipment, *, overwrite: bool) -> list[Step]:
        """Send one request, once, and return what was refused as existing."""
        if self._stop.is_set():
            raise Stopped
        deflation = self._deflation = self._deflation_for(shipment)
        if deflation is not None or (self._line.is_slow and may_be_deflated(shipment)):
            shipment = replace(shipment, form=Form.ZIP_IN_FORM)
        steps = shipment.steps
        body, content_type = pack(shipment, large_file_bytes=self._settings.large_file_bytes, deflation=deflation)
        body_of = SentBody if body.size_bytes is None else SizedBody
        sent = body_of(body, line=self._line, moved=self._moved, stop=self._stop)
        started = time.monotonic()
        streamed = shipment.form is not Form.ZIP_IN_FORM
        refused: tuple[str, ...] = ()
        in_doubt = overwrite
        try:
            refused = self._put_body(shipment, body, sent, content_type=content_type, overwrite=overwrite)
            in_doubt = False
        finally:
            seconds = time.monotonic() - started
            self._records.sent(
                steps, body.sent, line_bytes=body.line_bytes, seconds=seconds, streamed=streamed, refused=refused
            )
            if in_doubt and self._records.left_whole(steps):
                self._records.doubt(steps)
        self._line.learn(files=len(steps), file_bytes=shipment.size_bytes, seconds=seconds)
        taken = [step for step in steps if step.file.name in refused]
        self._records.answered([step for step in steps if step.file.name not in refused])
        self._done(len(steps) - len(taken))
        return taken

    def deflates(self, shipment: Shipment) -> bool:
        """Say whether files would travel deflated if they were sent now; of one that has changed, sending tells."""
        try:
            return self._deflation_for(shipment) is not None
        except ChangedFileError:
            return False

    def _deflation_for(self, shipment: Shipment) -> Deflation | None:
        compression = self._settings.compression
        return deflation_for(shipment, line=self._line, compression=compression, before=self._deflation)

    def _put_body(
        self, shipment: Shipment, body: Body, sent: SentBody, *, content_type: str, overwrite: bool
    ) -> tuple[str, ...]:
        of_unknown_length = body.size_bytes is None
        try:
            refused = self._store.put(shipment, sent, content_type=content_type, overwrite=overwrite)
        except (PermissionDeniedError, ServerError, ServerUnavailableError) as error:
            # A firewall may refuse with 403 as well; a status of 200 is the archive's own way to deny.
            if not of_unknown_length or error.status == 200:
                raise
            self._line.learn_unknown_length(taken=False, is_certain=error.status == HTTPStatus.LENGTH_REQUIRED)
            if self._line.takes_unknown_length or isinstance(error, ServerUnavailableError):
                raise
            raise ServerUnavailableError(
                f"{error} It had no length; it is sent again with one, and not deflated.",
                status=error.status,
                url=error.url,
                server_message=error.server_message,
                may_have_arrived=True,
            ) from error
        if of_unknown_length:
            self._line.learn_unknown_length(taken=True)
        sent.has_arrived()
        return refused

    def _left_to_send(self, shipment: Shipment, lost: ServerUnavailableError) -> Shipment:
        """Find out what became of a request whose answer is missing; give what must be sent again, in a form."""
        if self._stop.is_set():
            raise Stopped
        steps = shipment.steps
        waits = lost.still_working and self._records.left_whole(steps)
        seen = self._lookout.sort(steps, self._lookout.settled_listing(steps) if waits else self._lookout.listing())
        self._records.answered(seen.stored)
        yield_to_other(seen.strange, store=self._store, records=self._records)
        wanted = {step.file.name for step in (*seen.missing, *seen.old)}
        again = tuple(step for step in steps if step.file.name in wanted)
        return _in_form(again, "sent again, and a broken line must leave what is there")

    def _settle_refused(self, steps: Sequence[Step]) -> None:
        """XNAT passed names over because something lies under them: say whose it is, and replace what may be."""
        seen = self._lookout.sort(steps, self._lookout.listing())
        if not self._plan.exist_ok:
            ours = tuple(step for step in seen.missing if self._records.may_have_left_bytes(step))
            theirs = [step for step in seen.missing if step not in ours]
            self._records.fail(
                theirs,
                "the archive holds unlisted bytes under this name: the leftover of an upload that broke off, or one "
                "that is under way. Once no other upload is running, run again with exist_ok=True to replace them",
            )
            self._yield(seen.strange)
            self._records.answered(seen.stored)
            if not ours:
                return
            seen = self._lookout.sort(ours, self._lookout.settled_listing(ours))
        self._yield(seen.strange)
        self._records.answered(seen.stored)
        again = (*seen.missing, *seen.old)
        if again:
            self._ship(_in_form(again, "in place of what lies there"), overwrite=True, lost=None)

    def _settle_failed(self, steps: Sequence[Step], error: ServerError | ServerUnavailableError) -> None:
        """Find out what is stored in spite of it: neither a 500 nor silence proves that nothing is.

        See docs/xnat/at-once.md, "A 500 does not prove that nothing happened".
        """
        try:
            seen = self._lookout.sort(steps, self._lookout.listing())
        except XnatUploadError:
            self._records.fail(steps, f"what became of it is not known: {error}")
            return
        self._records.answered(seen.stored)
        self._records.fail((*seen.missing, *seen.old), str(error))
        yield_to_other(seen.strange, store=self._store, records=self._records)

    def _yield(self, steps: Sequence[Step]) -> None:
        """Another client's file is listed; only where a request of ours may have met it, its bytes are looked at."""
        met = [step for step in steps if self._records.may_have_left_bytes(step)]
        yield_to_other(met, store=self._store, records=self._records)
        self._records.conflict(
            [step for step in steps if step not in met],
            "another client stored a file under this name meanwhile; nothing was replaced",
        )


def _in_form(steps: Sequence[Step], reason: str) -> Shipment:
    return Shipment(tuple(steps), Form.ZIP_IN_FORM, reason)


def _change_of(step: Step, change: ChangedFileError) -> str:
    """Say how a file has changed, of which `change` may tell already; nothing if it has not."""
    if step.file.name == change.name:
        return str(change)
    try:
        step.file.check()
    except ChangedFileError as another:
        return str(another)
    return ""
