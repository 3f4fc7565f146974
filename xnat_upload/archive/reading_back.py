"""Reading files back, where an archive tells no MD5: many of one resource as one zip, hashed while it arrives.

See docs/xnat/listings.md, "A whole resource as a zip".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from xnat_upload.archive.connection import Connection
from xnat_upload.archive.deadline import current
from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.archive.zip_reading import BadZipError, ZipReading
from xnat_upload.errors import NotFoundError, XnatUploadError
from xnat_upload.places.hierarchy import Resource

# What comes before a name in the zip: the session, the scan with its type, the resource.
_BEFORE_NAME = re.compile(r"([^/]+)(?:/scans/([^/]+))?/resources/[^/]+/files/")
# A question costs XNAT about a tenth of a second, in which a fast line brings so much that nobody asked for.
_QUESTION_BYTES = 8 * 1024 * 1024
# Headers and names of one member, twice.
_MEMBER_BYTES = 4096


@dataclass(frozen=True)
class ReadBack:
    """What came of reading files back.

    Parameters
    ----------
    files : mapping of str to StoredFile
        Those that were read to their end, with the size and MD5 of what came.
    gap : str
        Why others were not.
    """

    files: Listing = field(default_factory=dict)
    gap: str = ""


def suits_zip(names: Collection[str], listed: Listing) -> bool:
    """Say whether these files come sooner in a zip of the whole resource than one by one."""
    wanted_bytes = sum(listed[name].size_bytes or 0 for name in names)
    return len(names) > 1 and _bytes_of(listed) - wanted_bytes <= len(names) * _QUESTION_BYTES


def read_resource(connection: Connection, resource: Resource, names: Collection[str], listed: Listing) -> ReadBack:
    """Read a whole resource back, once, in one request, and give of it what is wanted."""
    reading = ZipReading(_ServedNames(resource, names, listed).name_of)

    def update(block: bytes) -> None:
        deadline = current()
        if deadline is not None:
            deadline.earn(len(block))  # the zip does not say how long it is, but the listing has said it
        reading.update(block)

    gap = "the zip that was to be read back ended early"
    try:
        answer = connection.send(
            "GET",
            f"{resource}/files",
            doing="reading files back",
            params={"format": "zip"},
            into=update,
            at_most_bytes=_bytes_of(listed) * 101 // 100 + _MEMBER_BYTES * (len(listed) + 1),
            packed=False,
        )
        if answer.status == 200 and reading.is_whole:
            gap = "the zip that was read back does not hold it"
    except BadZipError as error:
        gap = f"the zip that was to be read back cannot be relied on, because {error}"
    except XnatUploadError as error:
        gap = f"it could not be read back: {error}"
    return ReadBack(reading.hashed, gap)


def read_singly(connection: Connection, resource: Resource, names: Collection[str], listed: Listing) -> ReadBack:
    """Read files back one by one, each once, as far as the archive answers."""
    files: dict[str, StoredFile] = {}
    for name in names:
        stored, digest = listed[name], _md5()
        try:
            connection.send(
                "GET",
                resource.file_path(name),
                doing="reading a file back",
                into=digest.update,
                at_most_bytes=stored.size_bytes,
                packed=False,
            )
        except NotFoundError:
            continue
        except XnatUploadError as error:
            return ReadBack(files, f"it could not be read back: {error}")
        files[name] = replace(stored, md5=digest.hexdigest())
    return ReadBack(files, "the archive does not serve it")


def served_md5(connection: Connection, resource: Resource, name: str, *, size_bytes: int | None) -> str | None:
    """Read a file back, patiently, and give its MD5; None if the archive serves no such file.

    Parameters
    ----------
    size_bytes : int or None
        How long it should be: what is longer is not read to its end, and has another MD5.
    """
    path, doing = resource.file_path(name), "reading a file back"
    try:
        _, digest = connection.read(path, doing=doing, into=_md5, at_most_bytes=size_bytes, packed=False)
        return digest.hexdigest()
    except NotFoundError:
        return None


class _ServedNames:
    """The names that XNAT gives the files of a resource in a zip.

    It replaces the session's ID by its label, and a scan's by the scan with its type, wherever they occur in the whole
    path, and so in the names of files as well. Two files whose names are one then can be told apart no more.
    """

    def __init__(self, resource: Resource, names: Collection[str], listed: Listing) -> None:
        self._session = resource.accession.experiment_id
        self._scan = "" if resource.scan is None else resource.scan.scan_id
        self._names = frozenset(names)
        self._listed = listed
        self._before: tuple[str, str] | None = None
        self._by_member: Mapping[str, str] = {}

    def name_of(self, member: str) -> str | None:
        """Give the name of the wanted file that a member is; None if it is none."""
        found = _BEFORE_NAME.match(member)
        if found is None:
            return None
        before = (found[1], found[2] or "")
        if self._before is None:
            self._before, self._by_member = before, self._known(*before)
        return self._by_member.get(member[found.end() :]) if before == self._before else None

    def _known(self, session: str, scan: str) -> dict[str, str]:
        by_member: dict[str, str] = {}
        twice: set[str] = set()
        for name in self._listed:
            served = name.replace(self._session, session)
            if scan:
                served = f"/{served}".replace(f"/{self._scan}/", f"/{scan}/")[1:]
            if served in by_member:
                twice.add(served)
            by_member[served] = name
        return {member: name for member, name in by_member.items() if name in self._names and member not in twice}


def _bytes_of(listed: Listing) -> int:
    return sum(stored.size_bytes or 0 for stored in listed.values())


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
