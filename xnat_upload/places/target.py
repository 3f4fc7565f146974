"""What is meant by a call, before the archive is asked: a session, perhaps a scan of it, perhaps a resource."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from xnat_upload.places.destination import Destination
from xnat_upload.places.hierarchy import Accession


class _NotGiven(Enum):
    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Final = _NotGiven.NOT_GIVEN
"""Stands where ``None`` has a meaning of its own: a scan that is None is the session itself."""

NotGiven: TypeAlias = Literal[_NotGiven.NOT_GIVEN]


@dataclass(frozen=True, kw_only=True)
class SessionName:
    """A session as a caller names it.

    Parameters
    ----------
    hub_project_id, project_id : str or None
        The project, in one of two ways; in neither where an experiment ID stands alone, as an element of pyxnat may.
    accession_id : str
        Label, or experiment ID.
    subject : str or None
        ID or label of the subject, where the caller named one.
    """

    hub_project_id: str | None = None
    project_id: str | None = None
    accession_id: str
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is meant by a call.

    Parameters
    ----------
    session : SessionName or Accession
        The latter needs no request.
    scan_id : str or None
        None for the session itself.
    resource_id : str or None
        Label of a resource; None where none is meant.
    resource_number : str or None
        XNAT's number of the resource, in place of its label.
    """

    session: SessionName | Accession
    scan_id: str | None = None
    resource_id: str | None = None
    resource_number: str | None = None

    @property
    def destination(self) -> Destination:
        """The same in a caller's words, for reports."""
        unnamed = self.session.hub_project_id is None and self.session.project_id is None
        project_id = "unknown" if unnamed else self.session.project_id
        return Destination(
            hub_project_id=self.session.hub_project_id,
            project_id=project_id if self.session.hub_project_id is None else None,
            accession_id=self.session.label if isinstance(self.session, Accession) else self.session.accession_id,
            scan_id=self.scan_id,
            resource_id=self.resource_id or f"number-{self.resource_number}",
        )
