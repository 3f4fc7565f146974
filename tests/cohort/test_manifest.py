"""What is wrong with a manifest is found before anything is sent, and all of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cohort.manifests import faults_of, row
from tests.conftest import SandboxHospital
from xnat_upload import (
    InvalidManifestError,
    MissingDependencyError,
    MissingFileError,
)
from xnat_upload.cohort.manifest import Manifest
from xnat_upload.cohort.rows import text_of


def test_all_faults_are_reported_together_with_their_rows(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.nii").write_bytes(b"other a")
    (tmp_path / "link.nii").symlink_to("/etc/hostname")
    rows: list[Any] = [
        row(ward, "a.nii"),
        row(ward, "missing.nii"),
        row(ward, "../outside.nii", scan_id="5"),
        row(ward, "a.nii", scan_id="ALL", resource_id="123"),
        row(ward, "a.nii", accession_id=None, hub_project_id=float("nan"), scan_id="a b"),
        row(ward, "sub/a.nii"),
        row(ward, "sub", scan_id="6", name="one.nii"),
        row(ward, "link.nii", scan_id="7"),
        row(ward, "a.nii", scan_id="8", scan_type="no type"),
        "no mapping",
        row(ward, "", scan_id="9"),
        row(ward, "gone.nii", scan_id="x y"),
    ]
    faults = faults_of(ward, rows, tmp_path)
    assert [fault.split(":")[0] for fault in faults] == [
        f"row {n}" for n in (1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 11)
    ]
    expected = [
        "'missing.nii' in ",
        "has a '..' component",
        "'ALL'",
        "'123'",
        "hub_project_id and accession_id are empty.",
        "'a b'",
        "'sub/a.nii' and 'a.nii' of row 0 would both be called 'a.nii' in one resource.",
        "'sub' is a directory, and name is that of one file.",
        "symbolic link",
        "'no type'",
        "is a str; each row must be a mapping",
        "file is empty.",
        "'x y'",
        "'gone.nii' in ",
    ]
    for fault, part in zip(faults, expected, strict=True):
        assert part in fault


def test_missing_columns_are_named_with_those_found(ward: SandboxHospital, tmp_path: Path) -> None:
    frame = pd.DataFrame({"accession": ["A"], "scan_id": ["1"], "file": ["a"], "resource_id": ["SEG"]})
    assert faults_of(ward, frame, tmp_path) == [
        "There is no column 'hub_project_id'.",
        "There is no column 'accession_id'.",
    ]
    path = tmp_path / "cohort.csv"
    path.write_text("hub_project_id,accession_id,scan_id,scan_id,resource_id\n1,2,3,4,5\n")
    assert faults_of(ward, path, tmp_path) == ["There is no column 'file'.", "There are two columns 'scan_id'."]


def test_the_rows_of_a_csv_are_counted_as_a_spreadsheet_shows_them(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    path = tmp_path / "cohort.csv"
    good = f"{ward.hub_project_id},{ward.accession_id},4,SEG,a.nii\n"
    path.write_text(
        f"hub_project_id,accession_id,scan_id,resource_id,file\n{good},,,,\n1,2\n{good.replace('4', '4.5')}\n\n"
    )
    faults = faults_of(ward, path, tmp_path)
    assert faults[0] == "row 3: is empty."
    assert faults[1] == "row 4: has 2 cells, and the heading has 5."
    assert faults[2].startswith("row 5: The scan ID '4.5'")
    assert len(faults) == 3


def test_a_csv_that_is_no_utf_8_or_no_csv_says_so(ward: SandboxHospital, tmp_path: Path) -> None:
    head = "hub_project_id,accession_id,scan_id,resource_id,file\n"
    path = tmp_path / "cohort.csv"
    path.write_bytes(head.encode() + "1,2,3,4,é.nii\n".encode("latin-1"))
    with pytest.raises(InvalidManifestError, match="is not UTF-8"):
        Manifest(path, root=tmp_path)
    path.write_text(head + '1,2,3,4,"a\n')
    with pytest.raises(InvalidManifestError, match="is no CSV"):
        Manifest(path, root=tmp_path)
    path.write_text("")
    with pytest.raises(InvalidManifestError, match=r"There is no column 'hub_project_id'\."):
        Manifest(path, root=tmp_path)
    path.write_text(head)
    with pytest.raises(InvalidManifestError, match="has no rows"):
        Manifest(path, root=tmp_path)


def test_what_is_no_manifest_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        Manifest(tmp_path / "no.csv", root=tmp_path)
    with pytest.raises(MissingFileError, match="is no directory"):
        Manifest([], root=tmp_path / "no")
    with pytest.raises(InvalidManifestError, match="this is a int"):
        Manifest(5, root=tmp_path)  # type: ignore[arg-type]
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(InvalidManifestError, match="cannot be read as Parquet"):
        Manifest(tmp_path / "bad.parquet", root=tmp_path)


def test_one_scan_cannot_have_two_types(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    rows = [
        row(ward, "a.nii", scan_id="9", resource_id="A", scan_type="xnat:ctScanData"),
        row(ward, "a.nii", scan_id="9", resource_id="B", scan_type=None),
        row(ward, "a.nii", scan_id="9", resource_id="C", scan_type="xnat:mrScanData"),
    ]
    assert faults_of(ward, rows, tmp_path) == [
        "row 2: scan '9' is 'xnat:mrScanData' here and 'xnat:ctScanData' in an earlier row."
    ]
    manifest = Manifest(rows[:2], root=tmp_path)
    assert [each.scan_type for session in manifest.sessions() for each in session.resources] == ["xnat:ctScanData"] * 2


def test_a_missing_package_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'xnat-upload\[parquet\]'"):
        Manifest(tmp_path / "a.parquet", root=tmp_path)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (4, "4"),
        (4.0, "4"),
        (4.5, "4.5"),
        ("004", "004"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (pd.Series([4]).iloc[0], "4"),
        (pd.Series([4, None]).iloc[0], "4"),
        (True, "True"),
    ],
)
def test_cells_become_the_text_that_a_person_wrote(cell: object, text: str) -> None:
    assert text_of(cell) == text


def test_numbers_of_a_spreadsheet_reach_the_archive_as_written(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = pd.DataFrame([row(ward, "a.nii", scan_id=4.0)])
    frame["scan_type"] = None
    with ward.connect() as uploader:
        report = uploader.upload_cohort(frame, root=tmp_path)
    assert report.ok
    assert report.files[0].destination.scan_id == "4"


def frame_of(ward: SandboxHospital, accession_ids: Any) -> Any:
    return pd.DataFrame([row(ward, "a.nii")]).assign(accession_id=accession_ids)


@pytest.mark.parametrize(
    "cells",
    [
        [2.0**53],
        [float("inf")],
        np.array([2**24], dtype="float32"),
        np.array([2**11], dtype="float16"),
        pd.Series([2**24], dtype="Float32").array,
        pd.arrays.SparseArray(np.array([2**24], dtype="float32")),
        pd.Categorical(np.array([2**24], dtype="float32")),
        pd.Series([2**24], dtype="float32[pyarrow]").array,
        np.array([np.float32(2**24)], dtype=object),
        np.array([2**53], dtype="longdouble"),
    ],
    ids=lambda cells: getattr(getattr(cells, "dtype", None), "name", str(cells)),
)
@pytest.mark.parametrize("kind", ["frame", "mappings", "parquet"])
def test_an_id_that_may_have_been_rounded_is_a_fault_of_its_row(
    ward: SandboxHospital, tmp_path: Path, kind: str, cells: Any
) -> None:
    """The next integer becomes the same number: it would be the session of another patient."""
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = frame_of(ward, cells)
    manifest: Any = frame
    if kind == "mappings":
        manifest = [row(ward, "a.nii", accession_id=np.asarray(cells)[0])]
    elif kind == "parquet":
        manifest = tmp_path / "cohort.parquet"
        frame = frame_of(ward, np.asarray(cells)) if isinstance(cells, pd.arrays.SparseArray) else frame
        if frame["accession_id"].dtype == np.longdouble:
            frame = frame.astype({"accession_id": "float64"})  # Parquet has none
        frame.to_parquet(manifest)
    (fault,) = faults_of(ward, manifest, tmp_path)
    assert fault.startswith("row 0: accession_id: ")
    assert "may have been rounded" in fault
    assert "Read this column as text" in fault


@pytest.mark.parametrize(
    "cells",
    [
        [2**53 + 1],
        [2.0**53 - 1],
        pd.Series([2**53 + 1], dtype="Int64").array,
        np.array([2**24 - 1], dtype="float32"),
        np.array([2**11 - 1], dtype="float16"),
    ],
)
def test_a_number_that_is_exact_is_its_decimal_text(ward: SandboxHospital, tmp_path: Path, cells: Any) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    manifest = Manifest(frame_of(ward, cells), root=tmp_path)
    assert manifest.resource(0)[2] == str(int(cells[0]))


def test_integers_beside_an_empty_cell_of_a_parquet_file_stay_what_they_are(
    ward: SandboxHospital, tmp_path: Path
) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = pd.DataFrame([row(ward, "a.nii"), row(ward, "a.nii")])
    frame["accession_id"] = pd.Series([2**53 + 1, None], dtype="Int64")
    frame.to_parquet(tmp_path / "cohort.parquet")
    faults = faults_of(ward, tmp_path / "cohort.parquet", tmp_path)
    assert faults == ["row 1: accession_id is empty."]


@pytest.mark.parametrize("kind", ["frame", "csv", "mappings"])
@pytest.mark.parametrize(("written", "read"), [("1.0", "1"), ("007.00", "007"), ("1", "1")])
def test_a_scan_id_that_a_spreadsheet_has_made_a_number_is_read_as_it_was(
    ward: SandboxHospital, tmp_path: Path, kind: str, written: str, read: str
) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    rows = [row(ward, "a.nii", scan_id=written)]
    manifest: Any = rows
    if kind != "mappings":
        manifest = pd.DataFrame(rows)
    if kind == "csv":
        manifest.to_csv(tmp_path / "cohort.csv", index=False)
        manifest = tmp_path / "cohort.csv"
    assert Manifest(manifest, root=tmp_path).resource(0)[3] == read


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\0b", "a/" * 3000])
def test_a_name_that_no_disk_could_hold_leaves_all_other_faults_told(
    ward: SandboxHospital, tmp_path: Path, name: str
) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    rows = [row(ward, name), row(ward, "a.nii", scan_id="a b"), row(ward, "gone.nii"), row(ward, name, scan_id="7")]
    faults = faults_of(ward, rows, tmp_path)
    assert [fault.split(":")[0] for fault in faults] == ["row 0", "row 1", "row 2", "row 3"]
