"""The steps put in order: stage, plan, transfer, verify, report."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from xnat_upload.archive import Archive
from xnat_upload.conclusion import conclude, names_taken, not_planned
from xnat_upload.connection import Connection
from xnat_upload.credentials import find_credentials, login_headers, open_interface
from xnat_upload.errors import AlreadyExistsError, XnatUploadError
from xnat_upload.execution import carry_out
from xnat_upload.identifiers import Accession, Resource, Scan, check_file_name
from xnat_upload.plan import Plan
from xnat_upload.preparation import plan_into, prepare, together
from xnat_upload.progress import Listener
from xnat_upload.report import Report
from xnat_upload.request import PathOrPaths, UploadRequest, stage_request
from xnat_upload.scan_types import scan_type_for
from xnat_upload.settings import TransferSettings
from xnat_upload.staging import stage
from xnat_upload.transfer import ResourceResult

if TYPE_CHECKING:
    import pyxnat
    from typing_extensions import Unpack

    from xnat_upload.request import UploadArguments


class Uploader:
    """Puts files into scans of one XNAT, and says what is stored only after the archive has listed it.

    Parameters
    ----------
    interface : pyxnat.Interface
        The caller's own, and left to the caller to close. No request is sent here.
    images_dir : path, optional
        Directory of all nets, for `net_id`.
    settings : TransferSettings
        How much travels at once, and how patiently.

    See Also
    --------
    Uploader.connect : log in and own the connection.

    Notes
    -----
    One uploader may be used by several threads. It keeps the list of projects, and nothing else of the archive.
    """

    def __init__(
        self,
        interface: pyxnat.Interface,
        *,
        images_dir: str | os.PathLike[str] | None = None,
        settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
    ) -> None:
        self._setup(interface, images_dir=images_dir, settings=settings, headers={})

    @classmethod
    def connect(
        cls,
        server: str | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str | os.PathLike[str] = True,
        images_dir: str | os.PathLike[str] | None = None,
        settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
    ) -> Uploader:
        """Log in, at once, and own the connection; never asks a question.

        Parameters
        ----------
        server : str, optional
            ``https://host`` or ``https://host:port/path``; else ``XNAT_HOST``.
        user, password : str, optional
            Else `headers`; else ``XNAT_USER`` and ``XNAT_PASS``; else ``~/.netrc``. An alias token serves as well.
        headers : mapping, optional
            An existing session, ``{"Cookie": "JSESSIONID=…"}``, or login, ``{"Authorization": "…"}``.
        verify : bool or path
            Path of a bundle of certificate authorities, where the system's do not know the server's.
        images_dir : path, optional
            Directory of all nets, for `net_id`.
        settings : TransferSettings
            How much travels at once, and how patiently.

        Raises
        ------
        AuthenticationError
            No credentials, or the archive does not accept them.
        InvalidIdentifierError
            No server, or an address that is none.
        ServerError, ServerUnavailableError
            What answers is no XNAT, or nothing answers.

        Examples
        --------
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as xnat, Uploader.connect(xnat.url, user=xnat.user, password=xnat.password) as uploader:
        ...     uploader.user
        'admin'
        """
        credentials = find_credentials(server, user=user, password=password, headers=headers)
        uploader = cls.__new__(cls)
        interface = open_interface(credentials, verify=verify)
        uploader._setup(interface, images_dir=images_dir, settings=settings, headers=login_headers(credentials))
        try:
            uploader._connection.login()
        except BaseException:
            uploader.close()
            raise
        return uploader

    def _setup(
        self,
        interface: pyxnat.Interface,
        *,
        images_dir: str | os.PathLike[str] | None,
        settings: TransferSettings,
        headers: Mapping[str, str],
    ) -> None:
        self.settings = settings
        self.images_dir = None if images_dir is None else Path(images_dir)
        self._interface = interface
        self._connection = Connection(interface, settings=settings, headers=headers)
        self._archive = Archive(self._connection)

    @property
    def server(self) -> str:
        """The archive's address."""
        return self._connection.server

    @property
    def user(self) -> str:
        """The name under which the archive knows this login."""
        return self._connection.login()

    def __repr__(self) -> str:
        return f"Uploader({self.server!r})"

    def __enter__(self) -> Uploader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session that was opened here, and close its connections; a caller's interface stays open."""
        self._connection.close()

    def upload(
        self,
        files: PathOrPaths,
        *,
        hub_project_id: str,
        accession_id: str,
        scan_id: str,
        resource_id: str,
        net_id: str | None = None,
        root: str | os.PathLike[str] | None = None,
        exist_ok: bool = False,
        keep_paths: bool = False,
        scan_type: str | None = None,
        progress: bool | Listener | None = None,
    ) -> Report:
        """Put files into a resource of a scan; create the scan and the resource where they are missing.

        Running the same call again with ``exist_ok=True`` is how an interrupted upload is resumed: it sends what is
        missing.

        Parameters
        ----------
        files, hub_project_id, accession_id, scan_id, resource_id, net_id, root, exist_ok, keep_paths, scan_type
            As in `UploadRequest`.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values. By default a bar is shown only where a
            person is looking.

        Returns
        -------
        Report
            With every file stored, skipped, or unproven.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError
            A fault of the call or of the local files; nothing was sent.
        NotFoundError, PermissionDeniedError, AuthenticationError, ServerError, ServerUnavailableError
            The archive could not be asked or refused; nothing was stored.
        AlreadyExistsError
            With ``exist_ok=False``, names that are in the resource already: all in ``names``, and nothing was sent.
        IncompleteUploadError
            Some files are not stored; ``report`` says which.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as xnat, tempfile.TemporaryDirectory() as folder:
        ...     _ = xnat.add_project("P1", secondary_id="hub-1")
        ...     _ = xnat.add_session("P1", "FAK09131796", xsi_type="xnat:ctSessionData")
        ...     _ = pathlib.Path(folder, "seg.nii.gz").write_bytes(b"a segmentation")
        ...     with Uploader.connect(xnat.url, user=xnat.user, password=xnat.password) as uploader:
        ...         report = uploader.upload("seg.nii.gz", root=folder, hub_project_id="hub-1",
        ...             accession_id="FAK09131796", scan_id="4", resource_id="SEG")
        >>> report.files[0].status.value
        'stored'
        """
        request = UploadRequest(
            files=files,
            hub_project_id=hub_project_id,
            accession_id=accession_id,
            scan_id=scan_id,
            resource_id=resource_id,
            net_id=net_id,
            root=root,
            exist_ok=exist_ok,
            keep_paths=keep_paths,
            scan_type=scan_type,
        )
        return self._upload(request, progress=progress, stop=threading.Event())

    async def upload_async(
        self, files: PathOrPaths, *, progress: bool | Listener | None = None, **arguments: Unpack[UploadArguments]
    ) -> Report:
        """Do what `upload` does, with the same arguments, in a thread: the event loop is never blocked.

        A task that is cancelled stops the upload; what had been sent stays, and the next call finds it.
        """
        request = UploadRequest(files=files, **arguments)
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._upload, request, progress=progress, stop=stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def upload_many(self, requests: Iterable[UploadRequest], *, progress: bool | Listener | None = None) -> Report:
        """Do many uploads, resources in parallel, one writer in each; a failing one stops no other.

        Parameters
        ----------
        requests : iterable of UploadRequest
            Their local faults are found before anything is sent. Requests for one resource are joined.
        progress : bool or callable, optional
            As in `upload`, over all of them.

        Returns
        -------
        Report
            Of all files, in the order of the requests.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError
            A fault of a request or of local files; nothing was sent.
        IncompleteUploadError
            Some files are not stored; ``report`` says which, and why.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.
        """
        staged = together([stage_request(request, images_dir=self.images_dir) for request in requests])
        plans = prepare(staged, archive=self._archive, settings=self.settings)
        started = time.monotonic()
        stop = threading.Event()
        results = self._carry_out([plan for plan in plans if isinstance(plan, Plan)], progress=progress, stop=stop)
        sent = iter(results)
        return conclude(
            [
                not_planned(request, plan) if isinstance(plan, XnatUploadError) else next(sent)
                for request, plan in zip(staged, plans, strict=True)
            ],
            seconds=time.monotonic() - started,
            interrupted=stop.is_set(),
        )

    def plan(self, files: PathOrPaths, **arguments: Unpack[UploadArguments]) -> Plan:
        """Say what `upload` with the same arguments would do, without writing; `run` does it.

        Raises
        ------
        XnatUploadError
            As `upload`, but for names that are there already: the plan has them in ``refused``.
        """
        return self._plan(UploadRequest(files=files, **arguments))

    def run(self, *plans: Plan, progress: bool | Listener | None = None) -> Report:
        """Do what plans say, for different resources, in parallel.

        Raises
        ------
        XnatUploadError
            As `upload`; with more than one plan, as `upload_many`.
        """
        return self._run(plans, progress=progress, stop=threading.Event())

    def locate(self, hub_project_id: str, accession_id: str) -> Accession:
        """Find a session by the hub's project ID and its accession ID.

        Raises
        ------
        NotFoundError
            There is none, or this user may not see it.
        """
        return self._archive.locate(hub_project_id, accession_id)

    def create_scan(self, accession: Accession, scan_id: str, *, scan_type: str | None = None) -> Scan:
        """Create a scan unless it exists; an existing one is not touched.

        Raises
        ------
        InvalidIdentifierError
            An ID that cannot be one, or a PET/MR session and no `scan_type`.
        PermissionDeniedError
            The user may not edit the project.
        """
        scan = Scan(accession, scan_id)
        if scan_id not in accession.scan_types:
            self._archive.create_scan(scan, scan_type=scan_type or scan_type_for(accession.session_type))
        return scan

    def create_resource(self, scan: Scan, resource_id: str) -> Resource:
        """Create a resource.

        Raises
        ------
        AlreadyExistsError
            There is one of that label.
        NotFoundError
            The scan does not exist.
        PermissionDeniedError
            The user may not edit the project.
        """
        resource = Resource(scan, resource_id)
        if not self._archive.create_resource(resource):
            raise AlreadyExistsError(
                f"Scan {scan.scan_id} has a resource {resource_id!r} already. Upload into it, or choose another label.",
                names=(resource_id,),
                status=409,
                url=self._archive.url(str(resource)),
            )
        return resource

    def file_exists(self, resource: Resource, name: str) -> bool:
        """Say whether the archive lists a file of this name; False, too, if there is no such resource.

        Raises
        ------
        NotFoundError
            The scan does not exist.
        """
        check_file_name(name)
        self._archive.check_scan(resource.scan)
        return name in self._archive.listing(resource)

    def upload_file(self, resource: Resource, path: str | os.PathLike[str], *, exist_ok: bool = False) -> str:
        """Put one file into a resource and return the address that serves it.

        Raises
        ------
        XnatUploadError
            As `upload`.
        """
        files = stage([Path(path).name], root=Path(path).parent)
        self._archive.check_scan(resource.scan)
        plan = plan_into(
            resource, files, exist_ok=exist_ok, scan_type=None, archive=self._archive, settings=self.settings
        )
        return self.run(plan, progress=False).urls[0]

    def select(self, place: Accession | Scan) -> Any:
        """Give pyxnat's element for a place, for what this package does not do; costs no request."""
        accession = place if isinstance(place, Accession) else place.accession
        element = (
            self._interface.select.project(accession.project_id)
            .subject(accession.subject_id)
            .experiment(accession.experiment_id)
        )
        return element if isinstance(place, Accession) else element.scan(place.scan_id)

    def _upload(self, request: UploadRequest, *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        return self._run([self._plan(request)], progress=progress, stop=stop)

    def _plan(self, request: UploadRequest) -> Plan:
        staged = stage_request(request, images_dir=self.images_dir)
        (plan,) = prepare([staged], archive=self._archive, settings=self.settings)
        if isinstance(plan, XnatUploadError):
            raise plan
        return plan

    def _run(self, plans: Sequence[Plan], *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        if len(plans) == 1 and plans[0].refused:
            raise names_taken(plans[0])
        started = time.monotonic()
        results = self._carry_out(plans, progress=progress, stop=stop)
        return conclude(results, seconds=time.monotonic() - started, interrupted=stop.is_set())

    def _carry_out(
        self, plans: Sequence[Plan], *, progress: bool | Listener | None, stop: threading.Event
    ) -> list[ResourceResult]:
        return carry_out(plans, archive=self._archive, settings=self.settings, progress=progress, stop=stop)
