"""Calls that say what would be done, and that do what was said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, overload

from xnat_upload.errors import InvalidIdentifierError, XnatUploadError
from xnat_upload.local.staging import Files
from xnat_upload.many_calls import ManyCalls
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.request import UploadRequest, request_of, takes_upload_arguments
from xnat_upload.report.progress import Listener
from xnat_upload.report.report import Report
from xnat_upload.steps import prepare, stage_files, understand

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xnat_upload.planning.request import UploadArguments, UploadTexts


class PlannedCalls(ManyCalls):
    """An upload in two steps, of which the first reads only."""

    @overload
    def plan(self, files: Files, to: Any = None, **arguments: Unpack[UploadArguments]) -> Plan: ...
    @overload
    def plan(self, files: Files, to: Any = None, **arguments: Unpack[UploadTexts]) -> Plan: ...
    @takes_upload_arguments
    def plan(self, files: Files, to: Any = None, **arguments: Any) -> Plan:
        """Say what `upload` with the same arguments would do, without writing; `run` does it.

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

        Returns
        -------
        Plan
            What will be done with each file, and why. Names that are there already and may not be replaced are in
            ``refused``.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError, MissingFileError, ChangedFileError
            All that is wrong with the place or with the local files.
        NotFoundError, PermissionDeniedError, AuthenticationError, ServerError, ServerUnavailableError
            The archive could not be asked, or refused.
        """
        return self._plan(request_of(files, to, arguments, call="plan"))

    def run(self, *plans: Plan, progress: bool | Listener | None = None) -> Report:
        """Do what plans say, for different resources, in parallel.

        Parameters
        ----------
        *plans : Plan
            What `plan` has given, one after another.
        progress : bool or callable, optional
            True shows a bar, False none; a callable is given `Progress` values. By default a bar is shown only where a
            person is looking.

        Returns
        -------
        Report
            With every file stored, skipped, or unproven.

        Raises
        ------
        InvalidIdentifierError
            Something that is no plan.
        AlreadyExistsError
            A single plan has ``refused`` names; nothing was sent.
        AuthenticationError, PermissionDeniedError, NotFoundError, ServerError, ServerUnavailableError
            With a single plan: the archive refused or did not answer; nothing was stored.
        IncompleteUploadError
            Some files are not stored; ``report`` says which. With several plans, this is raised whatever kept them
            back.
        UploadInterrupted
            Ctrl-C; ``report`` says what is stored.
        """
        for plan in plans:
            if not isinstance(plan, Plan):
                raise InvalidIdentifierError(
                    f"run takes plans, as plan() makes them, one after another, and not a {type(plan).__name__}."
                )
        return self._run(plans, progress=progress, stop=threading.Event())

    def _upload(self, request: UploadRequest, *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        return self._run([self._plan(request)], progress=progress, stop=stop)

    def _plan(self, request: UploadRequest) -> Plan:
        target, treatment = understand(request, reason=self.reason, server=self.server)
        staged = stage_files(request, target, treatment, images_dir=self.images_dir)
        (plan,) = prepare([staged], archive=self._archive, settings=self.settings)
        if isinstance(plan, XnatUploadError):
            raise plan
        return plan
