"""What a caller wants uploaded, checked as far as that is possible on this machine alone."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from xnat_upload.errors import UnsafePathError
from xnat_upload.local.file import LocalFile
from xnat_upload.local.staging import net_root, stage
from xnat_upload.places.hierarchy import Destination
from xnat_upload.places.scan_types import check_scan_type

if TYPE_CHECKING:
    from typing_extensions import Required

    class UploadArguments(TypedDict, total=False):
        """The keyword arguments of `Uploader.upload`, for the type checker; `UploadRequest` explains them."""

        hub_project_id: Required[str]
        accession_id: Required[str]
        scan_id: Required[str]
        resource_id: Required[str]
        net_id: str | None
        root: str | os.PathLike[str] | None
        exist_ok: bool
        keep_paths: bool
        scan_type: str | None


_Function = TypeVar("_Function", bound=Callable[..., object])
PathOrPaths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, kw_only=True)
class UploadRequest:
    """What `Uploader.upload` takes, as a value, for `Uploader.upload_many`.

    Parameters
    ----------
    files : path or iterable of paths
        Relative to the root, or absolute inside it; a directory stands for all files below it, and ``"."`` for all.
    hub_project_id : str
        The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
    accession_id : str
        Label of the session in that project, or its experiment ID.
    scan_id : str
        The scan, which is created if it is missing.
    resource_id : str
        Label of the resource under it, such as ``SEG``; created if it is missing.
    net_id : str, optional
        Files are relative to ``<images_dir>/<net_id>/upload``.
    root : path, optional
        Files are relative to this directory. Exactly one of `net_id` and `root` is given.
    exist_ok : bool
        Skip what is stored already with the same bytes, and replace what differs.
    keep_paths : bool
        Names in the resource are paths relative to the root rather than base names.
    scan_type : str, optional
        Data type of the scan if it has to be created, such as ``xnat:segScanData``; else the one that fits the session.

    Examples
    --------
    >>> request = UploadRequest(files="seg.nii.gz", root="/data/out", hub_project_id="3fa85f64",
    ...                         accession_id="FAK09131796", scan_id="4", resource_id="SEG")
    >>> request.exist_ok
    False
    """

    files: PathOrPaths
    hub_project_id: str
    accession_id: str
    scan_id: str
    resource_id: str
    net_id: str | None = None
    root: str | os.PathLike[str] | None = None
    exist_ok: bool = False
    keep_paths: bool = False
    scan_type: str | None = None


def takes_upload_arguments(function: _Function) -> _Function:
    """Show the fields of `UploadRequest` as a function's keywords, to help() and to a notebook's completion."""
    own = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    fields = [each for each in inspect.signature(UploadRequest).parameters.values() if each.name != "files"]
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


@dataclass(frozen=True)
class StagedRequest:
    """A request without a local fault: where to, and which files."""

    destination: Destination
    files: tuple[LocalFile, ...]
    exist_ok: bool
    scan_type: str | None


def stage_request(request: UploadRequest, *, images_dir: str | os.PathLike[str] | None) -> StagedRequest:
    """Check everything about a request that needs no archive, and find its files.

    Raises
    ------
    InvalidIdentifierError, UnsafePathError, MissingFileError
        As `Destination` and `stage` do.
    """
    destination = Destination(
        hub_project_id=request.hub_project_id,
        accession_id=request.accession_id,
        scan_id=request.scan_id,
        resource_id=request.resource_id,
    )
    scan_type = None if request.scan_type is None else check_scan_type(request.scan_type)
    root = _root(request, images_dir=images_dir)
    files = stage(request.files, root=root, keep_paths=request.keep_paths)
    return StagedRequest(destination, files, request.exist_ok, scan_type)


def _root(request: UploadRequest, *, images_dir: str | os.PathLike[str] | None) -> Path:
    if (request.net_id is None) == (request.root is None):
        raise UnsafePathError(
            "Give exactly one of net_id (files lie in <images_dir>/<net_id>/upload) and root (the directory itself)."
        )
    if request.root is not None:
        if not os.fspath(request.root):
            raise UnsafePathError("root is empty, which would mean the current directory. Name that as '.'.")
        return Path(request.root)
    if images_dir is None:
        raise UnsafePathError("net_id needs the directory of all nets: Uploader(…, images_dir='/data/images').")
    return net_root(images_dir, str(request.net_id))
