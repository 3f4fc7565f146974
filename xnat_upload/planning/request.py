"""What a caller wants uploaded, as a value, and as far as this machine alone can check it."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from xnat_upload.local.ignoring import DEFAULT_IGNORE, LeftOut, Patterns
from xnat_upload.local.source import AnyFile
from xnat_upload.local.staging import Files
from xnat_upload.places.target import NOT_GIVEN, NotGiven, Target
from xnat_upload.planning.treatment import ExistOk, Treatment

if TYPE_CHECKING:

    class SessionWords(TypedDict, total=False):
        """A session, in words."""

        hub_project_id: str | None
        project_id: str | None
        accession_id: str | int | None

    class ScanWords(SessionWords, total=False):
        """A scan, or None for the session itself, in words."""

        scan_id: str | int | NotGiven | None

    class ResourceWords(ScanWords, total=False):
        """A resource, in words."""

        resource_id: str | int | None

    class UploadArguments(ResourceWords, total=False):
        """The keyword arguments of `Uploader.upload`; `UploadRequest` explains them."""

        net_id: str | None
        root: str | os.PathLike[str] | None
        keep_paths: bool
        include: Patterns | None
        ignore: Patterns
        exist_ok: ExistOk
        scan_type: str | None
        reason: str | None
        resource_format: str | None
        resource_content: str | None

    class UploadTexts(ResourceWords, total=False):
        """The same for who unpacks a dict of texts, of which a type checker cannot tell which key is which."""

        net_id: str | None
        root: str | os.PathLike[str] | None
        keep_paths: bool | str
        include: Patterns | None
        ignore: Patterns
        exist_ok: bool | str
        scan_type: str | None
        reason: str | None
        resource_format: str | None
        resource_content: str | None


_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(frozen=True, kw_only=True)
class UploadRequest:
    """What `Uploader.upload` takes, as a value, for `Uploader.upload_many`.

    Where files go is said in exactly one way: by words (the first five parameters), or by `to`.

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
        Files are relative to this directory, and nothing leaves it. Without `root` and `net_id` a named file is taken
        as it is, and a named directory is its own root.
    keep_paths : bool
        Names in the resource are paths relative to the root rather than base names.
    include : str or iterable of str, optional
        Of directories, only the files that match, by the rules of ``.gitignore``: ``"*.nii.gz"``.
    ignore : str or iterable of str
        Files of directories that are left out, by the same rules; by default what tools leave beside the data, such as
        ``.git/`` and ``.DS_Store``. ``()`` takes all.
    exist_ok : bool or "same"
        False refuses names that are there already; ``"same"`` skips those of the same bytes and refuses others; True
        skips those of the same bytes and replaces others.
    scan_type : str, optional
        Data type of the scan if it has to be created, such as ``xnat:segScanData``; else the one that fits the session.
    reason : str, optional
        Why the archive is changed, for sites that demand it (XNAT's ``event_reason``); else that of `Uploader.connect`.
    resource_format, resource_content : str, optional
        XNAT's ``format`` and ``content`` of the resource if it has to be created.

    Examples
    --------
    >>> request = UploadRequest(files="/data/out/seg.nii.gz", hub_project_id="3fa85f64",
    ...                         accession_id="FAK09131796", scan_id=4, resource_id="SEG")
    >>> request.exist_ok
    False
    """

    files: Files
    hub_project_id: str | None = None
    project_id: str | None = None
    accession_id: str | int | None = None
    scan_id: str | int | NotGiven | None = NOT_GIVEN
    resource_id: str | int | None = None
    to: Any = None
    net_id: str | None = None
    root: str | os.PathLike[str] | None = None
    keep_paths: bool = False
    include: Patterns | None = None
    ignore: Patterns = DEFAULT_IGNORE
    exist_ok: ExistOk = False
    scan_type: str | None = None
    reason: str | None = None
    resource_format: str | None = None
    resource_content: str | None = None


def request_of(files: Files, to: Any, arguments: Mapping[str, Any], *, call: str) -> UploadRequest:
    """Make the request of a call's keyword arguments.

    Raises
    ------
    TypeError
        There is no such argument; the one that was probably meant is named.
    """
    known = inspect.signature(UploadRequest).parameters
    for name in arguments:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1) or [each for each in known if each.startswith(f"{name}_")]
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}.{meant}")
    return UploadRequest(files=files, to=to, **arguments)


@dataclass(frozen=True)
class StagedRequest:
    """A request without a local fault: where to, which files, and how."""

    target: Target
    files: tuple[AnyFile, ...]
    treatment: Treatment
    left_out: tuple[LeftOut, ...] = field(default=())


def takes_upload_arguments(function: _Function) -> _Function:
    """Show the fields of `UploadRequest` as a function's keywords, to help() and to a notebook's completion."""
    own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    known = {each.name for each in own}
    fields = [each for each in inspect.signature(UploadRequest).parameters.values() if each.name not in known]
    shown = inspect.Signature(
        [
            *(each for each in own if each.kind is not each.KEYWORD_ONLY),
            *fields,
            *(each for each in own if each.kind is each.KEYWORD_ONLY),
        ],
        return_annotation=inspect.signature(function).return_annotation,
    )
    function.__signature__ = shown  # type: ignore[attr-defined]
    return function
