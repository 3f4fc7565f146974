"""Calls that make or fill one place: a scan, a resource, a file."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xnat_upload.archive.targets import resolve, resource_in, target_of
from xnat_upload.errors import AlreadyExistsError, InvalidIdentifierError, MissingFileError, quoted
from xnat_upload.local.staging import Source, stage
from xnat_upload.places.hierarchy import Resource, Scan
from xnat_upload.places.scan_types import scan_type_for
from xnat_upload.planning.plan import Plan, names_taken
from xnat_upload.planning.request import StagedRequest
from xnat_upload.planning.treatment import ExistOk, Treatment
from xnat_upload.reading_calls import ReadingCalls, place_and
from xnat_upload.report.outcome import ResourceResult
from xnat_upload.report.progress import Listener
from xnat_upload.report.raising import conclude
from xnat_upload.report.report import Report
from xnat_upload.steps import carry_out, plan_into
from xnat_upload.transfer.interruption import noted

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xnat_upload.planning.request import ResourceWords, ScanWords, SessionWords


class WritingCalls(ReadingCalls):
    """What is made in an archive, one place at a time."""

    def create_scan(
        self,
        to: Any = None,
        scan_id: str | int | None = None,
        *,
        scan_type: str | None = None,
        reason: str | None = None,
        **where: Unpack[SessionWords],
    ) -> Scan:
        """Create a scan unless it exists; an existing one is not touched.

        Parameters
        ----------
        to : Accession, Scan or pyxnat element, optional
            The session, with `scan_id`, or the scan itself; in place of words.
        scan_id : str or int, optional
            The scan.
        scan_type : str, optional
            Its data type, such as ``xnat:segScanData``; else the one that fits the session.
        reason : str, optional
            Why the archive is changed, for sites that demand it (XNAT's ``event_reason``); else that of
            `Uploader.connect`.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID.

        Returns
        -------
        Scan
            The scan, new or not.

        Raises
        ------
        InvalidIdentifierError
            An ID or type that cannot be one, or a PET/MR session and no `scan_type`.
        NotFoundError
            There is no such session.
        PermissionDeniedError
            The user may not edit the project.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        """
        treatment = Treatment(scan_type=scan_type, reason=self._reason(reason))
        target = target_of(to, scan_id=scan_id, **where, server=self.server, wants=Scan)
        accession = resolve(target, archive=self._archive)
        scan = Scan(accession, target.scan_id or "")
        if scan.scan_id not in accession.scan_types:
            data_type = treatment.scan_type or scan_type_for(accession.session_type)
            with self._locks.hold(accession):
                self._archive.create_scan(scan, scan_type=data_type, reason=treatment.reason)
        return scan

    def create_resource(
        self,
        to: Any = None,
        resource_id: str | int | None = None,
        *,
        resource_format: str | None = None,
        resource_content: str | None = None,
        reason: str | None = None,
        **where: Unpack[ScanWords],
    ) -> Resource:
        """Create a resource of a scan, or of a session itself.

        Parameters
        ----------
        to : Scan, Accession, Resource, Destination or pyxnat element, optional
            What it belongs to, with `resource_id`, or the resource itself; in place of words.
        resource_id : str, optional
            Its label, such as ``SEG``.
        resource_format, resource_content : str, optional
            XNAT's ``format`` and ``content`` of it.
        reason : str, optional
            Why the archive is changed, for sites that demand it (XNAT's ``event_reason``); else that of
            `Uploader.connect`.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID.
        scan_id : str, int or None, optional
            The scan. None, said explicitly, means a resource of the session itself.

        Returns
        -------
        Resource
            The new resource.

        Raises
        ------
        InvalidIdentifierError
            An ID or label that cannot be one.
        AlreadyExistsError
            There is one of that label.
        NotFoundError
            The session or the scan does not exist.
        PermissionDeniedError
            The user may not edit the project.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        """
        treatment = Treatment(
            reason=self._reason(reason), resource_format=resource_format, resource_content=resource_content
        )
        target = target_of(to, resource_id=resource_id, **where, server=self.server, wants=Resource)
        resource = resource_in(resolve(target, archive=self._archive), target)
        with self._locks.hold(resource.accession):
            created = self._archive.create_resource(
                resource,
                reason=treatment.reason,
                resource_format=treatment.resource_format,
                resource_content=treatment.resource_content,
            )
        if not created:
            raise AlreadyExistsError(
                f"{resource.destination.scan_words.capitalize()} has a resource {resource.label!r} already. Upload "
                "into it, or choose another label.",
                names=(resource.label,),
                status=409,
                url=self._archive.url(str(resource)),
            )
        return resource

    def upload_file(
        self,
        *place_and_path: Any,
        to: Any = None,
        path: Source | None = None,
        name: str | None = None,
        exist_ok: ExistOk = False,
        reason: str | None = None,
        **where: Unpack[ResourceWords],
    ) -> str:
        """Put one file into a resource and return the address that serves it.

        Parameters
        ----------
        *place_and_path : Resource, Destination, pyxnat element, path, bytes or binary file object
            The resource and the file, or the file alone.
        to : Resource, Destination or pyxnat element, optional
            The resource, by keyword.
        path : path, bytes or binary file object, optional
            The file, by keyword.
        name : str, optional
            Its name in the resource; else that of the path. What has no path needs one.
        exist_ok : bool or "same"
            False refuses a name that is there already; ``"same"`` skips a file of the same bytes and refuses another;
            True skips one of the same bytes and replaces another.
        reason : str, optional
            Why the archive is changed, for sites that demand it (XNAT's ``event_reason``); else that of
            `Uploader.connect`.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID.
        scan_id : str, int or None, optional
            The scan. None, said explicitly, means a resource of the session itself.
        resource_id : str, optional
            Label of the resource, such as ``SEG``.

        Returns
        -------
        str
            The absolute address that serves the file.

        Raises
        ------
        InvalidIdentifierError, UnsafePathError
            A place or name that cannot be one, or a path that is no regular file.
        MissingFileError
            There is no such file, or it is a directory.
        ChangedFileError
            The file was written to while it was sent.
        NotFoundError
            The session or the scan does not exist.
        AlreadyExistsError
            A file of that name is there already and may not be replaced; nothing was sent.
        PermissionDeniedError
            The user may not edit the project.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        IncompleteUploadError
            The file is not stored; ``report`` says why.
        UploadInterrupted
            Ctrl-C; ``report`` says whether it is stored.
        """
        to, path = place_and(place_and_path, to=to, other=path, call="upload_file", what="path")
        if isinstance(path, (str, os.PathLike)) and os.path.isdir(path):  # noqa: PTH112  raises for what is too long
            raise MissingFileError(f"{quoted(path)} is a directory, and upload_file takes one file. Use upload.")
        if name is not None:
            staged = stage({name: path})
        elif isinstance(path, (str, os.PathLike)):
            staged = stage(path)
        else:
            raise InvalidIdentifierError("Bytes and file objects have no name: give name='seg.nii.gz'.")
        target, resource = self._resource(to, **where)
        self._archive.check_parent(resource)
        treatment = Treatment(exist_ok=exist_ok, reason=self._reason(reason))
        request = StagedRequest(target, staged.files, treatment)
        plan = plan_into(resource, request, archive=self._archive, settings=self.settings)
        return self._run([plan], progress=False, stop=threading.Event()).urls[0]

    def _reason(self, reason: str | None) -> str | None:
        return self.reason if reason is None else reason

    def _run(self, plans: Sequence[Plan], *, progress: bool | Listener | None, stop: threading.Event) -> Report:
        if len(plans) == 1 and plans[0].refused:
            raise names_taken(plans[0])
        started = time.monotonic()
        with noted(stop):
            results = self._carry_out(plans, progress=progress, stop=stop)
            return conclude(
                results,
                seconds=time.monotonic() - started,
                interrupted=stop.is_set(),
                left_out=[each for plan in plans for each in plan.left_out],
                several=len(plans) > 1,
            )

    def _carry_out(
        self,
        plans: Sequence[Plan],
        *,
        progress: bool | Listener | None,
        stop: threading.Event,
        failed_before: int = 0,
    ) -> list[ResourceResult]:
        return carry_out(
            plans,
            archive=self._archive,
            locks=self._locks,
            settings=self.settings,
            progress=progress,
            stop=stop,
            failed_before=failed_before,
        )
