"""The face: what a caller may ask for, each call a few steps put in order."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from xnat_upload.archive.client import Archive
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.opening import open_archive
from xnat_upload.async_calls import AsyncCalls
from xnat_upload.errors import InvalidIdentifierError, quoted
from xnat_upload.local.staging import Files
from xnat_upload.planning.request import request_of, takes_upload_arguments
from xnat_upload.report.progress import Listener
from xnat_upload.report.report import Report
from xnat_upload.settings import TransferSettings

if TYPE_CHECKING:
    import pyxnat
    from typing_extensions import Unpack

    from xnat_upload.planning.request import UploadArguments, UploadTexts


class Uploader(AsyncCalls):
    """Puts files into scans of one XNAT, and says what is stored only after the archive has listed it.

    Parameters
    ----------
    interface : pyxnat.Interface
        The caller's own, and left to the caller to close. No request is sent here.
    images_dir : path, optional
        Directory of all nets, for `net_id`.
    reason : str, optional
        Why the archive is changed, for sites that demand it; each call may say its own.
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
        reason: str | None = None,
        settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
    ) -> None:
        if not hasattr(interface, "_server"):
            raise InvalidIdentifierError(
                f"{quoted(interface)} is no pyxnat interface. With an address: Uploader.connect('https://…', user=…)."
            )
        archive = Archive(Connection(interface, settings=settings))
        super().__init__(archive, images_dir=images_dir, reason=reason)

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
        reason: str | None = None,
        settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
    ) -> Uploader:
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
        reason : str, optional
            Why the archive is changed, for sites that demand it; each call may say its own.
        settings : TransferSettings
            How much travels at once, and how patiently.

        Returns
        -------
        Uploader
            Logged in. As a context manager, or by ``close()``, it ends its session.

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
        archive = open_archive(server, user=user, password=password, headers=headers, verify=verify, settings=settings)
        uploader = cls.__new__(cls)
        AsyncCalls.__init__(uploader, archive, images_dir=images_dir, reason=reason)
        return uploader

    @overload
    def upload(
        self,
        files: Files,
        to: Any = None,
        *,
        progress: bool | Listener | None = None,
        **arguments: Unpack[UploadArguments],
    ) -> Report: ...
    @overload
    def upload(
        self,
        files: Files,
        to: Any = None,
        *,
        progress: bool | str | Listener | None = None,
        **arguments: Unpack[UploadTexts],
    ) -> Report: ...
    @takes_upload_arguments
    def upload(self, files: Files, to: Any = None, *, progress: Any = None, **arguments: Any) -> Report:
        """Put files into a resource of a scan; create the scan and the resource where they are missing.

        Running the same call again with ``exist_ok="same"`` finishes an upload that broke off: it sends what is
        missing, and replaces nothing.

        Parameters
        ----------
        files : path, iterable of path, or mapping of str to path, bytes or binary file object
            A directory stands for all files below it. A mapping gives each file its name in the resource; what it holds
            must be readable a second time, since a line may break.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID.
        scan_id : str, int or None, optional
            The scan, which is created if it is missing. None, said explicitly, means a resource of the session itself.
        resource_id : str, optional
            Label of the resource, such as ``SEG``; created if it is missing.
        to : Resource, Scan, Accession, Destination or pyxnat element, optional
            The place itself, in place of the words; with `resource_id`, and perhaps `scan_id`, where it is no resource.
        net_id : str, optional
            Files are relative to ``<images_dir>/<net_id>/upload``, and nothing leaves it.
        root : path, optional
            Files are relative to this directory, and nothing leaves it. Without `root` and `net_id` a named file is
            taken as it is, and a named directory is its own root.
        keep_paths : bool
            Names in the resource are paths relative to the root rather than base names.
        include : str or iterable of str, optional
            Of directories, only the files that match, by the rules of ``.gitignore``: ``"*.nii.gz"``.
        ignore : str or iterable of str
            Files of directories that are left out, by the same rules; by default what tools leave beside the data, such
            as ``.git/`` and ``.DS_Store``. ``()`` takes all.
        exist_ok : bool or "same"
            False refuses names that are there already; ``"same"`` skips those of the same bytes and refuses others;
            True skips those of the same bytes and replaces others.
        scan_type : str, optional
            Data type of the scan if it has to be created, such as ``xnat:segScanData``; else the one that fits the
            session.
        reason : str, optional
            Why the archive is changed, for sites that demand it (XNAT's ``event_reason``); else that of
            `Uploader.connect`.
        resource_format, resource_content : str, optional
            XNAT's ``format`` and ``content`` of the resource if it has to be created.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values. By default a bar is shown only where a
            person is looking.

        Returns
        -------
        Report
            With every file stored, skipped, or unproven.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError, ChangedFileError
            All that is wrong with the place or with the local files; nothing was sent.
        NotFoundError, PermissionDeniedError, AuthenticationError, ServerError, ServerUnavailableError
            The archive could not be asked or refused; nothing was stored.
        AlreadyExistsError
            Names that are in the resource already and may not be replaced: all in ``names``, and nothing was sent.
        IncompleteUploadError
            Some files are not stored; ``report`` says which.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from xnat_upload import Uploader
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as xnat, tempfile.TemporaryDirectory() as folder:
        ...     _ = xnat.add_project("P1", secondary_id="hub-1")
        ...     _ = xnat.add_session("P1", "FAK09131796", xsi_type="xnat:ctSessionData")
        ...     segmentation = pathlib.Path(folder, "seg.nii.gz")
        ...     _ = segmentation.write_bytes(b"a segmentation")
        ...     with Uploader.connect(xnat.url, user=xnat.user, password=xnat.password) as uploader:
        ...         report = uploader.upload(segmentation, hub_project_id="hub-1", accession_id="FAK09131796",
        ...             scan_id=4, resource_id="SEG")
        >>> report.files[0].status.value
        'stored'
        """
        return self._upload(request_of(files, to, arguments, call="upload"), progress=progress, stop=threading.Event())
