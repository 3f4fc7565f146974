"""What an XNAT holds, as immutable values that cannot be wrong: accession, scan and resource.

A place knows its parent, is checked when it is made, and prints as the path under which XNAT serves it. Paths go
through the subject, because ``/data/projects/P/experiments/E/scans/…`` is no route (docs/xnat/requests.md, "Paths that
are no route").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload
from urllib.parse import quote

from xnat_upload.display import html
from xnat_upload.display.tables import aligned
from xnat_upload.errors import InvalidIdentifierError
from xnat_upload.places.destination import Destination
from xnat_upload.places.names import check_identifier, check_resource_label, check_scan_id, decimal_text, is_identifier

# What XNAT compares as it is sent; all else is percent-encoded, "+" above all, which it may decode to a space
# (docs/xnat/writing-files.md, "Names in a URL").
_RAW_IN_URL = "/~!$&'()*,=:@"


@dataclass(frozen=True)
class Accession:
    """One image session of a project, as the archive described it when it was read.

    Parameters
    ----------
    hub_project_id : str or None
        The hub's ID of the project: XNAT's secondary ID, free text; None if the project was named by its own ID.
    project_id, subject_id, experiment_id : str
        XNAT's own IDs.
    label : str
        The accession ID: the session's label in that project.
    session_type : str
        XNAT's data type, such as ``xnat:mrSessionData``.
    scan_types : mapping of str to str
        Data type of each scan, by scan ID.
    scan_type_names : mapping of str to str
        What each scan calls itself (``type="T1"``), by scan ID: XNAT takes these names for scan IDs too.
    scan_descriptions : mapping of str to str
        Description of the series of each scan, by scan ID.
    resource_numbers : mapping of str or None to mapping of str to str
        Labels of the resources of each scan, with XNAT's number for each, by scan ID; those of the session itself under
        None.

    Raises
    ------
    InvalidIdentifierError
        An ID that XNAT cannot address.

    Examples
    --------
    >>> accession = Accession("hub-1", "P1", "XNAT_S00001", "XNAT_E00001", "FAK09131796", "xnat:mrSessionData",
    ...                       scan_types={"4": "xnat:mrScanData"}, scan_type_names={"4": "T1"})
    >>> print(accession)
    /data/projects/P1/subjects/XNAT_S00001/experiments/XNAT_E00001
    >>> [(scan.scan_id, scan.data_type, scan.type) for scan in accession.scans]
    [('4', 'xnat:mrScanData', 'T1')]
    """

    hub_project_id: str | None = field(compare=False)  # a session is one, however its project was named
    project_id: str
    subject_id: str
    experiment_id: str
    label: str
    session_type: str
    scan_types: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    scan_type_names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    scan_descriptions: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    resource_numbers: Mapping[str | None, Mapping[str, str]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_identifier(self.project_id, what="project ID")
        check_identifier(self.subject_id, what="subject ID")
        check_identifier(self.experiment_id, what="experiment ID")

    def __str__(self) -> str:
        return f"/data/projects/{self.project_id}/subjects/{self.subject_id}/experiments/{self.experiment_id}"

    def _repr_html_(self) -> str:
        return html.render("accession.html", accession=self, header=Scans._HEADER, rows=self.scans._rows())

    @property
    def scans(self) -> Scans:
        """The scans that it had when it was read; no request is sent. A notebook shows them as a table."""
        return Scans(Scan(self, scan_id) for scan_id in self.scan_types)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources of the session itself that it had when it was read."""
        return tuple(Resource(self, label) for label in self.resource_numbers.get(None, ()))


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
        object.__setattr__(self, "scan_id", decimal_text(self.scan_id))
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

    @property
    def data_type(self) -> str:
        """XNAT's data type, such as ``xnat:mrScanData``; empty if there was no such scan when the session was read."""
        return self.accession.scan_types.get(self.scan_id, "")

    @property
    def type(self) -> str:
        """What it calls itself, such as ``T1``."""
        return self.accession.scan_type_names.get(self.scan_id, "")

    @property
    def description(self) -> str:
        """The description of its series."""
        return self.accession.scan_descriptions.get(self.scan_id, "")

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources that it had when the session was read."""
        return tuple(Resource(self, label) for label in self.accession.resource_numbers.get(self.scan_id, ()))


class Scans(Sequence[Scan]):
    """Scans of one accession, in the archive's order, with those that are asked for by ID.

    Examples
    --------
    >>> accession = Accession("hub-1", "P1", "S1", "E1", "FAK09131796", "xnat:mrSessionData",
    ...                       scan_types={"4": "xnat:mrScanData"}, scan_type_names={"4": "T1"})
    >>> print(accession.scans)
    scan  data type        type  description  resources
    4     xnat:mrScanData  T1                 none
    """

    _HEADER = ("scan", "data type", "type", "description", "resources")

    def __init__(self, scans: Iterable[Scan]) -> None:
        self._scans = tuple(scans)

    @overload
    def __getitem__(self, key: int | str) -> Scan: ...
    @overload
    def __getitem__(self, key: slice) -> Scans: ...
    def __getitem__(self, key: int | str | slice) -> Scan | Scans:
        """Give a scan by its ID, which is text, or by its position."""
        if isinstance(key, slice):
            return Scans(self._scans[key])
        if isinstance(key, int):
            return self._scans[key]
        found = [scan for scan in self._scans if scan.scan_id == key]
        if not found:
            raise KeyError(f"There is no scan {key!r}; there are {', '.join(scan.scan_id for scan in self._scans)}.")
        return found[0]

    def __len__(self) -> int:
        return len(self._scans)

    def __repr__(self) -> str:
        return f"<Scans: {', '.join(scan.scan_id for scan in self._scans) or 'none'}>"

    def __str__(self) -> str:
        return "\n".join(aligned(self._HEADER, self._rows()))

    def _repr_html_(self) -> str:
        return html.render("scans.html", header=self._HEADER, rows=self._rows())

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                scan.scan_id,
                scan.data_type,
                scan.type,
                scan.description,
                ", ".join(resource.label for resource in scan.resources) or "none",
            )
            for scan in self._scans
        ]


@dataclass(frozen=True)
class Resource:
    """One named folder of files under a scan or a session, which need not exist yet.

    Parameters
    ----------
    parent : Scan or Accession
        The scan that it belongs to, or the session itself.
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

    parent: Scan | Accession
    label: str

    def __post_init__(self) -> None:
        if not isinstance(self.parent, (Scan, Accession)):
            raise TypeError(f"A resource belongs to a Scan or an Accession, and not to {self.parent!r}.")
        object.__setattr__(self, "label", decimal_text(self.label))
        check_resource_label(self.label)

    def __str__(self) -> str:
        return f"{self.parent}/resources/{self.label}"

    @property
    def accession(self) -> Accession:
        """The session in which it lies."""
        return self.parent if isinstance(self.parent, Accession) else self.parent.accession

    @property
    def scan(self) -> Scan | None:
        """The scan in which it lies; None if it is the session's own."""
        return self.parent if isinstance(self.parent, Scan) else None

    @property
    def was_there(self) -> bool:
        """Whether its parent had it when the session was read."""
        return self.label in self.accession.resource_numbers.get(self._scan_id, ())

    @property
    def destination(self) -> Destination:
        """The same place in the caller's words."""
        accession = self.accession
        return Destination(
            hub_project_id=accession.hub_project_id,
            project_id=accession.project_id if accession.hub_project_id is None else None,
            # A session may bear a label that could never be asked for, and be found by its experiment ID.
            accession_id=accession.label if is_identifier(accession.label) else accession.experiment_id,
            scan_id=self._scan_id,
            resource_id=self.label,
        )

    @property
    def _scan_id(self) -> str | None:
        return self.parent.scan_id if isinstance(self.parent, Scan) else None

    def file_path(self, name: str) -> str:
        """Give the path under which the file `name` is served.

        Parameters
        ----------
        name : str
            The file's name in the resource.

        Returns
        -------
        str
            The path on the server, percent-encoded.
        """
        return served_under(str(self), name)


def served_under(resource_path: str, name: str) -> str:
    """Give the address of the file `name` in a resource whose address or path is known."""
    return f"{resource_path}/files/{quote(name, safe=_RAW_IN_URL)}"
