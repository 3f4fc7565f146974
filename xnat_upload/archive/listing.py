"""What the archive lists: the files of one resource, with the size and MD5 it recorded for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xnat_upload.archive.connection import Connection
from xnat_upload.archive.rows import TableRows
from xnat_upload.errors import ServerError, quoted
from xnat_upload.places.hierarchy import Resource
from xnat_upload.places.names import is_kept_by_xnat

_BEFORE_NAME = re.compile(r"/resources/([^/]+)/files/")
_PLACES = re.compile(r"/(experiments|scans)/([^/]+)")
# A listing of 800,000 files, of which each takes some 300 bytes here.
_LISTING_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
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


def list_files(connection: Connection, resource: Resource) -> dict[str, StoredFile]:
    """Ask for the files of a resource; those that XNAT keeps for itself are left out.

    Raises
    ------
    ServerError
        The catalog cannot be read, or two resources bear this label.
    """
    path, doing, params = f"{resource}/files", "listing the files", {"format": "json"}
    answer, lines = connection.read(
        path, doing=doing, params=params, into=lambda: ListingLines(of=resource), at_most_bytes=_LISTING_BYTES
    )
    try:
        if lines.is_whole(answer.encoding):
            listed = lines.listing()
        else:  # a page to log in, or something else that is no listing
            answer = connection.ask("GET", path, doing=doing, params=params)
            listed = read_listing(answer.json(), of=resource)
    except OneLabelTwiceError as error:
        numbers = " and ".join(quoted(each) for each in error.args[:3])
        raise ServerError(
            f"{len(error.args)} resources of one place bear the label {quoted(resource.label)}, with the numbers "
            f"{numbers}, and XNAT would take one by chance. Let an owner rename or delete one of them (Manage "
            "Files on the page of the session), then do the same again.",
            status=answer.status,
            url=answer.url,
        ) from None
    except ValueError as error:
        raise answer.error(f"with a listing that cannot be relied on, because {error}") from error
    for name in [name for name in listed if is_kept_by_xnat(name)]:
        del listed[name]
    return listed


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
    lines = ListingLines(of=of)
    try:
        for row in table["ResultSet"]["Result"]:
            lines.take(row)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is not a table of files: {error!r}") from error
    return lines.listing()


class ListingLines(TableRows):
    """Takes a listing row by row, or block by block as it arrives.

    Parameters
    ----------
    of : Resource, optional
        What was asked for.
    """

    def __init__(self, *, of: Resource | None = None) -> None:
        super().__init__()
        self._of = of
        self._stored: dict[str, StoredFile] = {}
        self._twice = ""
        self._catalogs: set[str] = set()

    def take(self, row: Any) -> None:
        """Take one row.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            It is none of such a listing.
        """
        uri, size, md5, catalog = (_text(row, key) for key in ("URI", "Size", "digest", "cat_ID"))
        before_name = _BEFORE_NAME.search(uri)
        if before_name is None:
            raise ValueError(f"the URI {quoted(uri)} names no file of a resource")
        name = uri[before_name.end() :]
        if name in self._stored and not self._twice:
            self._twice = name
        self._stored[name] = StoredFile(int(size) if size else None, md5, on_disk="digest" not in row)
        self._catalogs.add(catalog)
        if self._of is not None:
            _check_place(uri[: before_name.start()], _text(row, "collection"), self._of)

    def listing(self) -> dict[str, StoredFile]:
        """Give what was listed.

        Raises
        ------
        ValueError
            Two rows for one name, or more than one resource bears the label (`OneLabelTwiceError`).
        """
        if len(self._catalogs) > 1:
            raise OneLabelTwiceError(*sorted(self._catalogs))
        if self._twice:
            raise ValueError(f"it has two rows for {quoted(self._twice)}")
        return self._stored


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
