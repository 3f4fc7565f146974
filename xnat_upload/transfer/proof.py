"""What is there in the end, held against what was sent, after the last request that could change it.

One listing decides. Its MD5s are of what was on the archive's disk when each entry was written, its sizes as well, and
both can be out of date: where a request over an old file broke off half way, where a site takes no checksums, where an
old digest was kept (``docs/xnat/listings.md, "What a list proves"``). So whatever a listing cannot prove, or shows to
be wrong, is judged only after the archive has taken its checksums anew, and been asked once more: two requests, for a
whole resource. In the usual case there is nothing to doubt, and it is one.

Where no MD5 is to be had even so, the sizes are all that is known, unless what was sent is to be read back.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Protocol

from xnat_upload.archive.listing import Listing
from xnat_upload.archive.reading_back import ReadBack
from xnat_upload.errors import NotFoundError, XnatUploadError
from xnat_upload.planning.plan import Plan
from xnat_upload.transfer.file_records import FileRecords
from xnat_upload.transfer.looking import ListedStore, Lookout
from xnat_upload.transfer.verification import Verification, verify

logger = logging.getLogger(__name__)


class ProvenStore(ListedStore, Protocol):
    """One resource of an archive, whose disk can be asked about."""

    def refresh_checksums(self) -> None:
        """Let the archive compute its MD5s anew, so that its listing tells what is on its disk."""

    def served_bytes(self, name: str) -> int | None:
        """Give the size on the archive's disk; None if it does not tell."""

    def read_back(self, names: Collection[str], listed: Listing) -> ReadBack:
        """Read listed files back and hash them."""


def prove(
    plan: Plan, store: ProvenStore, *, records: FileRecords, lookout: Lookout, read_back: bool
) -> tuple[str, ...]:
    """Settle every file that the archive took, or had already; give the names that nobody here sent.

    Parameters
    ----------
    read_back : bool
        What was sent, and has no MD5 in the archive, is read back.

    Raises
    ------
    XnatUploadError
        The archive does not answer: nothing is settled.
    """
    refreshed = records.doubtful
    if refreshed:
        store.refresh_checksums()
        records.taken_anew()
    listed = lookout.listing()
    found = _compared(plan, listed, records=records)
    if not refreshed and (found.altered or found.recorded) and _refreshed(store):
        listed = lookout.listing()
        found = _compared(plan, listed, records=records)
    back = ReadBack()
    if read_back:
        sent = records.awaiting
        to_read = [name for name in found.unproven if name in sent]
        if to_read:
            back = store.read_back(to_read, listed)
            found = _compared(plan, {**listed, **back.files}, records=records)
        del sent
    del listed  # of 100,000 files it is large, and so is what follows
    expected = records.expected
    recorded = {name for name in found.recorded if _has_size(store, name, expected[name].size_bytes)}
    records.stored([name for name in found.same if name not in back.files])
    records.stored(
        [name for name in found.same if name in back.files], proof="it was read back, and size and MD5 agree"
    )
    records.unproven([name for name in found.unproven if name in recorded or name not in found.recorded], gap=back.gap)
    records.missing(found.missing)
    records.altered(
        [*found.altered, *(name for name in found.recorded if name not in recorded)], may_replace=plan.exist_ok
    )
    ours = {step.file.name for step in plan.steps}
    return tuple(name for name in found.extra if name not in ours)


def _compared(plan: Plan, listed: Listing, *, records: FileRecords) -> Verification:
    return verify(records.expected, listed=listed, listed_before=plan.listed)


def _has_size(store: ProvenStore, name: str, size_bytes: int) -> bool:
    """Ask the disk for a size; where it does not tell, the recorded one stands."""
    try:
        return store.served_bytes(name) in (None, size_bytes)
    except NotFoundError:
        return False


def _refreshed(store: ProvenStore) -> bool:
    """Take the checksums anew if the archive lets us; without that, the listing stands as it is."""
    try:
        store.refresh_checksums()
    except XnatUploadError as error:
        logger.warning("The archive did not take its checksums anew: %s.", type(error).__name__)
        return False
    return True
