"""Which files a resource may mean: whatever a catalog, a zip or an address says, only those of its own project.

XNAT itself lets ``../x`` leave a resource, and so does this, as far as the folder of the
project: beyond it lie other people's projects, the accounts, and the developer's disk.
Symbolic links are not followed either; no account can make one, but who keeps the data can.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


class OutsideError(Exception):
    """A name leads out of the project."""


class Reach:
    """The files that the names in one resource can stand for.

    Parameters
    ----------
    folder : Path
        What the names are relative to: the folder of the catalog.
    limit : Path
        The folder of the project, without symbolic links above it.
    """

    def __init__(self, folder: Path, *, limit: Path) -> None:
        self._folder = str(folder)
        self._limit = str(limit)
        self._parents: dict[str, bool] = {}  # catalogs have 100,000 entries, and few folders

    def path(self, name: str) -> Path:
        """Give the path of a name, whether anything lies there or not."""
        path = self._inside(name)
        if path is None or os.path.islink(path):  # noqa: PTH114 - once per entry
            raise OutsideError(f"{name} leads out of the folder of its project, and is left alone.")
        return Path(path)

    def size(self, name: str) -> int | None:
        """Give the size of the file there; ``None`` where there is none."""
        path = self._inside(name)
        try:
            status = path and os.stat(path, follow_symlinks=False)  # noqa: PTH116 - once per entry
        except (OSError, ValueError):
            return None
        return status.st_size if status and stat.S_ISREG(status.st_mode) else None

    def file(self, name: str) -> Path | None:
        """Give the file there, if it is one."""
        return Path(self._inside(name) or "") if self.size(name) is not None else None

    def _inside(self, name: str) -> str | None:
        # Joined as text: a name that begins with a slash stays below the folder, as in Java.
        path = f"{self._folder}/{name}"
        if "//" in path or "/." in path:
            path = os.path.normpath(path)
        parent = path.rpartition("/")[0]
        known = self._parents.get(parent)
        if known is None:
            try:
                # Of what does not exist yet the part that does is resolved.
                known = f"{os.path.realpath(parent)}/".startswith(f"{self._limit}/")
            except ValueError:  # a NUL in the name
                known = False
            self._parents[parent] = known
        return path if known else None
