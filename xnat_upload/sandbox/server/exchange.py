"""What the stations on the way learn about one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from xnat_upload.sandbox.faces import Face
from xnat_upload.sandbox.faults import Fault
from xnat_upload.sandbox.store.records import User


class Abort(Protocol):
    """Ends a connection at once."""

    def __call__(self, *, reset: bool = False) -> None:
        """Nothing more is sent or read; with `reset` the client is told so by RST."""


@dataclass
class Exchange:
    """One request and its answer, filled in station by station."""

    abort: Abort
    record: Callable[[int | None], None]
    face: Face
    user: User | None = None
    session_id: str | None = None
    faults: list[Fault] = field(default_factory=list)
