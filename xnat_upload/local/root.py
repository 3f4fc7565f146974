"""Roots: directories that nothing may leave, resolved once, so that what was checked is what is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from xnat_upload.errors import MissingFileError, UnsafePathError, quoted


@dataclass(frozen=True)
class Root:
    """A directory that nothing may leave.

    Parameters
    ----------
    given : pathlib.Path
        As the caller named it; for messages and reports.
    base : pathlib.Path
        A directory free of links, from whose handle every file is reached without following one.
    below : pathlib.PurePosixPath
        Where the root lies below `base`, free of links.
    """

    given: Path
    base: Path
    below: PurePosixPath = field(default_factory=PurePosixPath)

    @property
    def top(self) -> Path:
        """The directory itself, free of links when it was resolved."""
        return self.base / self.below


def plain_root(given: str | os.PathLike[str]) -> Root:
    """Resolve a directory that a caller names.

    Raises
    ------
    MissingFileError
        It does not exist, or is none.
    """
    try:
        base = Path(given).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise MissingFileError(f"The directory {quoted(given)} that files are relative to does not exist.") from error
    if not base.is_dir():
        raise MissingFileError(f"{quoted(given)} must be a directory that files are relative to; it is none.")
    return Root(Path(given), base)


def net_root(images_dir: str | os.PathLike[str], net_id: str) -> Root:
    """Resolve the staging directory of a net: ``<images_dir>/<net_id>/upload``.

    Who computes for a net may write below its directory, and could link ``upload``, or what it links to, to the images
    of another net at any moment. So it is resolved once, and every file is reached from the net's own directory.

    Raises
    ------
    UnsafePathError
        A net ID that is not one plain directory name, or whose directory is a link that leaves the net's own.
    MissingFileError
        There is no such directory.

    Examples
    --------
    >>> net_root("/data/images", "../net-1")
    Traceback (most recent call last):
    ...
    xnat_upload.errors.UnsafePathError: The net ID '../net-1' is not one plain directory name.
    """
    plain = isinstance(net_id, str) and net_id not in ("", ".", "..") and net_id.isprintable()
    if not plain or not {"/", "\\"}.isdisjoint(net_id):
        raise UnsafePathError(f"The net ID {quoted(net_id)} is not one plain directory name.")
    given = Path(images_dir, net_id, "upload")
    try:
        base = Path(os.path.realpath(Path(images_dir, net_id)))
        top = Path(os.path.realpath(base / "upload"))
    except (OSError, ValueError) as error:
        raise MissingFileError(f"The directory {quoted(given)} that files are relative to does not exist.") from error
    if not top.is_relative_to(base):
        raise UnsafePathError(
            f"The directory 'upload' of net {quoted(net_id)} is a link that leaves {quoted(given.parent)}. Make it a "
            "directory, or name the one it links to with root=."
        )
    if not top.is_dir():
        raise MissingFileError(f"The directory {quoted(given)} that files are relative to does not exist.")
    return Root(given, base, PurePosixPath(top.relative_to(base)))
