"""Where a file goes, in the words of a caller."""

from __future__ import annotations

from dataclasses import dataclass

from xnat_upload.errors import InvalidIdentifierError
from xnat_upload.places.names import (
    check_hub_project_id,
    check_identifier,
    check_resource_label,
    check_scan_id,
    decimal_text,
)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where files are to go, in the caller's words; nothing of it need exist but the session.

    Parameters
    ----------
    hub_project_id : str, optional
        The hub's ID of the project: XNAT's secondary ID, free text.
    project_id : str, optional
        XNAT's own ID or alias of the project, in place of `hub_project_id`.
    accession_id : str
        The session's label in that project (or its experiment ID).
    scan_id : str or None
        The scan; None for a resource of the session itself.
    resource_id : str
        Label of the resource under it.

    Raises
    ------
    InvalidIdentifierError
        One of them is something that XNAT cannot hold, or the project is named in no way or in two.

    Notes
    -----
    IDs that are integers become their decimal text.

    Examples
    --------
    >>> print(Destination(hub_project_id="3fa85f64", accession_id="FAK09131796", scan_id=4, resource_id="NIFTI"))
    FAK09131796 / scan 4 / NIFTI
    """

    hub_project_id: str | None = None
    project_id: str | None = None
    accession_id: str
    scan_id: str | None
    resource_id: str

    def __post_init__(self) -> None:
        for name in ("hub_project_id", "project_id", "accession_id", "scan_id", "resource_id"):
            object.__setattr__(self, name, decimal_text(getattr(self, name)))
        check_one_project(self.hub_project_id, self.project_id)
        if self.hub_project_id is not None:
            check_hub_project_id(self.hub_project_id)
        else:
            check_identifier(self.project_id, what="project ID")
        check_identifier(self.accession_id, what="accession ID")
        if self.scan_id is not None:
            check_scan_id(self.scan_id)
        check_resource_label(self.resource_id)

    def __str__(self) -> str:
        scan = "" if self.scan_id is None else f"scan {self.scan_id} / "
        return f"{self.accession_id} / {scan}{self.resource_id}"

    @property
    def scan_words(self) -> str:
        """What the resource belongs to, as a person says it."""
        return "the session" if self.scan_id is None else f"scan {self.scan_id}"


def check_one_project(hub_project_id: object, project_id: object) -> None:
    """Make sure that a project is named in exactly one way.

    Raises
    ------
    InvalidIdentifierError
        It is named in no way, or in two.
    """
    if (hub_project_id is None) == (project_id is None):
        raise InvalidIdentifierError(
            "Name the project in exactly one way: hub_project_id= (its secondary ID) or project_id= (XNAT's own ID). "
            + ("None was given." if project_id is None else "Both were given.")
        )
