"""From what a resource holds to the plan for it; a local file is read only where nothing but its bytes can decide."""

from __future__ import annotations

from collections.abc import Sequence

from xnat_upload.identifiers import Resource
from xnat_upload.listing import Listing
from xnat_upload.local_file import LocalFile, fingerprint
from xnat_upload.plan import Plan, make_plan, must_be_read
from xnat_upload.settings import TransferSettings


def decide(
    resource: Resource,
    files: Sequence[LocalFile],
    *,
    listed: Listing,
    exist_ok: bool,
    scan_type: str | None,
    settings: TransferSettings,
    server: str,
) -> Plan:
    """Plan files for a resource, with the parameters of `make_plan`.

    Raises
    ------
    ChangedFileError
        A file that had to be read is not the one that was found.
    """
    fingerprints = {
        file.name: fingerprint(file) for file in files if must_be_read(file, listed.get(file.name), exist_ok=exist_ok)
    }
    return make_plan(
        resource,
        files,
        listed=listed,
        fingerprints=fingerprints,
        exist_ok=exist_ok,
        scan_type=scan_type,
        settings=settings,
        server=server,
    )
