"""Where a file goes, as immutable values that cannot be wrong.

A place knows its parent, is checked when it is made, and prints as the path under which XNAT serves it. Paths go
through the subject, because ``/data/projects/P/experiments/E/scans/…`` is no route (contract, read §0.1).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from xnat_upload.errors import InvalidIdentifierError, quoted

# XNAT takes IDs from a path as they are sent, never decoded, so only these can be addressed (contract, read §0.2).
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RESOURCE_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,255}")

# Refused by the URL firewall in every encoding: such a file could be stored but never fetched (contract, write §0.3).
_NEVER_SERVED = frozenset("%;\\")
# Left-to-right and right-to-left controls: they make a name look like another one.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# "a.zip/b" and "a.zip!b" mean "the entry b inside the archive a.zip" when they are read (contract, write §3).
_INSIDE_ARCHIVE = re.compile(r"\.(zip|jar|rar|ear|gar|mrb)[/!]", re.IGNORECASE)
# A file system's limit on one component of a path, and what stays well below a server's limit on a URL.
_COMPONENT_BYTES = 255
_NAME_BYTES = 1024
# What XNAT compares as it is sent; all else is percent-encoded, "+" above all, which it may decode to a space
# (contract, write §3, "Percent-encoding").
_RAW_IN_URL = "/~!$&'()*,=:@"


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where files are to go, in the caller's words; nothing of it need exist but the session.

    Parameters
    ----------
    hub_project_id : str
        The hub's ID of the project: XNAT's secondary ID, free text.
    accession_id : str
        The session's label in that project (or its experiment ID).
    scan_id, resource_id : str
        The scan, and the label of the resource under it.

    Raises
    ------
    InvalidIdentifierError
        One of them is something that XNAT cannot hold.

    Examples
    --------
    >>> print(Destination(hub_project_id="3fa85f64", accession_id="FAK09131796", scan_id="4", resource_id="NIFTI"))
    FAK09131796 / scan 4 / NIFTI
    """

    hub_project_id: str
    accession_id: str
    scan_id: str
    resource_id: str

    def __post_init__(self) -> None:
        check_hub_project_id(self.hub_project_id)
        check_identifier(self.accession_id, what="accession ID")
        check_scan_id(self.scan_id)
        check_resource_label(self.resource_id)

    def __str__(self) -> str:
        return f"{self.accession_id} / scan {self.scan_id} / {self.resource_id}"


@dataclass(frozen=True)
class Accession:
    """One image session of a project, as the archive describes it.

    Parameters
    ----------
    hub_project_id : str
        The hub's ID of the project: XNAT's secondary ID, free text.
    project_id, subject_id, experiment_id : str
        XNAT's own IDs.
    label : str
        The accession ID: the session's label in that project.
    session_type : str
        XNAT's data type, such as ``xnat:mrSessionData``.
    scan_types : mapping of str to str
        Data type of each scan that existed when the session was read, by scan ID.
    scan_type_names : mapping of str to str
        What each scan calls itself (``type="T1"``), by scan ID: XNAT takes these names for scan IDs too.
    resource_labels : mapping of str to frozenset of str
        Labels of the resources that each scan had when the session was read, by scan ID.

    Raises
    ------
    InvalidIdentifierError
        An ID that XNAT cannot address.

    Examples
    --------
    >>> accession = Accession("hub-1", "P1", "XNAT_S00001", "XNAT_E00001", "FAK09131796", "xnat:mrSessionData")
    >>> print(accession)
    /data/projects/P1/subjects/XNAT_S00001/experiments/XNAT_E00001
    """

    hub_project_id: str
    project_id: str
    subject_id: str
    experiment_id: str
    label: str
    session_type: str
    scan_types: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    scan_type_names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    resource_labels: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_identifier(self.project_id, what="project ID")
        check_identifier(self.subject_id, what="subject ID")
        check_identifier(self.experiment_id, what="experiment ID")

    def __str__(self) -> str:
        return f"/data/projects/{self.project_id}/subjects/{self.subject_id}/experiments/{self.experiment_id}"


@dataclass(frozen=True)
class Scan:
    """One scan of an accession, which need not exist yet.

    Parameters
    ----------
    accession : Accession
        The session that it belongs to.
    scan_id : str
        Its ID there.

    Raises
    ------
    InvalidIdentifierError
        A scan ID that XNAT cannot hold, or takes for several scans.

    Examples
    --------
    >>> accession = Accession("hub-1", "P1", "S1", "E1", "FAK09131796", "xnat:mrSessionData")
    >>> print(Scan(accession, "12345"))
    /data/projects/P1/subjects/S1/experiments/E1/scans/12345
    """

    accession: Accession
    scan_id: str

    def __post_init__(self) -> None:
        check_scan_id(self.scan_id)
        namesakes = [
            other
            for other, name in self.accession.scan_type_names.items()
            if name == self.scan_id and other != self.scan_id
        ]
        if namesakes:
            raise InvalidIdentifierError(
                f"The scan ID {self.scan_id!r} is also the type of scan {namesakes[0]!r} of this accession, and XNAT "
                "would confuse the two. Choose another scan ID."
            )

    def __str__(self) -> str:
        return f"{self.accession}/scans/{self.scan_id}"


