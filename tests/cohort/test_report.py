"""What a cohort's report keeps and shows."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cohort.manifests import cohort, row
from tests.conftest import SandboxHospital


def test_own_columns_survive_beside_the_results_and_the_index_too(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    frame = pd.DataFrame([row(ward, "a.nii", status="checked by Ada", weight=71.5)], index=["patient-1"])
    with ward.connect() as uploader:
        report = uploader.upload_cohort(frame, root=tmp_path)
    frame["weight"] = 0.0
    merged = report.to_dataframe()
    assert merged.loc["patient-1", "status_manifest"] == "checked by Ada"
    assert merged.loc["patient-1", "status"] == "stored"
    assert merged.loc["patient-1", "weight"] == 71.5
    assert report.to_csv().splitlines()[0].startswith("hub_project_id,accession_id,scan_id,resource_id,file,status_m")


def test_the_report_is_a_report_in_every_form(ward: SandboxHospital, tmp_path: Path) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    rows[0]["patient"] = "=1+1"
    with ward.connect() as uploader:
        report = uploader.upload_cohort(rows, root=tmp_path)
    assert report.summary.startswith("4 stored; ")
    assert str(report).splitlines()[-1] == report.summary
    assert "CohortReport" in report._repr_html_()
    assert '"stored": 4' in report.to_json()
    assert "'=1+1" in report.to_csv()
    assert report.files[-1] == report.files[3]
    assert [file.name for file in report.files[:2]] == ["0.nii", "1.nii"]
    assert report.bytes_sent == sum((tmp_path / each["file"]).stat().st_size for each in rows)
    with pytest.raises(IndexError):
        report.files[4]


@pytest.mark.parametrize("kind", ["frame", "csv", "parquet", "mappings"])
def test_a_report_can_be_pickled_and_shows_the_same(ward: SandboxHospital, tmp_path: Path, kind: str) -> None:
    rows = cohort(ward, tmp_path, sessions=1)
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "cohort.parquet")
    manifests: dict[str, Any] = {
        "frame": pd.DataFrame(rows),
        "csv": tmp_path / "cohort.csv",
        "parquet": tmp_path / "cohort.parquet",
        "mappings": rows,
    }
    with ward.connect() as uploader:
        report = uploader.upload_cohort(manifests[kind], root=tmp_path)
    again = pickle.loads(pickle.dumps(report))
    assert again.to_csv() == report.to_csv()
    assert list(again.files) == list(report.files)


@pytest.mark.parametrize("heading", ["=HYPERLINK(1)", "+x", "-y", "@z", "'=q", "plain"])
def test_a_heading_is_as_harmless_as_a_cell_and_comes_back_as_it_was(
    ward: SandboxHospital, tmp_path: Path, heading: str
) -> None:
    (tmp_path / "a.nii").write_bytes(b"a")
    with ward.connect() as uploader:
        report = uploader.upload_cohort([row(ward, "a.nii") | {heading: "note"}], root=tmp_path)
        (tmp_path / "report.csv").write_text(report.to_csv(), encoding="utf-8", newline="")
        again = uploader.upload_cohort(tmp_path / "report.csv", root=tmp_path, exist_ok=True)
    written = report.to_csv().splitlines()[0].split(",")
    assert not [cell for cell in written if cell.startswith(("=", "+", "-", "@"))]
    assert list(again.to_dataframe()[heading]) == ["note"]


def test_a_cell_that_is_no_unicode_keeps_nobody_from_the_report(ward: SandboxHospital, tmp_path: Path) -> None:
    (tmp_path / "half\udcff").mkdir()
    (tmp_path / "half\udcff" / "a.nii").write_bytes(b"a")
    with ward.connect() as uploader:
        report = uploader.upload_cohort([row(ward, "half\udcff/a.nii", note="\udcff")], root=tmp_path)
    assert report.ok
    assert list(report.to_dataframe()["file"]) == ["half\udcff/a.nii"]
