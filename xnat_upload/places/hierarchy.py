"""Where a file goes, as immutable values that cannot be wrong.

A place knows its parent, is checked when it is made, and prints as the path under which XNAT serves it. Paths go
through the subject, because ``/data/projects/P/experiments/E/scans/…`` is no route (docs/xnat/requests.md, "Paths that
are no route").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from xnat_upload.errors import InvalidIdentifierError
from xnat_upload.places.names import (
    check_hub_project_id,
    check_identifier,
    check_resource_label,
    check_scan_id,
    is_identifier,
)

# What XNAT compares as it is sent; all else is percent-encoded, "+" above all, which it may decode to a space
# (docs/xnat/writing-files.md, "Names in a URL").
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
    scan_id : str
        The scan.
    resource_id : str
        Label of the resource under it.

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
        if not isinstance(self.accession, Accession):
            raise TypeError(f"A scan belongs to an Accession, as locate() gives it, and not to {self.accession!r}.")
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
        if not isinstance(self.scan, Scan):
            raise TypeError(f"A resource belongs to a Scan, and not to {self.scan!r}.")
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
        addressable = is_identifier(accession.label)
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
