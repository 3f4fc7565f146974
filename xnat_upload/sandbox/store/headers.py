"""What the DICOM files that are stored already say about their session and scans.

See XNAT 1.8.11: PullSessionDataFromHeaders, PullScanDataFromHeaders, FixScanTypes.  A session's own values stay and are
completed, unless `overwrite` asks for those of the headers; a scan's are replaced.
"""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.dicom import Instance, NotDicomError, describe_scan, describe_session, read_instance
from xnat_upload.sandbox.store.files import served_path
from xnat_upload.sandbox.store.records import Owner, Scan, Session


class NoHeadersError(Exception):
    """There are no DICOM files to read, or they are of another kind than their scan."""


def pull_session(archive: Archive, session: Session, *, overwrite: bool) -> None:
    """Read all files of all scans."""
    found = {scan.id: _instances(archive, scan) for scan in archive.scans_of(session)}
    everything = [one for instances in found.values() for one in instances]
    if not everything:
        raise NoHeadersError("Unable to locate DICOM or ECAT files")
    with archive.lock:
        for scan in archive.scans_of(session):
            if found.get(scan.id):
                _describe(archive, scan, found[scan.id])
        session = archive.sessions[session.id]
        read = describe_session(everything).fields
        fields = {**session.fields, **read} if overwrite else {**read, **session.fields}
        archive.save(replace(session, fields=fields))


def pull_scan(archive: Archive, scan: Scan) -> None:
    """Read all files of one scan."""
    instances = _instances(archive, scan)
    if not instances:
        raise NoHeadersError("Unable to locate DICOM or ECAT files")
    with archive.lock:
        _describe(archive, scan, instances)


def fix_scan_types(archive: Archive, session: Session) -> None:
    """Give scans without a type the one that their series is described by."""
    with archive.lock:
        for scan in archive.scans_of(session):
            if not scan.fields.get("type"):
                kind = scan.fields.get("series_description") or "Unknown"
                archive.save(replace(scan, fields={**scan.fields, "type": kind}))


def _describe(archive: Archive, scan: Scan, instances: list[Instance]) -> None:
    read = describe_scan(instances)
    if read.xsi_type != scan.xsi_type:
        raise NoHeadersError(f"Modification of scan modality ({scan.xsi_type} to {read.xsi_type}) not supported.")
    archive.save(replace(scan, fields={**scan.fields, **read.fields}))


def _instances(archive: Archive, scan: Scan) -> list[Instance]:
    found = []
    for resource in archive.resources_of(Owner("scans", scan.session_id, scan.id)):
        reach = archive.reach(resource)
        for entry in archive.catalogs.read(archive.catalog_path(resource)).entries.values():
            file = served_path(reach, entry)
            if file is not None:
                try:
                    found.append(read_instance(file, entry.name))
                except NotDicomError:
                    continue
    return found
