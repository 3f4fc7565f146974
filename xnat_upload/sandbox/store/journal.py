"""Records on disk: one JSON line for each change, replayed when the archive is opened again.

Passwords stand in it as hashes, and nobody but its owner may read it.

A temporary archive is thrown away with its directory and needs none of this; with
``--data DIR`` projects, sessions and accounts are there again after a restart.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xnat_upload.sandbox.store.records import (
    Owner,
    PrearchiveSession,
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
    kind.__name__: kind
    for kind in (User, Project, Subject, Session, Scan, Reconstruction, Resource, PrearchiveSession, SiteDocument)
}


PRIVATE = 0o600


class Journal:
    """Append-only record of what was saved and removed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def replay(self) -> Iterator[tuple[str, Record]]:
        """Yield ``("save" | "remove", record)`` in the order in which it happened."""
        if not self._path.exists():
            return
        self._path.chmod(PRIVATE)
        self._cut_torn_end()
        with self._path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    action, kind, values = json.loads(line)
                except ValueError as error:
                    raise ValueError(
                        f"Line {number} of {self._path} is damaged ({error}). Restore the file, or start with another "
                        "directory."
                    ) from error
                if kind == "Resource":
                    values["owner"] = Owner(**values["owner"])
                for name in ("aliases", "tags", "users"):
                    if name in values:
                        values[name] = tuple(values[name])
                yield action, KINDS[kind](**values)

    def write(self, action: str, record: Record) -> None:
        """Append one change."""
        line = json.dumps([action, type(record).__name__, asdict(record)]) + "\n"
        with open(self._path, "a", encoding="utf-8", opener=_private) as lines:
            lines.write(line)

    def _cut_torn_end(self) -> None:
        """Drop a last line without an end: the process died in it, and nobody was told that it had happened."""
        document = self._path.read_bytes()
        whole = document.rfind(b"\n") + 1
        if whole < len(document):
            with self._path.open("rb+") as file:
                file.truncate(whole)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=PRIVATE)
