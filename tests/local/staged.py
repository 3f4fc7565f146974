"""Files that are found for an upload."""

from __future__ import annotations

from xnat_upload.local.file import LocalFile

SECRET = b"another patient's image"


def names(files: tuple[LocalFile, ...]) -> list[str]:
    return [file.name for file in files]


def content(file: LocalFile) -> bytes:
    return b"".join(file.blocks())


def is_readable(error: BaseException) -> bool:
    return str(error).isprintable() and len(str(error)) < 700
