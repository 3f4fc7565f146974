"""Filling a sandbox from a YAML file, and from a folder in the shape of XNAT's archive."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.places import Caller
from tests.sandbox.stored import stored
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.datasets import dicom_study

ROOT = Path(__file__).parents[2]
WHOLE = """
users:
  ada: secret
projects:
  LUNG:
    secondary_id: hub-1
    name: Lung study
    accessibility: protected
    members: {ada: collaborator}
    resources:
      PROTOCOL: files/protocol.pdf
      NOTES: {a.txt: text, sub/b.txt: "010"}
    sessions:
      ACC1:
        xsi_type: xnat:ctSessionData
        subject: S1
        id: HOSP_E00007
        subject_id: HOSP_S1
        modality: CT
        resources: {QC: files}
        scans:
          010:
          2: xnat:otherDicomScanData
          "3":
            xsi_type: xnat:petScanData
            type: PET AC
            resources: {NIFTI: {t.nii: T1}}
      NO:
    dicom: study
  EMPTY:
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def written(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def test_everything_a_yaml_file_says_is_there(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "files" / "more").mkdir(parents=True)
    (tmp_path / "files" / "protocol.pdf").write_bytes(b"%PDF")
    (tmp_path / "files" / "more" / "x").write_bytes(b"x")
    dicom_study(tmp_path / "study", series=1, images=1, patient_id="CT7")
    sandbox.add_from(written(tmp_path, WHOLE))
    ada = Caller(sandbox.url, "ada", "secret")
    with ada.session:
        [project] = [row for row in ada.rows("/data/projects") if row["ID"] == "LUNG"]
        assert (project["secondary_ID"], project["name"]) == ("hub-1", "Lung study")
        assert ada("GET", "/data/projects/LUNG/accessibility").text == "protected"
        sessions = ada.rows("/data/projects/LUNG/experiments?columns=label,xsiType,subject_label,modality")
        assert {row["label"]: (row["xsiType"], row["subject_label"]) for row in sessions} == {
            "ACC1": ("xnat:ctSessionData", "S1"),
            "NO": ("xnat:mrSessionData", "NO_subject"),
            "CT7": ("xnat:ctSessionData", "Test_Patient"),
        }
        assert (
            ada("GET", "/data/experiments/HOSP_E00007?format=json").json()["items"][0]["data_fields"]["label"] == "ACC1"
        )
        assert ada("GET", "/data/subjects/HOSP_S1?format=json").json()["items"][0]["data_fields"]["label"] == "S1"
        scans = ada.rows("/data/projects/LUNG/subjects/S1/experiments/ACC1/scans")
        assert {row["ID"]: (row["xsiType"], row["type"]) for row in scans} == {
            "010": ("xnat:ctScanData", ""), "2": ("xnat:otherDicomScanData", ""), "3": ("xnat:petScanData", "PET AC"),
        }  # fmt: skip
        assert ada("PUT", "/data/projects/LUNG/resources/NEW").status_code == 403
    assert sandbox.files("LUNG", None, None, "NOTES") == {"a.txt": b"text", "sub/b.txt": b"010"}
    assert sandbox.files("LUNG", None, None, "PROTOCOL") == {"protocol.pdf": b"%PDF"}
    assert sandbox.files("LUNG", "ACC1") == {
        "resources/QC/files/more/x": b"x",
        "resources/QC/files/protocol.pdf": b"%PDF",
        "scans/3/resources/NIFTI/files/t.nii": b"T1",
    }
    assert len(sandbox.files("LUNG", "CT7", "1", "DICOM")) == 1
    assert "/projects/EMPTY" in stored(sandbox)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("projekts: {}", r"site.yaml has 'projekts', which means nothing: it may have users, projects\."),
        ("projects: {P: {sesions: {}}}", "projects.P has 'sesions', which means nothing"),
        ("projects: {P: {sessions: {E: {scans: {1: {kind: T1}}}}}}", r"projects\.P\.sessions\.E\.scans\.1 has 'kind'"),
        ("projects: {P: {sessions: {E: {scans: {1: MR}}}}}", "'MR' is no data type"),
        ("projects: {P: {sessions: [E]}}", r"projects\.P\.sessions is \['E'\], and must be a table"),
        ("projects: {P: {members: {ada: owner}}}", "no user 'ada'"),
        ("projects: {P: {accessibility: open}}", "'open' is none"),
        ("projects: {P: {name: [a]}}", r"projects\.P\.name is \['a'\], and must be a text"),
        ("projects: {P: {resources: {R: {a: {b: c}}}}}", r"projects\.P\.resources\.R\.a is \{'b': 'c'\}"),
        ("projects: {P: , P: }", "'P' twice in one table"),
        ("projects: {P", "is no YAML"),
        ("- projects", "must be a table"),
    ],
)
def test_what_means_nothing_in_a_yaml_file_is_said(sandbox: Sandbox, tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        sandbox.add_from(written(tmp_path, text))


def test_a_folder_in_the_shape_of_an_archive_becomes_its_projects(sandbox: Sandbox, tmp_path: Path) -> None:
    files = {
        "P1/resources/DOCS/a.txt": b"1",
        "P1/arc001/E1/RESOURCES/QC/sub/b.txt": b"2",
        "P1/arc001/E1/SCANS/4/NIFTI/c.nii": b"3",
        "P1/arc001/E1/SCANS/4/NIFTI/scan_4_catalog.xml": b"<cat:Catalog/>",
        "P2/arc002/E2/SCANS/1-MR1/DICOM/d.dcm": b"4",
        "P2/.DS_Store": b"",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    sandbox.add_from(tmp_path)
    assert sandbox.files("P1") == {
        "resources/DOCS/files/a.txt": b"1",
        "subjects/E1_subject/experiments/E1/resources/QC/files/sub/b.txt": b"2",
        "subjects/E1_subject/experiments/E1/scans/4/resources/NIFTI/files/c.nii": b"3",
    }
    assert sandbox.files("P2", "E2", "1-MR1", "DICOM") == {"d.dcm": b"4"}


def test_the_archive_of_a_sandbox_can_be_the_seed_of_another(sandbox: Sandbox) -> None:
    sandbox.add_project("P")
    sandbox.add_session("P", "E", scans={"1": "xnat:mrScanData"})
    for session, scan in (("E", "1"), ("E", None), (None, None)):
        sandbox.add_files("P", session, scan, "R", {"a": b"1", "sub/b": b"2"})
    with Sandbox() as other:
        other.add_from(sandbox._now.archive.archive_folder)
        assert other.files("P") == sandbox.files("P")
        assert len(other.files("P")) == 6


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("P1/readme.txt", r"readme\.txt has no place"),
        ("P1/E1/SCANS/4/NIFTI/c.nii", "E1 has no place.*expected arc001 or resources"),
        ("P1/arc001/E1/scans/4/NIFTI/c.nii", "scans has no place.*expected SCANS or RESOURCES"),
        ("P1/arc001/E1/SCANS/4/c.nii", r"c\.nii has no place"),
    ],
)
def test_what_has_no_place_in_a_folder_is_said(sandbox: Sandbox, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(ValueError, match=sentence):
        sandbox.add_from(tmp_path)


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xnat_upload.sandbox", "--port", "0", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_a_seed_that_cannot_be_taken_is_one_sentence(tmp_path: Path) -> None:
    seed = str(written(tmp_path, "projects: {P: {dicom: nosuch.dcm}}"))
    done = start("--seed", seed)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"--seed {seed}: " in done.stderr
    assert "nosuch.dcm" in done.stderr
    assert "Traceback" not in done.stderr
