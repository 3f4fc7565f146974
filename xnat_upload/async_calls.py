"""The same upload for who must not block an event loop."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from xnat_upload.local.staging import Files
from xnat_upload.planned_calls import PlannedCalls
from xnat_upload.planning.request import request_of, takes_upload_arguments
from xnat_upload.report.progress import Listener
from xnat_upload.report.report import Report
from xnat_upload.steps import in_thread

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xnat_upload.planning.request import UploadArguments, UploadTexts

_Self = TypeVar("_Self", bound="AsyncCalls")


class AsyncCalls(PlannedCalls):
    """An upload that is awaited, and an uploader that an ``async with`` closes."""

    @overload
    async def upload_async(
        self,
        files: Files,
        to: Any = None,
        *,
        progress: bool | Listener | None = None,
        **arguments: Unpack[UploadArguments],
    ) -> Report: ...
    @overload
    async def upload_async(
        self,
        files: Files,
        to: Any = None,
        *,
        progress: bool | str | Listener | None = None,
        **arguments: Unpack[UploadTexts],
    ) -> Report: ...
    @takes_upload_arguments
    async def upload_async(self, files: Files, to: Any = None, *, progress: Any = None, **arguments: Any) -> Report:
        """Do what `upload` does in a thread of its own: the event loop is never blocked.

        A task that is cancelled stops the upload; what had been sent stays, and the next call finds it.

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
        asyncio.CancelledError
            The task was cancelled.
        """
        request = request_of(files, to, arguments, call="upload_async")
        stop = threading.Event()
        try:
            return await in_thread(partial(self._upload, request, progress=progress, stop=stop))
        except asyncio.CancelledError:
            stop.set()
            raise

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await in_thread(self.close)
