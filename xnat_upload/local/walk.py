"""The files that a path stands for: itself, or all that lie below a directory, links followed as far as the root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from xnat_upload.errors import MissingFileError, UnsafePathError, XnatUploadError, quoted
from xnat_upload.local.file import LocalFile, identity_of, open_below
from xnat_upload.local.ignoring import Sieve
from xnat_upload.local.root import Root
from xnat_upload.places.names import other_form


class _Entry(NamedTuple):
    """What was seen in a directory, with the path of that as it was reached and as it is without links."""

    folder: PurePosixPath
    relative: PurePosixPath
    name: str
    is_link: bool
    is_directory: bool


def files_of(path: PurePosixPath, root: Root, *, sieve: Sieve) -> Iterator[LocalFile | XnatUploadError]:
    """Give the one file that a path below the root names, or all files below it if it is a directory, sorted.

    Files bear their path as it was reached, relative to the root, as their name. What is wrong with one is yielded in
    its place, so that all faults can be told.
    """
    try:
        # Opening follows no link, so whatever opens has none in its path, and there is nothing to resolve. Most files
        # are named like that, and to resolve each took half of the time that staging takes.
        found = _status_below(root, path)
    except (OSError, ValueError):
        yield from _find(path, root, sieve=sieve)
    else:
        yield _as_found(path, path, found, root=root)


def _find(given: PurePosixPath, root: Root, *, sieve: Sieve) -> Iterator[LocalFile | XnatUploadError]:
    # Each directory once: links between directories can make loops, and of thirty directories a thousand million.
    reached_as: dict[PurePosixPath, PurePosixPath] = {}
    found_any = False
    left_out = sum(each.files for each in sieve.left_out)
    waiting = [_Entry(given.parent, given.parent, given.name, is_link=True, is_directory=False)]
    while waiting:
        entry = waiting.pop()
        path, relative, is_directory = entry.folder / entry.name, entry.relative / entry.name, entry.is_directory
        if entry.is_link:  # only links are resolved: to do so at each level of a deep tree takes minutes
            try:
                relative, is_directory = _without_links(path, root)
            except XnatUploadError as error:
                if path == given or sieve.takes(path):
                    found_any = True
                    yield error
                continue
        if not is_directory:
            if path == given or sieve.takes(path):
                found_any = True
                yield _local_file(path, relative, root)
            continue
        if path != given and not sieve.enters(path, root.top / relative):
            continue
        first = reached_as.setdefault(relative, path)
        if first is not path:
            yield UnsafePathError(
                f"{quoted(first)} and {quoted(path)} are one directory, by a symbolic link. Remove the link."
            )
            return
        try:
            with os.scandir(root.top / relative) as entries:
                below = sorted(
                    ((each.name, each.is_symlink(), each.is_dir(follow_symlinks=False)) for each in entries),
                    reverse=True,
                )
        except OSError as error:
            found_any = True
            yield MissingFileError(f"The directory {quoted(path)} cannot be read: {error.strerror}.")
            continue
        waiting += (_Entry(path, relative, *each) for each in below)
    if not found_any:
        kept_out = sum(each.files for each in sieve.left_out) - left_out
        rest = f" but {kept_out} that are left out; ignore=() takes all" if kept_out else ""
        yield MissingFileError(f"The directory {quoted(given)} in {quoted(root.given)} holds no file{rest}.")


def _without_links(path: PurePosixPath, root: Root) -> tuple[PurePosixPath, bool]:
    target = _resolve(path, root)
    # os.path.isdir, because Path.is_dir raises for what is too long.
    return PurePosixPath(target.relative_to(root.top)), os.path.isdir(target)  # noqa: PTH112


def _beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir()]
    except (OSError, ValueError):
        return []


def _resolve(path: PurePosixPath, root: Root) -> Path:
    """Follow the links of a path below the root, and make sure that the end lies inside it."""
    shown = f"{quoted(path)} in {quoted(root.given)}"
    try:
        target = (root.top / path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        form = other_form(path.name, _beside(root.top / path))
        raise MissingFileError(f"{shown} does not exist, or may not be read{form and f': {form}'}.") from error
    except (OSError, RuntimeError, ValueError) as error:
        # A loop of links (RuntimeError before Python 3.13), a path that is too long, or half a character.
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise UnsafePathError(f"{shown} cannot be followed: {why}.") from error
    if not target.is_relative_to(root.top):
        raise UnsafePathError(f"{shown} leaves it by a symbolic link. Copy the file into the directory.")
    return target


def _local_file(path: PurePosixPath, relative: PurePosixPath, root: Root) -> LocalFile | XnatUploadError:
    try:
        found = _status_below(root, relative)
    except (FileNotFoundError, PermissionError):
        return MissingFileError(f"{quoted(root.given / path)} is gone, or may not be read by this user.")
    except OSError as error:
        return UnsafePathError(
            f"{quoted(root.given / path)} is not a regular file, or changed just now: {error.strerror}."
        )
    return _as_found(path, relative, found, root=root)


def _status_below(root: Root, relative: PurePosixPath) -> os.stat_result:
    """Look at a file through its opened descriptor, so that one that cannot be read is found out now."""
    descriptor = open_below(root.base, root.below / relative)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _as_found(path: PurePosixPath, relative: PurePosixPath, found: os.stat_result, *, root: Root) -> LocalFile:
    reached = path.as_posix()
    return LocalFile(
        name=reached,
        root=root,
        reached=reached,
        relative=reached if relative is path or relative == path else relative.as_posix(),
        size_bytes=found.st_size,
        packed_identity=identity_of(found).packed(),
    )
