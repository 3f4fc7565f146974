"""What will be done with each file, and why; and which files travel together. Nothing is sent here, and what
must be read is read by the function that is given for it.

A file that is new to the resource is *sent*; one that is listed is *skipped* if it is the same, *replaced* if that was
asked for, and *refused* otherwise. Equal size proves nothing: images of one matrix share one size. Small files travel
in batches, because each request costs the archive work for every file that it already has (docs/xnat/writing-files.md,
"What a request costs": 300 files in one request take 0.3 s, in 300 requests 32 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.local.file import Fingerprint
from xnat_upload.local.ignoring import LeftOut
from xnat_upload.local.source import AnyFile
from xnat_upload.places.hierarchy import Resource
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Action, Form, Shipment, Step
from xnat_upload.planning.treatment import Treatment
from xnat_upload.settings import TransferSettings

# Names that mean the same to every server version when they stand in a URL: 1.6 decodes nothing
# (docs/xnat/writing-files.md, "Names in a URL").
_SAFE_IN_URL = re.compile(r"[A-Za-z0-9._/-]+")


def make_plan(
    resource: Resource,
    files: Sequence[AnyFile],
    *,
    listed: Listing,
    read: Callable[[AnyFile], Fingerprint],
    treatment: Treatment,
    new_scan_type: str | None,
    settings: TransferSettings,
    server: str = "",
    left_out: tuple[LeftOut, ...] = (),
) -> Plan:
    """Decide for each file, and divide what has to travel into requests.

    Parameters
    ----------
    resource : Resource
        Where the files go.
    files : sequence of AnyFile
        What the caller named.
    listed : mapping of str to StoredFile
        What the resource holds now.
    read : callable
        Reads a file and gives its fingerprint; asked only where nothing but the file's bytes can decide.
    treatment : Treatment
        How files that exist are treated.
    new_scan_type : str or None
        Data type of the scan if it has to be created.
    settings : TransferSettings
        Limits of a request.
    server : str
        The archive's address, for links.
    left_out : tuple of LeftOut
        What was left out of directories, for who reads the plan.
    """
    steps = tuple(_decide(file, listed.get(file.name), read=read, treatment=treatment) for file in files)
    return Plan(
        resource=resource,
        scan_type=new_scan_type,
        steps=steps,
        shipments=divide(steps, settings=settings),
        treatment=treatment,
        listed=listed,
        server=server,
        left_out=left_out,
        compression=settings.compression,
    )


def divide(steps: Iterable[Step], *, settings: TransferSettings) -> tuple[Shipment, ...]:
    """Divide the steps that travel into requests: new files first, then those that replace others."""
    steps = tuple(steps)
    sent = tuple(step for step in steps if step.action is Action.SEND)
    replaced = tuple(step for step in steps if step.action is Action.REPLACE)
    return (
        *_batches(sent, form=Form.ZIP, settings=settings),
        *(_alone(step) for step in sent if step.file.size_bytes > settings.large_file_bytes),
        *_batches(replaced, form=Form.ZIP_IN_FORM, settings=settings),
        *(_alone(step) for step in replaced if step.file.size_bytes > settings.large_file_bytes),
    )


def _decide(
    file: AnyFile, stored: StoredFile | None, *, read: Callable[[AnyFile], Fingerprint], treatment: Treatment
) -> Step:
    if stored is None:
        return Step(file, Action.SEND, "not in the resource")
    if treatment.exist_ok is False:
        return Step(file, Action.REFUSE, "in the resource already, and replacing was not asked for")
    other = Action.REPLACE if treatment.may_replace else Action.REFUSE
    if stored.size_bytes != file.size_bytes:
        return Step(file, other, f"stored with {stored.size_bytes} bytes")
    if not stored.md5:
        return Step(file, other, "stored without MD5, and equal size proves nothing")
    local = read(file)
    if stored.md5.lower() == local.md5:
        return Step(file, Action.SKIP, "stored already, same size and MD5", local)
    return Step(file, other, "stored with the same size but another MD5", local)


def _batches(steps: Sequence[Step], *, form: Form, settings: TransferSettings) -> Iterable[Shipment]:
    """Fill batches from the end: the first is the one that is not full, and shows how fast the line is."""
    batches: list[list[Step]] = []
    batch_bytes = 0
    for step in reversed(steps):
        size = step.file.size_bytes
        if size > settings.large_file_bytes:
            continue
        if not batches or len(batches[-1]) >= settings.batch_files or batch_bytes + size > settings.batch_bytes:
            batches.append([])
            batch_bytes = 0
        batches[-1].append(step)
        batch_bytes += size
    return [_batch(batch[::-1], form=form) for batch in reversed(batches)]


def _batch(steps: Sequence[Step], *, form: Form) -> Shipment:
    return Shipment(
        tuple(steps), form, f"{len(steps)} small files in one request" if len(steps) > 1 else "a small file"
    )


def _alone(step: Step) -> Shipment:
    if step.action is Action.REPLACE:
        return Shipment((step,), Form.ZIP_IN_FORM, "large, and the old file must survive a broken line")
    if not _SAFE_IN_URL.fullmatch(step.file.name):
        return Shipment((step,), Form.ZIP, "large, and only a zip carries its name literally")
    return Shipment((step,), Form.PLAIN, "large, so it travels alone")
