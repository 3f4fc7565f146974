"""The rows of the archive's database, as immutable values.

Identifiers follow XNAT: a project has an ID the user chooses; subjects and sessions
have a generated global ID and a label that is unique within the project; a scan has
an ID within its session; a resource has a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from xnat_upload.sandbox.site import Accessibility, Role


@dataclass(frozen=True, kw_only=True)
class User:
    """An account; a site administrator sees and changes everything.

    One that is disabled or not verified cannot log in.
    """

    login: str
    password_hash: str = field(repr=False)  # see `passwords`; empty for whoever cannot log in
    site_admin: bool = False
    number: int = 0
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    enabled: bool = True
    verified: bool = True
    roles_at_login: Mapping[str, Role] | None = field(default=None, compare=False)  # where no later one is seen


GUEST = User(login="guest", password_hash="", number=2, first_name="guest", last_name="guest")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project and who belongs to it."""

    id: str
    secondary_id: str = ""
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    accessibility: Accessibility = "private"
    members: Mapping[str, Role] = field(default_factory=dict)
    insert_date: str = ""
    insert_user: str = ""
    last_modified: str = ""
    prearchive_code: str = "4"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A subject; ``shares`` maps each further project onto the label it has there, ``""`` for none of its own."""

    id: str
    project: str
    label: str
    fields: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    insert_date: str = ""
    insert_user: str = ""
    last_modified: str = ""

    def label_in(self, project_id: str) -> str:
        """Give the label under which `project_id` shows this subject."""
        return self.shares.get(project_id) or self.label


@dataclass(frozen=True, kw_only=True)
class Session:
    """An experiment: an image session, or an assessor of the session ``assessed_id``, which has no subject.

    ``shares`` maps each further project onto the label it has there, ``""`` for none of its own.
    """

    id: str
    xsi_type: str
    project: str
    subject_id: str
    label: str
    assessed_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    insert_date: str = ""
    insert_user: str = ""
    last_modified: str = ""

    def label_in(self, project_id: str) -> str:
        """Give the label under which `project_id` shows this session."""
        return self.shares.get(project_id) or self.label


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan; ``row_id`` is the database key that session XML shows in a comment."""

    row_id: int
    session_id: str
    id: str
    xsi_type: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """A reconstructed image of a session."""

    row_id: int
    session_id: str
    id: str
    fields: Mapping[str, str] = field(default_factory=dict)


Direction = Literal["in", "out"]
"""Which of the two lists of an assessor or a reconstruction a resource stands in."""


@dataclass(frozen=True)
class Owner:
    """The item whose folder a resource lies in.

    `id` is its global ID; what has none, a scan or a reconstruction, has the session's
    and its own one beside it.
    """

    level: Literal["projects", "subjects", "experiments", "scans", "assessors", "reconstructions"]
    id: str
    scan_id: str = ""
    reconstruction_id: str = ""
    direction: Direction = "out"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource catalog: a labelled folder and the row that describes it.

    ``file_count`` and ``file_size`` are the database's copy: ``None`` until the first
    file is written with statistics.
    """

    id: int
    owner: Owner
    label: str
    catalog: str
    format: str = ""
    content: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    file_count: int | None = None
    file_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class SiteDocument:
    """A text that the site keeps beside its items: a saved search, a configuration.

    `scope` is the project it belongs to, or empty; `users` are those it is kept for.
    """

    kind: Literal["search", "config", "preference"]
    name: str
    text: str
    scope: str = ""
    status: str = "enabled"
    version: int = 1
    users: tuple[str, ...] = ()
    user: str = ""
    date: str = ""


@dataclass(frozen=True, kw_only=True)
class PrearchiveSession:
    """A session that has arrived and is not in the archive yet; ``project`` is empty where none was found for it.

    ``series`` maps each scan ID onto the UID of its series; ``values`` are the columns of the
    list that only parameters set.
    """

    project: str
    timestamp: str
    folder: str
    name: str
    subject: str
    uid: str
    status: str
    scan_date: str = ""
    scan_time: str = ""
    autoarchive: str = ""
    uploaded: str = ""
    last_modified: str = ""
    series: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What its address consists of."""
        return self.project, self.timestamp, self.folder


Record: TypeAlias = (
    User | Project | Subject | Session | Scan | Reconstruction | Resource | PrearchiveSession | SiteDocument
)
