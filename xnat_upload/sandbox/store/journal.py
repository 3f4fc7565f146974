"""Records on disk: one JSON line for each change, replayed when the archive is opened again.

A temporary archive is thrown away with its directory and needs none of this; with
``--data DIR`` projects, sessions and accounts are there again after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xnat_upload.sandbox.store.records import (
    Owner,
    Project,
    Reconstruction,
    Record,
    Resource,
    Scan,
    Session,
    SiteDocument,
    Subject,
    User,
)

KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (User, Project, Subject, Session, Scan, Reconstruction, Resource, SiteDocument)
}


class Journal:
    """Append-only record of what was saved and removed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def replay(self) -> Iterator[tuple[str, Record]]:
        """Yield ``("save" | "remove", record)`` in the order in which it happened."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8") as lines:
            for line in lines:
                action, kind, values = json.loads(line)
                if kind == "Resource":
                    values["owner"] = Owner(**values["owner"])
                for name in ("aliases", "tags", "users"):
                    if name in values:
                        values[name] = tuple(values[name])
                yield action, KINDS[kind](**values)

    def write(self, action: str, record: Record) -> None:
        """Append one change."""
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([action, type(record).__name__, asdict(record)]) + "\n")
