"""From what the caller wants to plans: the archive is read, and local files where only their bytes can decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from xnat_upload.archive import Archive
from xnat_upload.decision import decide
from xnat_upload.errors import InvalidIdentifierError, XnatUploadError
from xnat_upload.identifiers import Accession, Resource, Scan
from xnat_upload.local_file import LocalFile
from xnat_upload.plan import Plan
from xnat_upload.request import StagedRequest
from xnat_upload.scan_types import scan_type_for
from xnat_upload.settings import TransferSettings
from xnat_upload.staging import refuse_equal_names


def prepare(
    staged: Sequence[StagedRequest], *, archive: Archive, settings: TransferSettings
) -> list[Plan | XnatUploadError]:
    """Plan each request, several at a time; nothing is written, and each session is read once.

    Returns
    -------
    list of Plan or XnatUploadError
        For each request its plan, or the error that says why there is none.
    """
    sessions = list(dict.fromkeys((each.destination.hub_project_id, each.destination.accession_id) for each in staged))

    def locate(session: tuple[str, str]) -> Accession | XnatUploadError:
        return _or_error(lambda: archive.locate(*session))

    def plan(request: StagedRequest) -> Plan | XnatUploadError:
        accession = accessions[request.destination.hub_project_id, request.destination.accession_id]
        if isinstance(accession, XnatUploadError):
            return accession
        return _or_error(lambda: _plan(request, accession, archive=archive, settings=settings))

    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="xnat-upload-plan") as pool:
        accessions = dict(zip(sessions, pool.map(locate, sessions), strict=True))
        return list(pool.map(plan, staged))


def plan_into(
    resource: Resource,
    files: Sequence[LocalFile],
    *,
    exist_ok: bool,
    scan_type: str | None,
    archive: Archive,
    settings: TransferSettings,
) -> Plan:
    """Plan files for a resource, which is listed if it was there when the session was read."""
    return decide(
        resource,
        files,
        listed=archive.listing(resource) if resource.was_there else {},
        exist_ok=exist_ok,
        scan_type=scan_type,
        settings=settings,
        server=archive.url(""),
    )


def together(staged: Sequence[StagedRequest]) -> list[StagedRequest]:
    """Join requests for one resource into one, because it can have one writer only.

    Raises
    ------
    InvalidIdentifierError
        Two of them bring one name, or want the resource treated in different ways.
    """
    joined: dict[object, StagedRequest] = {}
    for request in staged:
        first = joined.get(request.destination)
        if first is None:
            joined[request.destination] = request
            continue
        if (first.exist_ok, first.scan_type) != (request.exist_ok, request.scan_type):
            raise InvalidIdentifierError(
                f"Two requests for {request.destination} differ in exist_ok or scan_type. Give both the same."
            )
        files = (*first.files, *request.files)
        refuse_equal_names(files)
        joined[request.destination] = StagedRequest(request.destination, files, request.exist_ok, request.scan_type)
    return list(joined.values())


def _plan(request: StagedRequest, accession: Accession, *, archive: Archive, settings: TransferSettings) -> Plan:
    scan = Scan(accession, request.destination.scan_id)
    scan_type = None
    if scan.scan_id not in accession.scan_types:
        scan_type = request.scan_type or scan_type_for(accession.session_type)
    return plan_into(
        Resource(scan, request.destination.resource_id),
        request.files,
        exist_ok=request.exist_ok,
        scan_type=scan_type,
        archive=archive,
        settings=settings,
    )


_Result = TypeVar("_Result")


def _or_error(act: Callable[[], _Result]) -> _Result | XnatUploadError:
    try:
        return act()
    except XnatUploadError as error:
        return error
