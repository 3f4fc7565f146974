"""Open an archive: find credentials, make the interface, log in."""

from __future__ import annotations

import os
from collections.abc import Mapping

from xnat_upload.archive.client import Archive
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.credentials import find_credentials, login_headers, open_interface
from xnat_upload.settings import TransferSettings


def open_archive(
    server: str | None,
    *,
    user: str | None = None,
    password: str | None = None,
    headers: Mapping[str, str] | None = None,
    verify: bool | str | os.PathLike[str] = True,
    settings: TransferSettings,
) -> Archive:
    """Log in, at once; `Uploader.connect` explains parameters and errors. Whoever calls this closes the connection."""
    credentials = find_credentials(server, user=user, password=password, headers=headers)
    interface = open_interface(credentials, verify=verify)
    connection = Connection(interface, settings=settings, headers=login_headers(credentials))
    try:
        connection.login()
    except BaseException:
        connection.close()
        raise
    return Archive(connection)
