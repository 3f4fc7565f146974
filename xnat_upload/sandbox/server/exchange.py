"""What the stations on the way learn about one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from xnat_upload.sandbox.faults import Fault
from xnat_upload.sandbox.store.records import User


@dataclass
class Exchange:
    """One request and its answer, filled in station by station."""

    abort: Callable[[], None]
    user: User | None = None
    session_id: str | None = None
    faults: list[Fault] = field(default_factory=list)
