"""What becomes of a name that another client writes too: whose file is listed, and whose bytes are there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.errors import XnatUploadError
from xnat_upload.planning.step import Step
from xnat_upload.transfer.file_records import FileRecords

logger = logging.getLogger(__name__)


class ContestedStore(Protocol):
    """One resource of an archive, which others may write as well."""

    def listing(self) -> Listing:
        """List what is stored."""

    def served_md5(self, name: str, *, size_bytes: int) -> str | None:
        """Give the MD5 of the bytes that the archive would serve; None if it serves none.

        What is longer than `size_bytes` is not read to its end, and has another MD5.
        """

    def refresh_checksums(self) -> None:
        """Let the archive compute its MD5s anew, so that its listing tells what is on its disk."""


def yield_to_other(steps: Sequence[Step], *, store: ContestedStore, records: FileRecords) -> None:
    """Another client's file is listed under names that we were writing too: say which bytes are there now.

    XNAT tells two writers apart only when both are done. The loser's bytes may lie over the winner's then, or among
    them, under the winner's MD5, and only the loser can find that out (docs/xnat/at-once.md, "Data files are not
    locked").
    """
    if not steps:
        return
    by_state: dict[_There, list[Step]] = {state: [] for state in _There}
    listed = store.listing()
    for step in steps:
        by_state[_there(step, listed.get(step.file.name), store=store, records=records)].append(step)
    stored_by_other = "another client stored a different file under this name meanwhile"
    records.conflict(by_state[_There.THEIRS], stored_by_other)
    records.conflict(
        by_state[_There.UNSEEN],
        f"{stored_by_other}; whether its bytes are whole could not be seen. Ask its owner to check",
    )
    for state in (_There.OURS, _There.MIXED):
        records.fail(
            by_state[state],
            "another client stored this name at the same moment; its entry is listed, but the bytes are "
            f"{state.value} now. Agree with its owner whose file it is, and upload that one with exist_ok=True",
        )
    if by_state[_There.OURS] or by_state[_There.MIXED]:
        store.refresh_checksums()


class _There(Enum):
    THEIRS = "theirs"
    OURS = "ours"
    MIXED = "neither theirs nor ours"
    UNSEEN = "not known"


def _there(step: Step, entry: StoredFile | None, *, store: ContestedStore, records: FileRecords) -> _There:
    longest_bytes = max(step.file.size_bytes, (entry.size_bytes or 0) if entry else 0)
    try:
        served = store.served_md5(step.file.name, size_bytes=longest_bytes)
    except XnatUploadError as error:
        logger.warning("What lies under a name of another client could not be read back: %s.", type(error).__name__)
        return _There.UNSEEN
    if served == records.fingerprint(step).md5:
        return _There.OURS
    if served is not None and entry is not None and entry.md5 and entry.md5.lower() != served:
        return _There.MIXED
    return _There.THEIRS
