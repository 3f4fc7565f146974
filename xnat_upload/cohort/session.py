"""The two steps of a cohort's work: open a session, then upload into each of its resources.

A session is opened once, by one writer: it is found, its resources are listed, and what is missing is created. The
listing made then says what was there before the cohort, and goes along with the work on each resource. So it does not
matter how often that work is begun: what was there before is treated as the caller wants, and a file that has appeared
since with the very bytes of this one is this cohort's own.

What is handed over between the two is plain and small, because it may travel between machines.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xnat_upload.archive.client import Archive
from xnat_upload.archive.listing import Listing
from xnat_upload.archive.locks import Locks
from xnat_upload.cohort.manifest import ResourceRows, SessionRows
from xnat_upload.errors import XnatUploadError
from xnat_upload.local.file import fingerprint
from xnat_upload.local.root import plain_root
from xnat_upload.local.staging import stage
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.scan_types import scan_type_for
from xnat_upload.planning.decide import make_plan
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.planning.treatment import Treatment
from xnat_upload.report.outcome import Status, not_sent, told_apart
from xnat_upload.settings import TransferSettings
from xnat_upload.transfer.resource_store import Creation, ResourceStore
from xnat_upload.transfer.run import transfer


class FileResult(NamedTuple):
    """What became of one file, without what the manifest knows already."""

    status: str
    reason: str
    size_bytes: int | None = None
    md5: str | None = None
    attempts: int = 0
    seconds: float = 0.0
    bytes_on_the_line: int = 0

    @property
    def ok(self) -> bool:
        """Whether the archive holds the file."""
        return self.status not in (Status.FAILED.value, Status.NOT_SENT.value)


@dataclass(frozen=True)
class OpenedResource:
    """A resource: which of the files it held before, and whether it has been seen that this user may write it."""

    listed: Listing
    may_write: bool


@dataclass(frozen=True)
class OpenedSession:
    """A session as it was found, and its resources in their order; a text says why one of them is not to be had."""

    accession: Accession
    resources: tuple[OpenedResource | str, ...]


def open_session(session: SessionRows, *, treatment: Treatment, archive: Archive, locks: Locks) -> OpenedSession:
    """Find a session, list its resources, and create what is missing for those that will be written.

    Raises
    ------
    XnatUploadError
        The session cannot be found or read.
    """
    accession = archive.locate(
        session.accession_id, hub_project_id=session.hub_project_id, project_id=session.project_id
    )
    made: set[str] = set(accession.scan_types)
    opened: list[OpenedResource | str] = []
    for each in session.resources:
        try:
            opened.append(
                _open_resource(each, accession, scans=made, treatment=treatment, archive=archive, locks=locks)
            )
        except XnatUploadError as error:
            opened.append(str(error))
    # What it holds has been looked at, and need not travel.
    travelling = replace(accession, scan_types={}, scan_type_names={}, scan_descriptions={}, resource_numbers={})
    return OpenedSession(travelling, tuple(opened))


def upload_resource(
    each: ResourceRows,
    opened: OpenedResource,
    accession: Accession,
    *,
    root: Path,
    treatment: Treatment,
    resumed: bool,
    archive: Archive,
    locks: Locks,
    settings: TransferSettings,
    stop: threading.Event,
) -> tuple[FileResult, ...]:
    """Upload the files of one resource, and say what became of each, in their order.

    Parameters
    ----------
    resumed : bool
        This was begun before, by somebody who was lost.
    stop : threading.Event
        Once set, nothing more is sent.
    """
    resource = Resource(Scan(accession, each.scan_id), each.resource_id)
    try:
        plan = make_plan(
            resource,
            stage(dict(each.files), root=plain_root(root)).files,
            listed=opened.listed,
            read=fingerprint,
            treatment=treatment,
            new_scan_type=None,
            settings=settings,
            server=archive.url(""),
        )
    except XnatUploadError as error:
        return (FileResult(Status.NOT_SENT.value, str(error)),) * len(each.files)
    creation = Creation(archive, locks=locks, stop=stop)
    store = _OpenedStore(plan, archive=archive, creation=creation, locks=locks, may_write=opened.may_write)
    if plan.refused:
        result = not_sent(plan, names_taken(plan), url=store.url)
    else:
        (result,) = transfer(
            [plan], store_for=lambda _: store, settings=settings, line=archive.line, stop=stop, resumed=resumed
        )
    return tuple(
        FileResult(
            one.status.value, one.reason, one.size_bytes, one.md5, one.attempts, one.seconds, one.bytes_on_the_line
        )
        for one in told_apart(result).outcomes
    )


class _OpenedStore(ResourceStore):
    """A resource that is there since its session was opened."""

    def __init__(self, plan: Plan, *, archive: Archive, creation: Creation, locks: Locks, may_write: bool) -> None:
        super().__init__(plan, archive=archive, creation=creation, locks=locks)
        self._may_write = may_write

    def prepare(self) -> bool:
        if not self._may_write:
            super().prepare()
        return True  # what is in it beyond what was listed at the opening came later, as in any other upload


def _open_resource(
    each: ResourceRows, accession: Accession, *, scans: set[str], treatment: Treatment, archive: Archive, locks: Locks
) -> OpenedResource:
    scan = Scan(accession, each.scan_id)
    resource = Resource(scan, each.resource_id)
    names = set(each.files)
    listed: Listing = {}
    if resource.was_there and treatment.exist_ok:
        sizes_bytes = dict.fromkeys(names)  # the files need not be on this machine
        must = treatment.exist_ok == "same"
        listed = archive.proven_listing(resource, sizes_bytes, must=must, reason=treatment.reason)
    elif resource.was_there:
        listed = archive.listing(resource)
    archive.check_names([*(Path(file).name for file in each.files), *listed])
    may_write = not listed  # else it is seen when there is something to write
    if may_write:
        # XNAT saves the whole scan for each resource that is made in it: one at a time (docs/xnat/at-once.md, "Two
        # saves of one session").
        with locks.hold(accession):
            if each.scan_id not in scans:
                archive.create_scan(
                    scan,
                    scan_type=each.scan_type or scan_type_for(accession.session_type),
                    reason=treatment.reason,
                )
                scans.add(each.scan_id)
            if not archive.create_resource(resource, reason=treatment.reason) and not resource.was_there:
                listed = archive.listing(resource)  # another client has made it since the session was read
    return OpenedResource({name: stored for name, stored in listed.items() if name in names}, may_write=may_write)
