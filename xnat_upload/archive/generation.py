"""Which version an archive has, and what is known of its kind; told to people, and hardly asked for otherwise.

No behaviour hangs on a version number: what an archive does shows in its answers.
"""

from __future__ import annotations

import re

from xnat_upload.archive.connection import Connection
from xnat_upload.errors import NotFoundError, PermissionDeniedError, ServerError

# From which version on, newest first, and what is new then (docs/xnat/versions.md, "At a glance").
_GENERATIONS = (
    ((1, 11), "1.11: uploads are staged and moved into place whole; another HTTP stack"),
    ((1, 10, 2), "1.10.2: uploads are staged and moved into place whole"),
    ((1, 7), "1.8: files are written in their place, with an MD5 of each"),
    ((1,), "1.6: files are written in their place, and listed without MD5"),
)
_NUMBERS = re.compile(r"\d{1,4}(?:\.\d{1,4})*")
_LONGEST = 60


def version_of(connection: Connection) -> str:
    """Give the archive's version as it tells it; empty if it does not."""
    told = _build_info(connection)
    return _old_version(connection) if told is None else told


def has_old_names(connection: Connection) -> bool:
    """Say whether the archive looks for files by their URL-decoded names.

    Such a one has no ``/xapi`` and tells its version elsewhere (docs/xnat/versions.md, "What differs on 1.6.4").
    """
    return _build_info(connection) is None and _old_version(connection) != ""


def generation_of(version: str) -> str:
    """Say in words which kind of server has a version; empty if that is not known.

    Examples
    --------
    >>> generation_of("1.10.3-SNAPSHOT")
    '1.10.2: uploads are staged and moved into place whole'
    """
    numbers = _NUMBERS.match(version)
    if numbers is None:
        return ""
    has = tuple(map(int, numbers[0].split(".")))
    return next((words for since, words in _GENERATIONS if has >= since), "")


def _build_info(connection: Connection) -> str | None:
    """Give the version that a server since 1.7 tells to everybody; None if there is no such address."""
    try:
        told = connection.ask("GET", "/xapi/siteConfig/buildInfo", doing="asking for the version").json()
    except NotFoundError:
        return None
    except (PermissionDeniedError, ServerError):
        return ""
    version = told.get("version", "") if isinstance(told, dict) else ""
    return version[:_LONGEST] if isinstance(version, str) else ""


def _old_version(connection: Connection) -> str:
    try:
        answer = connection.ask("GET", "/data/version", doing="asking for the version")
    except (NotFoundError, PermissionDeniedError, ServerError):
        return ""
    text = answer.text.strip()
    return text[:_LONGEST] if _NUMBERS.match(text) else ""
