"""Stage: what a caller names becomes files that were found, checked as far as that is possible on this machine.

Every path that is named is resolved once, links followed, and must end inside its root. What is kept is the path
*without* links, and the identity of the file found there; `local.file` opens it again. All faults are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias

from xnat_upload.errors import InvalidIdentifierError, MissingFileError, UnsafePathError, XnatUploadError, quoted
from xnat_upload.local.file import LocalFile
from xnat_upload.local.ignoring import DEFAULT_IGNORE, LeftOut, Patterns, Sieve
from xnat_upload.local.root import Root, net_root, plain_root
from xnat_upload.local.source import AnyFile, from_memory
from xnat_upload.local.walk import files_of
from xnat_upload.places.names import check_file_name

GivenPath: TypeAlias = "str | os.PathLike[str]"
Source: TypeAlias = "GivenPath | bytes | BinaryIO"
Files: TypeAlias = "GivenPath | Iterable[GivenPath] | Mapping[str, Source]"

# More are counted: a message is read by a person.
_FAULTS_SHOWN = 20
_PATTERN_SIGNS = frozenset("*?[")


@dataclass(frozen=True)
class Staged:
    """What was found: files in the order in which they were named, and how many were left out by which rule."""

    files: tuple[AnyFile, ...]
    left_out: tuple[LeftOut, ...] = ()


def stage(
    files: Files,
    *,
    root: Root | None = None,
    keep_paths: bool = False,
    include: Patterns | None = None,
    ignore: Patterns = DEFAULT_IGNORE,
) -> Staged:
    """Find every file that is named, a directory standing for all files below it, and check all there is to check.

    Parameters
    ----------
    files : path, iterable of path, or mapping of str to path, bytes or binary file object
        Relative to `root`, or absolute and inside it; ``"."`` and the root itself stand for all that is in it. A
        mapping gives each file its name in the resource.
    root : Root, optional
        The directory that nothing may leave, not even by a symbolic link. Without one a named file is taken as it is,
        a named directory is its own root, and relative paths are relative to the working directory.
    keep_paths : bool
        Names in the resource are the paths relative to the root rather than base names.
    include : str or iterable of str, optional
        Of directories, only files that match, by the rules of ``.gitignore``.
    ignore : str or iterable of str
        Files of directories that are left out, by the same rules.

    Raises
    ------
    MissingFileError
        Files that do not exist or cannot be read, a directory without files, or no file named.
    UnsafePathError
        A path or link that leaves the root, a loop of links, a device, socket or pipe.
    InvalidIdentifierError
        A name that XNAT cannot hold, or two files with one name.
    """
    sieve = Sieve(include=include, ignore=ignore)
    if isinstance(files, Mapping):
        found = _of_mapping(files, root)
    else:
        one = isinstance(files, (str, bytes, bytearray)) or hasattr(files, "read") or not isinstance(files, Iterable)
        given: Iterable[GivenPath] = [files] if one else files  # type: ignore[list-item, assignment]
        found = _of_paths(given, root, keep_paths=keep_paths, sieve=sieve)
    staged: list[AnyFile] = []
    faults: list[XnatUploadError] = []
    for each in found:
        if isinstance(each, XnatUploadError):
            faults.append(each)
            continue
        try:
            check_file_name(each.name)
        except XnatUploadError as error:
            faults.append(error)
        staged.append(each)
    if not staged and not faults:
        raise MissingFileError("No file was named, so there is nothing to upload.")
    faults += equal_names(staged)
    if faults:
        raise all_of(faults)
    return Staged(tuple(staged), sieve.left_out)


def all_of(faults: Iterable[XnatUploadError]) -> XnatUploadError:
    """Make one error of several: of the kind of the gravest, with all their sentences."""
    by_kind = sorted(faults, key=lambda fault: (not isinstance(fault, UnsafePathError), isinstance(fault, OSError)))
    told = list(dict.fromkeys(map(str, by_kind)))
    more = len(told) - _FAULTS_SHOWN
    rest = [f"And {more} more faults."] if more > 0 else []
    error = type(by_kind[0])(" ".join([*told[:_FAULTS_SHOWN], *rest]))
    error.__cause__ = by_kind[0].__cause__
    return error


def equal_names(staged: Iterable[AnyFile]) -> Iterator[InvalidIdentifierError]:
    """Give a fault for each two files that would get one name."""
    first: dict[str, AnyFile] = {}
    for file in staged:
        other = first.setdefault(file.name, file)
        if other is not file:
            yield InvalidIdentifierError(
                f"{quoted(file.path)} is named twice. Name each file once."
                if file.path is not None and other.path == file.path
                else f"{quoted(other.path or 'bytes')} and {quoted(file.path or 'bytes')} would both be called "
                f"{quoted(file.name)} in the resource. With keep_paths=True files keep their folders."
            )


def _of_paths(
    given: Iterable[GivenPath], root: Root | None, *, keep_paths: bool, sieve: Sieve
) -> Iterator[AnyFile | XnatUploadError]:
    for path in given:
        for found in _named(path, root, sieve=sieve):
            if isinstance(found, XnatUploadError) or keep_paths:
                yield found
            else:
                name = PurePosixPath(found.name).name
                yield found if name == found.name else replace(found, name=name)


def _of_mapping(files: Mapping[Any, Source], root: Root | None) -> Iterator[AnyFile | XnatUploadError]:
    for name, given in files.items():
        if not isinstance(name, str):
            yield InvalidIdentifierError(f"{quoted(name)} is no text. Map the name of each file to its path or bytes.")
        elif not isinstance(given, (str, os.PathLike)):
            try:
                yield from_memory(name, given)
            except XnatUploadError as error:
                yield error
        else:
            found = list(_named(given, root, sieve=Sieve(include=None, ignore=())))
            if len(found) == 1 and isinstance(found[0], XnatUploadError):
                yield found[0]
            elif os.path.isdir(root.top / given if root else given):  # noqa: PTH112  it raises for what is too long
                yield MissingFileError(f"{quoted(given)} is a directory, and {quoted(name)} is the name of one file.")
            else:
                yield from (each if isinstance(each, XnatUploadError) else replace(each, name=name) for each in found)


def _named(given: GivenPath, root: Root | None, *, sieve: Sieve) -> Iterator[LocalFile | XnatUploadError]:
    """Give what a path stands for: below the root or, without one, wherever it is."""
    try:
        text = _text(given)
        below = None if root is None else (_inside(text, root), root)
        for each in _wherever(text, sieve=sieve) if below is None else files_of(*below, sieve=sieve):
            missing = isinstance(each, MissingFileError) and not _PATTERN_SIGNS.isdisjoint(text)
            yield _with_pattern_told(each, text) if missing else each
    except XnatUploadError as error:
        yield error


def _wherever(text: str, *, sieve: Sieve) -> Iterator[LocalFile | XnatUploadError]:
    """A directory is its own root; of a file that is named, nothing beside it can be reached."""
    path = Path(text)
    if not text or "\0" in text:
        yield UnsafePathError(f"{quoted(text)} names no file or directory. The working directory is '.'.")
        return
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        yield MissingFileError(f"{quoted(text)} does not exist, or may not be read: {why}.")
        return
    if resolved.is_dir():
        yield from files_of(PurePosixPath(), Root(path, resolved), sieve=sieve)
        return
    for found in files_of(PurePosixPath(resolved.name), _folder(path.parent, resolved.parent), sieve=sieve):
        yield found if isinstance(found, XnatUploadError) else replace(found, name=path.name, reached=path.name)


@lru_cache(maxsize=16)
def _folder(given: Path, base: Path) -> Root:
    """Give one root for all files that are named in one directory: each of them keeps it."""
    return Root(given, base)


def _with_pattern_told(error: XnatUploadError | LocalFile, text: str) -> MissingFileError:
    return MissingFileError(
        f"{error} Files are not named by patterns: name the directory, and give "
        f"include={quoted(PurePosixPath(text).name)}."
    )


def _text(given: GivenPath) -> str:
    if isinstance(given, (bytes, bytearray, memoryview)) or hasattr(given, "read"):
        raise UnsafePathError(
            f"{quoted(given)} is no path. Bytes and file objects are given by name: files={{'seg.nii.gz': …}}."
        )
    try:
        text = os.fspath(given)
    except TypeError:
        raise UnsafePathError(f"{quoted(given)} is no path: name files by text or by a path.") from None
    if not isinstance(text, str):
        raise UnsafePathError(f"{quoted(text)} is bytes; name files by text or by a path.")
    return text


def _inside(text: str, root: Root) -> PurePosixPath:
    """Make a caller's path relative to the root, by its text alone; what its links do is `walk`'s business."""
    path = PurePosixPath(text)
    if ".." in path.parts:
        raise UnsafePathError(
            f"{quoted(text)} has a '..' component; name files by their path inside {quoted(root.given)}."
        )
    if path.is_absolute():
        tops = [top for top in (root.given.absolute(), root.top) if path.is_relative_to(top)]
        if not tops:
            raise UnsafePathError(
                f"{quoted(text)} is outside {quoted(root.given)}, where the files of this upload must lie."
            )
        path = path.relative_to(tops[0])
    if not text or "\0" in path.as_posix():
        raise UnsafePathError(
            f"{quoted(text)} does not name a file or directory inside {quoted(root.given)}. All that is in it is '.'."
        )
    return path


def root_of(
    root: str | os.PathLike[str] | None, net_id: str | None, *, images_dir: str | os.PathLike[str] | None
) -> Root | None:
    """Resolve the root that a caller names, by its path or as a net's; None if there is to be none.

    Raises
    ------
    UnsafePathError
        Both are given, or a net and no directory of nets, or the root is empty.
    MissingFileError
        There is no such directory.
    """
    if root is not None and net_id is not None:
        raise UnsafePathError(
            "Give at most one of net_id (files lie in <images_dir>/<net_id>/upload) and root (the directory itself)."
        )
    if root is not None:
        if not os.fspath(root):
            raise UnsafePathError("root is empty, which would mean the current directory. Name that as '.'.")
        return plain_root(root)
    if net_id is None:
        return None
    if images_dir is None:
        raise UnsafePathError("net_id needs the directory of all nets: Uploader(…, images_dir='/data/images').")
    return net_root(images_dir, net_id)
