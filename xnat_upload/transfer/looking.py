"""Looking at what the archive lists, where one look may not be enough.

A listing of XNAT 1.6 can come empty while somebody writes; a request whose answer was lost may still be at work, and
its entry is the last thing that it writes (``docs/xnat/writing-files.md, "In which order things happen"``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from xnat_upload.archive.listing import Listing
from xnat_upload.errors import ChangedFileError
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Step
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.file_records import FileRecords
from xnat_upload.transfer.sent_body import Stopped
from xnat_upload.transfer.verification import Likeness, compare

# How long to wait before an archive that is still working is asked again: at first hardly longer than a listing takes,
# then ever longer, since the answers are many bytes where the files are many.
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 30.0


class ListedStore(Protocol):
    """One resource of an archive, to be looked at."""

    def listing(self) -> Listing:
        """List what is stored."""


@dataclass(frozen=True)
class Seen:
    """Files that were sent, by what a listing shows of them.

    Parameters
    ----------
    stored : tuple of Step
        Listed as they were sent.
    missing : tuple of Step
        Not listed.
    old : tuple of Step
        Listed as they were before the upload, or with bytes that may be replaced.
    strange : tuple of Step
        Listed with bytes that are neither ours nor ours to replace.
    """

    stored: tuple[Step, ...]
    missing: tuple[Step, ...]
    old: tuple[Step, ...]
    strange: tuple[Step, ...]


class Lookout:
    """Looks at one resource on behalf of its writer."""

    def __init__(
        self, plan: Plan, store: ListedStore, *, records: FileRecords, settings: TransferSettings, stop: threading.Event
    ) -> None:
        self._plan = plan
        self._store = store
        self._records = records
        self._settings = settings
        self._stop = stop

    def listing(self) -> Listing:
        """List what is stored; an empty listing of what was not empty is asked for once more."""
        listed = self._store.listing()
        if not listed and (self._plan.listed or self._records.awaiting) and not self._stop.wait(self._pauses()[0]):
            listed = self._store.listing()
        return listed

    def settled_listing(self, steps: Sequence[Step]) -> Listing:
        """Look until files that were sent are listed as something new, or time is up for the archive to be at work."""
        listed = self.listing()
        for pause in self._pauses():
            if all(listed.get(step.file.name) != self._plan.listed.get(step.file.name) for step in steps):
                break
            if self._stop.wait(pause):
                raise Stopped
            listed = self.listing()
        return listed

    def sort(self, steps: Iterable[Step], listed: Listing) -> Seen:
        """Hold files that were sent against a listing.

        Where there are no MD5s, a new entry of the right size is taken for ours, if ours may have one at all.
        """
        stored: list[Step] = []
        missing: list[Step] = []
        old: list[Step] = []
        strange: list[Step] = []
        for step in steps:
            likeness = self._likeness(step, listed)
            unchanged = listed.get(step.file.name) == self._plan.listed.get(step.file.name)
            ours = likeness is Likeness.UNPROVEN and not unchanged and self._records.may_have_entry(step)
            if likeness is Likeness.SAME or ours:
                stored.append(step)
            elif likeness is Likeness.MISSING:
                missing.append(step)
            elif unchanged or self._plan.exist_ok:
                old.append(step)
            else:
                strange.append(step)
        return Seen(tuple(stored), tuple(missing), tuple(old), tuple(strange))

    def _likeness(self, step: Step, listed: Listing) -> Likeness:
        stored = listed.get(step.file.name)
        if stored is None:
            return Likeness.MISSING
        try:
            return compare(self._records.fingerprint(step), stored)
        except ChangedFileError:
            return Likeness.MISSING  # it is sent again, and fails alone: what travelled with it may well be stored

    def _pauses(self) -> list[float]:
        """Divide the time that an archive gets into pauses, each twice the one before; at least one."""
        pauses: list[float] = []
        pause, left = _FIRST_PAUSE_SECONDS, self._settings.settle_seconds
        while left > 0 or not pauses:
            pauses.append(min(pause, left))
            left -= pauses[-1]
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return pauses
