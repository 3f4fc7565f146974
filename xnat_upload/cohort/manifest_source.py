"""The rows of a manifest, whatever it comes as: a DataFrame, a CSV or Parquet file, or mappings."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from xnat_upload.cohort.manifest_csv import read_csv
from xnat_upload.cohort.rows import PROJECT, REQUIRED, Rows, check_columns, make_rows
from xnat_upload.errors import InvalidManifestError, MissingDependencyError, MissingFileError, quoted

if TYPE_CHECKING:
    import pandas as pd

ManifestSource: TypeAlias = "pd.DataFrame | str | os.PathLike[str] | Iterable[Mapping[str, Any]]"

_FROM_ZERO = "Rows are counted from 0."


def rows_of(manifest: ManifestSource) -> Rows:
    """Read a manifest.

    Raises
    ------
    InvalidManifestError
        Columns are missing, or it is nothing that can be read.
    MissingFileError
        There is no such file.
    MissingDependencyError
        A Parquet file, and pyarrow is not installed.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(manifest, pandas.DataFrame):
        return _of_frame(manifest)
    if isinstance(manifest, (str, os.PathLike)):
        path = Path(manifest)
        if not os.path.isfile(path):  # noqa: PTH113  Path would raise for what no path can be
            raise MissingFileError(f"The manifest {quoted(path)} does not exist, or is no file.")
        return _of_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else read_csv(path)
    if isinstance(manifest, Iterable):
        return _of_mappings(manifest)
    raise InvalidManifestError(
        "A manifest is a DataFrame, the path of a CSV or Parquet file, or an iterable of mappings; this is a "
        f"{type(manifest).__name__}."
    )


def _of_frame(frame: pd.DataFrame) -> Rows:
    check_columns(list(map(str, frame.columns)))
    # What the caller does to it later must not change the report.
    return make_rows(frame.copy(), first_number=0, counted=_FROM_ZERO)


def _of_mappings(mappings: Iterable[Any]) -> Rows:
    import pandas

    kept: list[Mapping[str, Any]] = []
    faults: list[tuple[int, str]] = []
    for number, row in enumerate(mappings):
        if isinstance(row, Mapping):
            kept.append(dict(row))
        else:
            kept.append({})
            faults.append((number, f"is a {type(row).__name__}; each row must be a mapping of column to value."))
    # Not by the types that pandas would find: an integer beside an empty cell would become a float, and be rounded.
    frame = pandas.DataFrame(kept, columns=None if kept else list(REQUIRED), dtype=object)
    for column in (PROJECT[0], *REQUIRED):
        if column not in frame.columns and not (column == PROJECT[0] and PROJECT[1] in frame.columns):
            frame[column] = None
    rows = make_rows(frame, first_number=0, counted=_FROM_ZERO, faults=faults)
    with contextlib.suppress(UnicodeEncodeError):  # a cell that is no Unicode stays the object it is
        rows = replace(rows, frame=frame.infer_objects())
    return rows


def _of_parquet(path: Path) -> Rows:
    try:
        import pyarrow
    except ImportError:
        raise MissingDependencyError("A Parquet manifest needs pyarrow: pip install 'xnat-upload[parquet]'.") from None
    import pandas

    try:
        frame = pandas.read_parquet(path, engine="pyarrow", dtype_backend="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidManifestError(f"The manifest {quoted(path)} cannot be read as Parquet: {error}") from error
    frame = frame.reset_index([name for name in frame.index.names if name in REQUIRED])
    check_columns(list(map(str, frame.columns)))
    return make_rows(frame, first_number=0, counted=_FROM_ZERO)
