"""Files that are found for an upload."""

from __future__ import annotations

import os
from typing import cast

from xnat_upload.local import staging
from xnat_upload.local.file import LocalFile
from xnat_upload.local.root import plain_root
from xnat_upload.local.staging import Files

SECRET = b"another patient's image"


def names(files: tuple[LocalFile, ...]) -> list[str]:
    return [file.name for file in files]


def content(file: LocalFile) -> bytes:
    return b"".join(file.blocks())


def is_readable(error: BaseException) -> bool:
    return str(error).isprintable() and len(str(error)) < 700


def stage(files: Files, *, root: str | os.PathLike[str], keep_paths: bool = False) -> tuple[LocalFile, ...]:
    """Stage files of the disk below a root, whatever they are called."""
    found = staging.stage(files, root=plain_root(root), keep_paths=keep_paths, ignore=()).files
    assert all(isinstance(file, LocalFile) for file in found)
    return cast("tuple[LocalFile, ...]", found)
