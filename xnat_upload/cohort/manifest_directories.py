"""Rows of a manifest that name a directory: each stands for a row for every file below it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from xnat_upload.cohort.rows import Rows, text_column
from xnat_upload.errors import ManifestFault, XnatUploadError, quoted
from xnat_upload.local.root import plain_root
from xnat_upload.local.staging import stage


def with_directories(rows: Rows, root: Path) -> tuple[Rows, list[ManifestFault]]:
    """Put a row for each file in the place of a row that names a directory.

    Returns
    -------
    Rows
        With as many rows as there are files; each knows the number of the row that it stands for.
    list of ManifestFault
        What is wrong with the directories; their rows stay as they are.
    """
    import numpy

    files: list[str | None] = []
    positions: list[int] = []
    faults: list[ManifestFault] = []
    expanded = False
    for position, file in enumerate(rows.cells["file"].array):
        is_directory = isinstance(file, str) and os.path.isdir(os.path.join(root, file))  # noqa: PTH112, PTH118
        if not is_directory or not file:
            files.append(file if isinstance(file, str) else None)
            positions.append(position)
            continue
        try:
            found = stage(file, root=plain_root(root), keep_paths=True).files
        except XnatUploadError as error:
            faults.append(ManifestFault(rows.number(position), str(error)))
            found = ()
        if rows.cells["name"].iat[position]:
            faults.append(
                ManifestFault(rows.number(position), f"{quoted(file)} is a directory, and name is that of one file.")
            )
        expanded = True
        files += [each.name for each in found]
        positions += [position] * len(found)
    if not expanded:
        return rows, faults
    cells = rows.cells.iloc[positions].reset_index(drop=True)
    cells["file"] = text_column(files)
    return replace(rows, cells=cells, frame=rows.frame.iloc[positions], positions=numpy.array(positions)), faults
