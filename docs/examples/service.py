"""The upload side of an imaging platform: five functions for a caller who is logged in to XNAT with a browser."""

import asyncio
import os

from xnat_upload import Uploader


def as_caller(session_id: str) -> Uploader:
    """Log in as the caller, whose session stays open; XNAT_HOST says where."""
    return Uploader.connect(headers={"Cookie": f"JSESSIONID={session_id}"}, images_dir=os.environ["IMAGES_DIR"])


async def upload_data_to_xnat(session_id: str, net_id: str, files: list[str], **where: str) -> list[str]:
    """Store files of ``<IMAGES_DIR>/<net_id>/upload`` in a scan's resource; give the addresses that serve them."""
    async with await asyncio.to_thread(as_caller, session_id) as uploader:
        report = await uploader.upload_async(files, net_id=net_id, progress=False, **where)
    return report.urls


def create_xnat_scan(session_id: str, project_id: str, accession_id: str, scan_id: str) -> str:
    """Create a scan unless it is there; give its path."""
    with as_caller(session_id) as uploader:
        return str(uploader.create_scan(project_id=project_id, accession_id=accession_id, scan_id=scan_id))


def create_xnat_resource(session_id: str, **where: str) -> str:
    """Create a resource, or raise `AlreadyExistsError`; give its path."""
    with as_caller(session_id) as uploader:
        return str(uploader.create_resource(**where))


def check_file_exists_in_xnat(session_id: str, name: str, **where: str) -> bool:
    """Say whether a resource holds a file of this name."""
    with as_caller(session_id) as uploader:
        return uploader.file_exists(name, **where)


def upload_file_to_xnat(session_id: str, path: str, name: str, **where: str) -> str:
    """Store one file under another name, or raise `AlreadyExistsError`; give the address that serves it."""
    with as_caller(session_id) as uploader:
        return uploader.upload_file(path, name=name, **where)
