"""What the archive lists: the files of one resource, with the size and MD5 it recorded for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xnat_upload.errors import quoted

_BEFORE_NAME = re.compile(r"/resources/[^/]+/files/")


@dataclass(frozen=True)
class StoredFile:
    """One line of a listing.

    Parameters
    ----------
    size_bytes : int or None
        As the catalog recorded it when the file was written; None if it holds none.
    md5 : str
        Computed by the archive from what it has on disk; empty where checksums are off, or before XNAT 1.7.
    """

    size_bytes: int | None
    md5: str


class OneLabelTwiceError(ValueError):
    """Several resources bear the label that was listed; its arguments are their numbers."""


Listing = Mapping[str, StoredFile]


def read_listing(table: Any) -> dict[str, StoredFile]:
    """Read the table of ``GET …/files?format=json``: file names with what is recorded of each.

    The name is what follows ``/resources/{number}/files/`` in the URI, which is not percent-encoded; what stands before
    differs between versions and context paths (docs/xnat/listings.md, "Addresses in a list"). Every value is a string.

    Raises
    ------
    ValueError
        The table is not one, or more than one resource bears this label (`OneLabelTwiceError`).

    Examples
    --------
    >>> row = {"URI": "/data/experiments/E1/scans/4/resources/57/files/a/m 1.nii", "Size": "9", "cat_ID": "57"}
    >>> read_listing({"ResultSet": {"Result": [row]}})
    {'a/m 1.nii': StoredFile(size_bytes=9, md5='')}
    """
    stored: dict[str, StoredFile] = {}
    catalogs = set()
    try:
        for row in table["ResultSet"]["Result"]:
            uri, size, md5, catalog = (_text(row, key) for key in ("URI", "Size", "digest", "cat_ID"))
            before_name = _BEFORE_NAME.search(uri)
            if before_name is None:
                raise ValueError(f"the URI {quoted(uri)} names no file of a resource")
            stored[uri[before_name.end() :]] = StoredFile(int(size) if size else None, md5)
            catalogs.add(catalog)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a table of files: {error!r}") from error
    if len(catalogs) > 1:
        raise OneLabelTwiceError(*sorted(catalogs))
    return stored


def _text(row: Any, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, (str, type(None))):
        raise TypeError(f"its {key} is {quoted(value)} where XNAT has text")
    return value or ""
