"""What lies on the local disk: every path that is named is resolved once, links followed, and must end inside a root.

What is kept is the path *without* links, and the identity of the file found there; `local_file` opens it again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from xnat_upload.errors import InvalidIdentifierError, MissingFileError, UnsafePathError, quoted
from xnat_upload.local.file import LocalFile, identity_of, open_below
from xnat_upload.places.names import check_file_name

_MISSING_SHOWN = 3


def net_root(images_dir: str | os.PathLike[str], net_id: str) -> Path:
    """Give the staging directory of a net: ``<images_dir>/<net_id>/upload``.

    Raises
    ------
    UnsafePathError
        A net ID that is not one plain directory name, or whose directory is a link that leaves the net's own.

    Examples
    --------
    >>> net_root("/data/images", "net-1").as_posix()
    '/data/images/net-1/upload'
    >>> net_root("/data/images", "../net-1")
    Traceback (most recent call last):
    ...
    xnat_upload.errors.UnsafePathError: The net ID '../net-1' is not one plain directory name.
    """
    plain = isinstance(net_id, str) and net_id not in ("", ".", "..") and net_id.isprintable()
    if not plain or not {"/", "\\"}.isdisjoint(net_id):
        raise UnsafePathError(f"The net ID {quoted(net_id)} is not one plain directory name.")
    net = Path(images_dir) / net_id
    # Who computes for a net may write below its directory, and could link "upload" to the images of another net.
    if not Path(os.path.realpath(net / "upload")).is_relative_to(os.path.realpath(net)):
        raise UnsafePathError(
            f"The directory 'upload' of net {quoted(net_id)} is a link that leaves {quoted(net)}. Make it a directory, "
            "or name the one it links to with root=."
        )
    return net / "upload"


def stage(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    root: str | os.PathLike[str],
    keep_paths: bool = False,
) -> tuple[LocalFile, ...]:
    """Find every file that is named, a directory standing for all files below it, and check all there is to check.

    Parameters
    ----------
    files : path or iterable of paths
        Relative to `root`, or absolute and inside it; ``"."`` and `root` itself stand for all that is in it.
    root : path
        The directory that nothing may leave, not even by a symbolic link.
    keep_paths : bool
        Names in the resource are the paths relative to `root` rather than base names.

    Returns
    -------
    tuple of LocalFile
        In the order named; the files of a directory sorted by path.

    Raises
    ------
    MissingFileError
        Files that do not exist or cannot be read (all of them are told), a directory without files, or no file named.
    UnsafePathError
        A path or link that leaves the root, a loop of links, a device, socket or pipe.
    InvalidIdentifierError
        A name that XNAT cannot hold, or two files with one name.
    """
    if isinstance(files, (str, bytes, os.PathLike)):
        files = [files]
    try:
        top = Path(root).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingFileError(f"The directory {quoted(root)} that files are relative to does not exist.") from error
    if not top.is_dir():
        raise MissingFileError(f"{quoted(root)} must be a directory that files are relative to; it is none.")
    given_root = Path(root)
    staged: list[LocalFile] = []
    missing: list[str] = []
    for given in files:
        path = _inside(given, root=top, given_root=given_root)
        try:
            staged += _files(path, root=top, given_root=given_root, keep_paths=keep_paths)
        except MissingFileError as error:
            missing.append(str(error))
    if missing:
        more = len(missing) - _MISSING_SHOWN
        rest = [f"And {more} more are missing."] if more > 0 else []
        raise MissingFileError(" ".join([*missing[:_MISSING_SHOWN], *rest]))
    if not staged:
        raise MissingFileError("No file was named, so there is nothing to upload.")
    refuse_equal_names(staged)
    return tuple(staged)


def _inside(given: str | os.PathLike[str], *, root: Path, given_root: Path) -> PurePosixPath:
    """Make a caller's path relative to the root, by its text alone; what its links do is `_resolve`'s business."""
    text = os.fspath(given)
    if not isinstance(text, str):
        raise UnsafePathError(f"{quoted(text)} is bytes; name files by text or by a path.")
    path = PurePosixPath(text)
    if ".." in path.parts:
        raise UnsafePathError(
            f"{quoted(text)} has a '..' component; name files by their path inside {quoted(given_root)}."
        )
    if path.is_absolute():
        tops = [top for top in (given_root.absolute(), root) if path.is_relative_to(top)]
        if not tops:
            raise UnsafePathError(
                f"{quoted(text)} is outside {quoted(given_root)}, where the files of this upload must lie."
            )
        path = path.relative_to(tops[0])
    if not text or "\0" in path.as_posix():
        raise UnsafePathError(
            f"{quoted(text)} does not name a file or directory inside {quoted(given_root)}. All that is in it is '.'."
        )
    return path


def _resolve(path: PurePosixPath, *, root: Path) -> Path:
    """Follow the links of ``root / path`` and make sure that the end lies inside the root."""
    shown = f"{quoted(path)} in {quoted(root)}"
    try:
        target = (root / path).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise MissingFileError(f"{shown} does not exist, or may not be read.") from error
    except (OSError, RuntimeError, ValueError) as error:
        # A loop of links (RuntimeError before Python 3.13), a path that is too long, or half a character.
        why = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise UnsafePathError(f"{shown} cannot be followed: {why}.") from error
    if not target.is_relative_to(root):
        raise UnsafePathError(f"{shown} leaves it by a symbolic link. Copy the file into the directory.")
    return target


def _files(path: PurePosixPath, *, root: Path, given_root: Path, keep_paths: bool) -> Iterator[LocalFile]:
    """Give the one file that a path names, or all files below it if it is a directory."""
    try:
        # Opening follows no link, so whatever opens has none in its path, and there is nothing to resolve. Most files
        # are named like that, and to resolve each took half of the time that staging takes.
        found = _status_below(root, path)
    except (OSError, ValueError):
        for reached, relative in _find(path, root=root):
            yield _local_file(reached, relative, root=root, given_root=given_root, keep_paths=keep_paths)
    else:
        yield _as_found(path, path, found, root=root, given_root=given_root, keep_paths=keep_paths)


def _find(given: PurePosixPath, *, root: Path) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    """Yield a file, or all files below a directory: the path by which it was reached, and the one without links."""
    # Each directory once: links between directories can make loops, and of thirty directories a thousand million.
    reached_as: dict[PurePosixPath, PurePosixPath] = {}
    found_file = False
    waiting = [_without_links(given, root=root)]
    while waiting:
        path, relative, is_directory = waiting.pop()
        if not is_directory:
            found_file = True
            yield path, relative
            continue
        first = reached_as.setdefault(relative, path)
        if first is not path:
            raise UnsafePathError(
                f"{quoted(first)} and {quoted(path)} are one directory, by a symbolic link. Remove the link."
            )
        try:
            with os.scandir(root / relative) as entries:
                below = sorted(
                    ((entry.name, entry.is_symlink(), entry.is_dir(follow_symlinks=False)) for entry in entries),
                    reverse=True,
                )
        except OSError as error:
            raise MissingFileError(f"The directory {quoted(path)} cannot be read: {error.strerror}.") from error
        for name, is_link, is_directory in below:
            # Only links are resolved: to do so at each level of a deep tree takes minutes.
            waiting.append(
                _without_links(path / name, root=root) if is_link else (path / name, relative / name, is_directory)
            )
    if not found_file:
        raise MissingFileError(f"The directory {quoted(given)} in {quoted(root)} holds no file.")


def _without_links(path: PurePosixPath, *, root: Path) -> tuple[PurePosixPath, PurePosixPath, bool]:
    target = _resolve(path, root=root)
    # os.path.isdir, because Path.is_dir raises for what is too long.
    return path, PurePosixPath(target.relative_to(root)), os.path.isdir(target)  # noqa: PTH112


def _local_file(
    path: PurePosixPath, relative: PurePosixPath, *, root: Path, given_root: Path, keep_paths: bool
) -> LocalFile:
    try:
        found = _status_below(root, relative)
    except (FileNotFoundError, PermissionError) as error:
        raise MissingFileError(f"{quoted(given_root / path)} is gone, or may not be read by this user.") from error
    except OSError as error:
        raise UnsafePathError(
            f"{quoted(given_root / path)} is not a regular file, or changed just now: {error.strerror}."
        ) from error
    return _as_found(path, relative, found, root=root, given_root=given_root, keep_paths=keep_paths)


def _status_below(root: Path, relative: PurePosixPath) -> os.stat_result:
    """Look at a file through its opened descriptor, so that one that cannot be read is found out now."""
    descriptor = open_below(root, relative)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _as_found(
    path: PurePosixPath,
    relative: PurePosixPath,
    found: os.stat_result,
    *,
    root: Path,
    given_root: Path,
    keep_paths: bool,
) -> LocalFile:
    return LocalFile(
        name=check_file_name(path.as_posix() if keep_paths else path.name),
        path=given_root / path,
        root=root,
        relative=relative,
        size_bytes=found.st_size,
        identity=identity_of(found),
    )


def refuse_equal_names(staged: Iterable[LocalFile]) -> None:
    """Make sure that no two files would get one name.

    Raises
    ------
    InvalidIdentifierError
        Two would; the message names both.
    """
    first: dict[str, LocalFile] = {}
    for file in staged:
        other = first.setdefault(file.name, file)
        if other is not file:
            raise InvalidIdentifierError(
                f"{quoted(file.path)} is named twice. Name each file once."
                if other.path == file.path
                else f"{quoted(other.path)} and {quoted(file.path)} would both be called {quoted(file.name)} in the "
                "resource. With keep_paths=True files keep their folders."
            )
