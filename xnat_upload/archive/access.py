"""Open an archive, and find or make single places in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from xnat_upload.archive.client import Archive
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.locks import Locks
from xnat_upload.archive.opening import open_archive
from xnat_upload.archive.readiness import Readiness, find_out
from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.errors import AlreadyExistsError
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import check_file_name
from xnat_upload.places.scan_types import check_scan_type, scan_type_for
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat
    from typing_extensions import Self


class ArchiveAccess:
    """One login to one XNAT: places are found and made here; `Uploader` puts files into them."""

    def __init__(
        self,
        interface: pyxnat.Interface,
        *,
        images_dir: str | os.PathLike[str] | None = None,
        settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
    ) -> None:
        self._setup(Archive(Connection(interface, settings=settings)), images_dir=images_dir)

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
    ) -> Self:
        """Log in, at once, and own the connection; never asks a question.

        Parameters
        ----------
        server : str, optional
            ``https://host`` or ``https://host:port/path``; else ``XNAT_HOST``.
        user, password : str, optional
            Else ``XNAT_USER`` and ``XNAT_PASS``; else ``~/.netrc``. An alias token serves as well.
        headers : mapping, optional
            An existing session, ``{"Cookie": "JSESSIONID=…"}``, or login, ``{"Authorization": "…"}``. They go before
            all others.
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
            No server, an address that is none, or a `verify` that names no file.
        ServerError, ServerUnavailableError
            What answers is no XNAT, or nothing answers.

        Examples
        --------
        >>> from xnat_upload import Uploader
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as xnat, Uploader.connect(xnat.url, user=xnat.user, password=xnat.password) as uploader:
        ...     uploader.user
        'admin'
        """
        uploader = cls.__new__(cls)
        archive = open_archive(server, user=user, password=password, headers=headers, verify=verify, settings=settings)
        uploader._setup(archive, images_dir=images_dir)
        return uploader

    def _setup(self, archive: Archive, *, images_dir: str | os.PathLike[str] | None) -> None:
        self.settings = archive.connection.settings
        self.images_dir = None if images_dir is None else Path(images_dir)
        self._archive = archive
        self._locks = Locks()

    @property
    def server(self) -> str:
        """The archive's address."""
        return self._archive.connection.server

    @property
    def user(self) -> str:
        """The name under which the archive knows this login."""
        return self._archive.connection.login()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server!r})"

    def _repr_html_(self) -> str:
        user, settings = self._archive.connection.known_user, self.settings
        return html.box(
            html.heading(
                "Uploader", html.GOOD if user else html.NEUTRAL, f"logged in as {user}" if user else "not logged in yet"
            ),
            html.line(html.link(self.server, self.server)),
            html.line(f"Nets lie in {html.text(self.images_dir)}.") if self.images_dir else "",
            html.line(
                f"{settings.workers} resources at a time; at most {settings.batch_files} files or "
                f"{readable_bytes(settings.batch_bytes)} in a request."
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session that was opened here, and close its connections; a caller's interface stays open."""
        self._archive.connection.close()

    def locate(self, hub_project_id: str, accession_id: str) -> Accession:
        """Find a session by the hub's project ID and its accession ID.

        Raises
        ------
        NotFoundError
            There is none, or this user may not see it.
        """
        return self._archive.locate(hub_project_id, accession_id)

    def check(self, hub_project_id: str | None = None, accession_id: str | None = None) -> Readiness:
        """Find out by reading alone what would stop an upload into a project, or into one session of it.

        Raises
        ------
        XnatUploadError
            The login is not accepted, or the archive does not answer.
        """
        return find_out(self._archive, user=self.user, hub_project_id=hub_project_id, accession_id=accession_id)

    def create_scan(self, accession: Accession, scan_id: str, *, scan_type: str | None = None) -> Scan:
        """Create a scan unless it exists; an existing one is not touched.

        Raises
        ------
        InvalidIdentifierError
            An ID or type that cannot be one, or a PET/MR session and no `scan_type`.
        PermissionDeniedError
            The user may not edit the project.
        """
        scan = Scan(accession, scan_id)
        if scan_id not in accession.scan_types:
            scan_type = check_scan_type(scan_type) if scan_type else scan_type_for(accession.session_type)
            with self._locks.hold(accession):
                self._archive.create_scan(scan, scan_type=scan_type)
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
        with self._locks.hold(scan.accession):
            created = self._archive.create_resource(resource)
        if not created:
            raise AlreadyExistsError(
                f"Scan {scan.scan_id} has a resource {resource_id!r} already. Upload into it, or choose another label.",
                names=(resource_id,),
                status=409,
                url=self._archive.url(str(resource)),
            )
        return resource

    def file_exists(self, resource: Resource, name: str | os.PathLike[str]) -> bool:
        """Say whether the archive lists a file of this name; False, too, if there is no such resource.

        Raises
        ------
        NotFoundError
            The scan does not exist.
        """
        name = check_file_name(os.fspath(name))
        self._archive.check_scan(resource.scan)
        return name in self._archive.listing(resource)

    def select(self, place: Accession | Scan) -> Any:
        """Give pyxnat's element for a place, for what this package does not do; costs no request."""
        accession = place if isinstance(place, Accession) else place.accession
        element = (
            self._archive.connection.interface.select.project(accession.project_id)
            .subject(accession.subject_id)
            .experiment(accession.experiment_id)
        )
        return element if isinstance(place, Accession) else element.scan(place.scan_id)
