"""The clients: how each connects, and how each uploads the files of some folders in the way that its manual shows.

Each gives, from its context manager, a function that uploads; so what is imported and connected beforehand is not
measured. The imports stand inside, because each client runs in a process that has loaded no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCAN_ID = "4"
RESOURCE_ID = "IMAGES"


@dataclass(frozen=True)
class Destination:
    """A resource that does not exist yet, of a scan that does."""

    project_id: str
    hub_project_id: str
    subject_label: str
    accession_id: str
    experiment_id: str
    resource_path: str


Job = tuple[Path, Destination]
Upload = Callable[[Sequence[Job]], None]
Client = Callable[[str, str, str], AbstractContextManager[Upload]]


def xnat_upload(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    return _xnat_upload(server, user, password, compression="auto")


def xnat_upload_as_they_are(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    return _xnat_upload(server, user, password, compression="never")


@contextmanager
def _xnat_upload(server: str, user: str, password: str, *, compression: Any) -> Iterator[Upload]:
    from xnat_upload import TransferSettings, Uploader, UploadRequest

    def upload(jobs: Sequence[Job]) -> None:
        uploader.upload_many(
            [
                UploadRequest(
                    files=sorted(path.name for path in folder.iterdir()),
                    root=folder,
                    hub_project_id=destination.hub_project_id,
                    accession_id=destination.accession_id,
                    scan_id=SCAN_ID,
                    resource_id=RESOURCE_ID,
                )
                for folder, destination in jobs
            ],
            progress=False,
        )

    settings = TransferSettings(compression=compression)
    with Uploader.connect(server, user=user, password=password, settings=settings) as uploader:
        yield upload


@contextmanager
def _pyxnat(server: str, user: str, password: str, put: Callable[[Any, Path], None]) -> Iterator[Upload]:
    import pyxnat

    def upload(jobs: Sequence[Job]) -> None:
        for folder, to in jobs:
            session = interface.select.project(to.project_id).subject(to.subject_label).experiment(to.accession_id)
            put(session.scan(SCAN_ID).resource(RESOURCE_ID), folder)

    with pyxnat.Interface(server, user=user, password=password) as interface:
        interface.get("/data/auth")  # it makes no request of its own accord before it is used
        yield upload


def pyxnat_file_put(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    def put(resource: Any, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            resource.file(path.name).put(str(path))

    return _pyxnat(server, user, password, put)


def pyxnat_resource_put(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    def put(resource: Any, folder: Path) -> None:
        resource.put([str(path) for path in sorted(folder.iterdir())])

    return _pyxnat(server, user, password, put)


@contextmanager
def _xnatpy(server: str, user: str, password: str, **options: str) -> Iterator[Upload]:
    import xnat

    def upload(jobs: Sequence[Job]) -> None:
        for folder, to in jobs:
            experiment = session.projects[to.project_id].experiments[to.accession_id]
            resource = experiment.scans[SCAN_ID].create_resource(RESOURCE_ID)
            resource.upload_dir(folder, **options)

    with xnat.connect(server, user=user, password=password) as session:
        yield upload


def xnatpy_upload_dir(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    return _xnatpy(server, user, password)


def xnatpy_per_file(server: str, user: str, password: str) -> AbstractContextManager[Upload]:
    return _xnatpy(server, user, password, method="per_file")


@contextmanager
def xnatctl_upload_directory(server: str, user: str, password: str) -> Iterator[Upload]:
    from xnatctl.core.client import XNATClient

    def upload(jobs: Sequence[Job]) -> None:
        for folder, to in jobs:
            where = {"session_id": to.experiment_id, "scan_id": SCAN_ID}
            client.resources.create(resource_label=RESOURCE_ID, **where)
            client.resources.upload_directory(resource_label=RESOURCE_ID, directory_path=folder, **where)

    client = XNATClient(base_url=server, username=user, password=password)
    client.authenticate()
    try:
        yield upload
    finally:
        client.invalidate_session()
        client.close()


@contextmanager
def xnat_upload_shared(server: str, user: str, password: str) -> Iterator[Upload]:
    from xnat_upload import Uploader

    def upload(jobs: Sequence[Job]) -> None:
        for job in jobs:
            _upload_one(uploader, job)

    with Uploader.connect(server, user=user, password=password) as uploader:
        yield upload


@contextmanager
def xnat_upload_for_each(server: str, user: str, password: str) -> Iterator[Upload]:
    from xnat_upload import Uploader

    def upload(jobs: Sequence[Job]) -> None:
        for job in jobs:
            with Uploader.connect(server, user=user, password=password) as uploader:
                _upload_one(uploader, job)

    with Uploader.connect(server, user=user, password=password):
        pass  # what is imported then is not the price of a call
    yield upload


def _upload_one(uploader: Any, job: Job) -> None:
    folder, to = job
    place = {"hub_project_id": to.hub_project_id, "accession_id": to.accession_id}
    uploader.upload(folder, **place, scan_id=SCAN_ID, resource_id=RESOURCE_ID, progress=False)


OURS = "xnat_upload"
AS_THEY_ARE = "… compression='never'"
SERVICES = ("… one uploader for all calls", "… an uploader for each call")
CLIENTS: dict[str, Client] = {
    OURS: xnat_upload,
    "xnatctl upload_directory": xnatctl_upload_directory,
    "xnatpy upload_dir": xnatpy_upload_dir,
    "xnatpy upload_dir per_file": xnatpy_per_file,
    "pyxnat Resource.put": pyxnat_resource_put,
    "pyxnat File.put loop": pyxnat_file_put,
}
PEERS = tuple(CLIENTS)
CLIENTS |= {
    AS_THEY_ARE: xnat_upload_as_they_are,
    SERVICES[0]: xnat_upload_shared,
    SERVICES[1]: xnat_upload_for_each,
}
