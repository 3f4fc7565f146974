"""One resource of an archive, as `transfer` writes and lists it."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager

from xnat_upload.archive.client import Archive
from xnat_upload.archive.listing import Listing
from xnat_upload.archive.locks import Locks
from xnat_upload.archive.reading_back import ReadBack
from xnat_upload.display.tables import readable_bytes
from xnat_upload.local.source import AnyFile
from xnat_upload.places.hierarchy import Scan
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Form, Shipment
from xnat_upload.transfer.sent_body import SentBody, Stopped

logger = logging.getLogger(__name__)


class Creation:
    """Makes missing scans and resources, one at a time in each session.

    Several resources of one new scan are written in parallel, and each of their writers needs the scan. XNAT saves the
    whole scan for each resource that is made in it, and what two such saves at once do is not settled
    (docs/xnat/at-once.md, "Two saves of one session").
    """

    def __init__(self, archive: Archive, *, locks: Locks, stop: threading.Event) -> None:
        self._archive = archive
        self._locks = locks
        self._stop = stop
        self._created: set[Scan] = set()

    def ensure(self, plan: Plan) -> bool:
        """Make sure that the scan and the resource of a plan exist; True if the resource was made now."""
        scan, treatment = plan.resource.scan, plan.treatment
        with self._locks.hold(plan.resource.accession):
            if self._stop.is_set():
                raise Stopped
            if scan is not None and plan.scan_type is not None and scan not in self._created:
                self._archive.create_scan(scan, scan_type=plan.scan_type, reason=treatment.reason)
                self._created.add(scan)
            return self._archive.create_resource(
                plan.resource,
                reason=treatment.reason,
                resource_format=treatment.resource_format,
                resource_content=treatment.resource_content,
            )


class ResourceStore:
    """The resource of one plan."""

    def __init__(self, plan: Plan, *, archive: Archive, creation: Creation, locks: Locks) -> None:
        self._locks = locks
        self._plan = plan
        self._archive = archive
        self._creation = creation
        self._files_sent = 0

    def hold(self) -> AbstractContextManager[None]:
        """Be the only writer of the resource in this process, while the context lasts."""
        return self._locks.hold(self._plan.resource)

    def prepare(self) -> bool:
        """Make sure that the scan and the resource exist and may be written; False if the plan is mistaken."""
        made = self._creation.ensure(self._plan)
        return made is not self._plan.resource.was_there

    def put(self, shipment: Shipment, body: SentBody, *, content_type: str, overwrite: bool) -> tuple[str, ...]:
        """Send one request, once; return the names that were refused as existing."""
        # A zip is extracted because of its name's ending, which needs no encoding; the name itself is not kept.
        plain = shipment.form is Form.PLAIN
        segment = shipment.steps[0].file.name if plain else f"xnat-upload-{secrets.token_hex(8)}.zip"
        started = time.monotonic()
        try:
            refused = self._archive.put(
                self._plan.resource,
                segment,
                body,
                content_type=content_type,
                extract=not plain,
                overwrite=overwrite,
                reason=self._plan.treatment.reason,
            )
        except BaseException:
            body.counts_as(0)
            raise
        taken = [step.file for step in shipment.steps if step.file.name not in refused]
        body.counts_as(sum(file.size_bytes for file in taken))
        self._log(taken, seconds=time.monotonic() - started)
        return refused

    def _log(self, taken: Sequence[AnyFile], *, seconds: float) -> None:
        """Say what one request brought; which files they are is nothing for every reader of a log."""
        to, size_bytes = self._plan.resource.destination, sum(file.size_bytes for file in taken)
        self._files_sent += len(taken)
        logger.info(
            "%s of %s: %d of %d files sent; %s in %.1f s, %s/s.",
            to.resource_id,
            to.scan_words,
            self._files_sent,
            len(self._plan.files_to_send),
            readable_bytes(size_bytes),
            seconds,
            readable_bytes(size_bytes / max(seconds, 0.001)),
        )

    def listing(self) -> Listing:
        """List what is stored."""
        return self._archive.listing(self._plan.resource)

    def listing_for(self, names: Collection[str]) -> Listing:
        """List what is stored, with as much of these names as deciding about them takes."""
        treatment = self._plan.treatment
        if not treatment.exist_ok:
            return self.listing()
        files = [step.file for step in self._plan.steps if step.file.name in names]
        sizes_bytes: dict[str, int | None] = {file.name: file.size_bytes for file in files}
        must = treatment.exist_ok == "same"
        return self._archive.proven_listing(self._plan.resource, sizes_bytes, must=must, reason=treatment.reason)

    def served_bytes(self, name: str) -> int | None:
        """Give the size on the archive's disk; None if it does not tell."""
        return self._archive.served_bytes(self._plan.resource, name)

    def served_md5(self, name: str, *, size_bytes: int) -> str | None:
        """Give the MD5 of the bytes that the archive would serve; None if it serves none."""
        return self._archive.served_md5(self._plan.resource, name, size_bytes=size_bytes)

    def read_back(self, names: Collection[str], listed: Listing) -> ReadBack:
        """Read listed files back and hash them."""
        return self._archive.read_back(self._plan.resource, names, listed)

    def refresh_checksums(self) -> None:
        """Let the archive compute its MD5s anew, so that its listing tells what is on its disk."""
        self._archive.refresh_checksums(self._plan.resource, reason=self._plan.treatment.reason)

    def url(self, name: str) -> str:
        """Give the absolute address of a file."""
        return self._archive.url(self._plan.resource.file_path(name))
