"""What becomes of a name that another client writes too: whose file is listed, and whose bytes are there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from xnat_upload.archive.listing import Listing
from xnat_upload.errors import XnatUploadError
from xnat_upload.planning.step import Step
from xnat_upload.transfer.file_records import FileRecords

logger = logging.getLogger(__name__)


class ContestedStore(Protocol):
    """One resource of an archive, which others may write as well."""

    def listing(self) -> Listing:
        """List what is stored."""

    def served_md5(self, name: str) -> str | None:
        """Give the MD5 of the bytes that the archive would serve; None if it serves none."""

    def refresh_checksums(self) -> None:
        """Let the archive compute its MD5s anew, so that its listing tells what is on its disk."""


def yield_to_other(steps: Sequence[Step], *, store: ContestedStore, records: FileRecords) -> None:
    """Another client's file is listed under names that we were writing too: say which bytes are there now.

    XNAT tells two writers apart only when both are done. The loser's bytes may lie over the winner's then, under the
    winner's MD5, and only the loser can find that out (docs/xnat/at-once.md, "Data files are not locked").
    """
    lost: list[Step] = []
    damaged: list[Step] = []
    torn: list[Step] = []
    unseen: list[Step] = []
    for step in steps:
        try:
            served = store.served_md5(step.file.name)
            ours = served == records.fingerprint(step).md5
            entry = None if ours or served is None else store.listing().get(step.file.name)
        except XnatUploadError as error:
            logger.warning("What lies under a name of another client could not be read back: %s.", type(error).__name__)
            unseen.append(step)
        else:
            # Of what is longer than ours only the beginning was read.
            whole = entry is not None and (entry.size_bytes or 0) <= step.file.size_bytes
            mixed = whole and entry is not None and entry.md5 and entry.md5.lower() != served
            (damaged if ours else torn if mixed else lost).append(step)
    stored_by_other = "another client stored a different file under this name meanwhile"
    records.conflict(lost, stored_by_other)
    records.conflict(
        unseen, f"{stored_by_other}; whether its bytes are whole could not be seen. Ask its owner to check"
    )
    records.fail(
        damaged,
        "another client stored this name at the same moment; its entry is listed, but the bytes are ours now. "
        "Agree with its owner whose file it is, and upload that one with exist_ok=True",
    )
    records.fail(
        torn,
        "another client stored this name at the same moment; its entry is listed, but the bytes are neither its nor "
        "ours now. Agree with its owner whose file it is, and upload that one with exist_ok=True",
    )
    if damaged or torn:
        store.refresh_checksums()
