"""What the archive lists: the files of one resource, with the size and MD5 it recorded for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xnat_upload.errors import quoted
from xnat_upload.places.hierarchy import Resource

_BEFORE_NAME = re.compile(r"/resources/([^/]+)/files/")
_PLACES = re.compile(r"/(experiments|scans)/([^/]+)")


@dataclass(frozen=True)
class StoredFile:
    """One line of a listing.

    Parameters
    ----------
    size_bytes : int or None
        As the catalog recorded it when the file was written; None if it holds none.
    md5 : str
        Computed by the archive from what it has on disk; empty where checksums are off, or before XNAT 1.7.
    on_disk : bool
        The size is that of the archive's disk now: so where digests are not listed at all
        (``docs/xnat/listings.md, "The list of files"``).
    """

    size_bytes: int | None
    md5: str
    on_disk: bool = False


class OneLabelTwiceError(ValueError):
    """Several resources bear the label that was listed; its arguments are their numbers."""


Listing = Mapping[str, StoredFile]


def read_listing(table: Any, *, of: Resource | None = None) -> dict[str, StoredFile]:
    """Read the table of ``GET …/files?format=json``: file names with what is recorded of each.

    The name is what follows ``/resources/{number}/files/`` in the URI, which is not percent-encoded; what stands before
    differs between versions and context paths (docs/xnat/listings.md, "Addresses in a list"). Every value is a string.

    Parameters
    ----------
    table : object
        What was read from the JSON.
    of : Resource, optional
        What was asked for: a row of another session, scan or resource is no row of it.

    Raises
    ------
    ValueError
        The table is not one, has two rows for one name, or rows of another place; or more than one resource bears this
        label (`OneLabelTwiceError`).

    Examples
    --------
    >>> row = {"URI": "/data/experiments/E1/scans/4/resources/57/files/a/m 1.nii", "Size": "9", "cat_ID": "57"}
    >>> read_listing({"ResultSet": {"Result": [row]}})
    {'a/m 1.nii': StoredFile(size_bytes=9, md5='', on_disk=True)}
    """
    stored: dict[str, StoredFile] = {}
    twice: list[str] = []
    catalogs = set()
    try:
        for row in table["ResultSet"]["Result"]:
            uri, size, md5, catalog = (_text(row, key) for key in ("URI", "Size", "digest", "cat_ID"))
            before_name = _BEFORE_NAME.search(uri)
            if before_name is None:
                raise ValueError(f"the URI {quoted(uri)} names no file of a resource")
            name = uri[before_name.end() :]
            if name in stored:
                twice.append(name)
            stored[name] = StoredFile(int(size) if size else None, md5, on_disk="digest" not in row)
            catalogs.add(catalog)
            if of is not None:
                _check_place(uri[: before_name.start()], _text(row, "collection"), of)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a table of files: {error!r}") from error
    if len(catalogs) > 1:
        raise OneLabelTwiceError(*sorted(catalogs))
    if twice:
        raise ValueError(f"it has two rows for {quoted(twice[0])}")
    return stored


def _check_place(before: str, label: str, resource: Resource) -> None:
    """Make sure that a row is of the resource that was asked for, as far as it says of which it is."""
    accession, scan = resource.accession, resource.scan
    said = dict(_PLACES.findall(before))
    if "experiments" in said and said["experiments"] not in (accession.experiment_id, accession.label):
        raise ValueError(f"it has a row of another session, {quoted(said['experiments'])}")
    if "experiments" in said and said.get("scans") != (scan.scan_id if scan is not None else None):
        raise ValueError(f"it has a row of another scan, {quoted(said.get('scans', 'none'))}")
    if label and label != resource.label:
        raise ValueError(f"it has a row of another resource, {quoted(label)}")


def _text(row: Any, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, (str, type(None))):
        raise TypeError(f"its {key} is {quoted(value)} where XNAT has text")
    return value or ""