@dataclass(frozen=True)
class Resource:
    """One named folder of files under a scan, which need not exist yet.

    Parameters
    ----------
    scan : Scan
        The scan that it belongs to.
    label : str
        Its name there, such as ``NIFTI``.

    Raises
    ------
    InvalidIdentifierError
        A label that XNAT cannot hold or cannot find again.

    Examples
    --------
    >>> scan = Scan(Accession("hub-1", "P1", "S1", "E1", "FAK09131796", "xnat:mrSessionData"), "4")
    >>> resource = Resource(scan, "NIFTI")
    >>> resource.file_path("masks/left lung.nii.gz")
    '/data/projects/P1/subjects/S1/experiments/E1/scans/4/resources/NIFTI/files/masks/left%20lung.nii.gz'
    """

    scan: Scan
    label: str

    def __post_init__(self) -> None:
        check_resource_label(self.label)

    def __str__(self) -> str:
        return f"{self.scan}/resources/{self.label}"

    @property
    def was_there(self) -> bool:
        """Whether the scan had it when the session was read."""
        return self.label in self.scan.accession.resource_labels.get(self.scan.scan_id, ())

    @property
    def destination(self) -> Destination:
        """The same place in the caller's words."""
        accession = self.scan.accession
        # A session may bear a label that could never be asked for, and be found by its experiment ID.
        addressable = _IDENTIFIER.fullmatch(accession.label)
        return Destination(
            hub_project_id=accession.hub_project_id,
            accession_id=accession.label if addressable else accession.experiment_id,
            scan_id=self.scan.scan_id,
            resource_id=self.label,
        )

    def file_path(self, name: str) -> str:
        """Give the path under which the file `name` is served."""
        return served_under(str(self), name)


def served_under(resource_path: str, name: str) -> str:
    """Give the address of the file `name` in a resource whose address or path is known."""
    return f"{resource_path}/files/{quote(name, safe=_RAW_IN_URL)}"


def check_hub_project_id(value: str) -> str:
    """Return the hub project's ID if it can be one: any text without control characters."""
    if not isinstance(value, str) or not value.strip() or _unprintable(value):
        raise InvalidIdentifierError(
            f"The hub project ID {quoted(value)} cannot be one: it must be text, not empty, without control characters."
        )
    return value


def check_identifier(value: str, *, what: str) -> str:
    """Return `value` if XNAT can hold it as an ID or label: 1 to 255 of A-Z a-z 0-9 _ - (contract, read §0.2)."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise InvalidIdentifierError(
            f"The {what} {quoted(value)} cannot be one: XNAT allows 1 to 255 letters A-Z a-z, digits, '_' and '-'."
        )
    return value


def check_scan_id(value: str) -> str:
    """Return the scan ID if XNAT can hold it and takes it for one scan only (contract, write §0.1)."""
    check_identifier(value, what="scan ID")
    if value == "ALL":
        raise InvalidIdentifierError("The scan ID 'ALL' means every scan to XNAT. Choose another scan ID.")
    return value


def check_resource_label(value: str) -> str:
    """Return the resource label if XNAT can hold it and find it again (contract, write §1, "Labels")."""
    if not isinstance(value, str) or not _RESOURCE_LABEL.fullmatch(value) or set(value) == {"."}:
        raise InvalidIdentifierError(
            f"The resource label {quoted(value)} cannot be one: XNAT finds again what consists of 1 to 255 letters "
            "A-Z a-z, digits, '_', '.' and '-'."
        )
    if value.isdigit():
        raise InvalidIdentifierError(
            f"The resource label {quoted(value)} is all digits, which XNAT takes for a resource's number. Add a letter."
        )
    return value


def check_file_name(name: str) -> str:
    """Return a file's name in its resource if XNAT can store *and* serve it; '/' separates folders.

    Raises
    ------
    InvalidIdentifierError
        Empty or dotted components, control or direction characters, ``%``, ``;`` and ``\\``, more than 255 bytes a
        component or 1024 in all, or a name that XNAT keeps for itself (design.md §3, rule 5; contract, write §3, §4.5).

    Examples
    --------
    >>> check_file_name("masks/é #+ &.nii.gz")
    'masks/é #+ &.nii.gz'
    >>> check_file_name("50%.dcm")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    xnat_upload.errors.InvalidIdentifierError: The file name '50%.dcm' holds '%', which XNAT could store but ...
    """
    fault = _fault_of(name)
    if fault:
        raise InvalidIdentifierError(f"The file name {quoted(name)} {fault}. Rename the file.")
    return name


def _fault_of(name: str) -> str | None:
    components = name.split("/")
    never_served = sorted(_NEVER_SERVED & set(name))
    if any(component in ("", ".", "..") for component in components):
        return "has an empty, '.' or '..' component, which would leave its folder"
    if never_served:
        return f"holds {never_served[0]!r}, which XNAT could store but never serve"
    if _unprintable(name) or not _BIDI.isdisjoint(name):
        return "holds a character that no catalog can keep: a control, direction or half character"
    if len(name.encode()) > _NAME_BYTES or any(len(part.encode()) > _COMPONENT_BYTES for part in components):
        return f"is too long: {_COMPONENT_BYTES} bytes a component and {_NAME_BYTES} in all are allowed"
    if components[-1].endswith("_catalog.xml") or components[-1].startswith(".~lock-"):
        return "is one that XNAT keeps for its own catalogs"
    if _INSIDE_ARCHIVE.search(name):
        return "means an entry inside an archive to XNAT, because a folder's name ends like an archive's"
    return None


def _unprintable(text: str) -> bool:
    """Control, half (surrogate) and unassigned noncharacters, and line separators: XML and headers cannot hold them."""
    if text.isascii():
        return not text.isprintable()
    return any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or ord(character) & 0xFFFE == 0xFFFE
        for character in text
    )
