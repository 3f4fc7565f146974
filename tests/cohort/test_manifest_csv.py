"""A CSV is read whatever a spreadsheet has made of it, or refused in one sentence."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.cohort.manifests import cohort
from tests.conftest import SandboxHospital
from xnat_upload import InvalidManifestError
from xnat_upload.cohort import manifest_csv
from xnat_upload.cohort.manifest import Manifest

HEADING = "hub_project_id,accession_id,scan_id,resource_id,file"
ROW = "hub,ACC,4,SEG,a.nii"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.nii").write_bytes(b"a")
    return tmp_path


def written(root: Path, *lines: str, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path = root / "cohort.csv"
    path.write_bytes("\r\n".join([*lines, ""]).replace(",", delimiter).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("heading", "row", "columns"),
    [
        (f"{HEADING},,,", f"{ROW},,,", []),
        (HEADING, f"{ROW},,", []),
        (f"{HEADING},reader,", f"{ROW},ada,", ["reader"]),
        (f"{HEADING},,reader", f"{ROW},x,ada", ["Unnamed: 5", "reader"]),
        (f"{HEADING},,", f"{ROW},x,y", ["Unnamed: 5", "Unnamed: 6"]),
    ],
)
def test_columns_without_a_name_are_left_out_if_they_are_empty(
    root: Path, heading: str, row: str, columns: list[str]
) -> None:
    manifest = Manifest(written(root, heading, row), root=root)
    assert manifest.resource(0) == ("hub", "", "ACC", "4", "SEG")
    assert list(manifest.frame().columns) == [*HEADING.split(","), *columns]


@pytest.mark.parametrize("line", ["sep={}", "SEP={}", '"sep={}"'])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_first_line_that_names_the_separator_is_obeyed(root: Path, line: str, delimiter: str, encoding: str) -> None:
    lines = (line.format(delimiter), HEADING, ROW, ROW.replace("SEG", "12"))
    with pytest.raises(InvalidManifestError) as caught:
        Manifest(written(root, *lines, delimiter=delimiter, encoding=encoding), root=root)
    assert [str(fault).partition(" '")[0] for fault in caught.value.faults] == ["row 3: The resource label"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_utf_16_is_read_where_it_is_marked(root: Path, delimiter: str) -> None:
    path = written(root, HEADING, ROW, delimiter=delimiter, encoding="utf-16")
    assert Manifest(path, root=root).resource(0) == ("hub", "", "ACC", "4", "SEG")
    path.write_bytes(path.read_bytes()[2:])
    with pytest.raises(InvalidManifestError, match=r"bytes of value 0.* Save it as 'CSV UTF-8'\."):
        Manifest(path, root=root)
    path.write_bytes("\ufeffaé".encode("utf-16-le") + b"x")
    with pytest.raises(InvalidManifestError, match="is not UTF-16"):
        Manifest(path, root=root)


@pytest.mark.parametrize(
    "heading",
    ["y" * 200_000, f"{HEADING},{'y' * 200_000}", ",".join(f"c{n}" for n in range(40_000)), "y" * 3_000_000],
    ids=["one cell", "beside others", "many cells", "more than is looked at"],
)
def test_a_heading_of_any_length_is_read_or_refused_in_one_sentence(root: Path, heading: str) -> None:
    with pytest.raises(InvalidManifestError) as caught:
        Manifest(written(root, heading, ROW), root=root)
    assert len(str(caught.value)) < 1000


def test_rows_that_are_all_too_long_are_faults_and_never_shifted(root: Path) -> None:
    with pytest.raises(InvalidManifestError) as caught:
        Manifest(written(root, HEADING, f"0,{ROW}", f"1,{ROW}"), root=root)
    assert [str(fault) for fault in caught.value.faults] == [
        f"row {row}: has 6 cells, and the heading has 5." for row in (2, 3)
    ]


def test_a_manifest_of_many_pieces_is_one(
    ward: SandboxHospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns that repeat in one piece and not in the next are put together all the same."""
    monkeypatch.setattr(manifest_csv, "_PIECE_ROWS", 4)
    rows = cohort(ward, tmp_path, sessions=4, files=3)
    notes = [("same", str(number))[number % 8 > 3] for number in range(len(rows))]
    lines = [",".join([*list(each.values())[:5], note]) for each, note in zip(rows, notes, strict=True)]
    with_gap = [*lines[:7], "", *lines[7:]]
    with pytest.raises(InvalidManifestError, match=r"^One fault .*\nrow 9: is empty\.$"):
        Manifest(written(tmp_path, f"{HEADING},note", *with_gap), root=tmp_path)
    manifest = Manifest(written(tmp_path, f"{HEADING},note", *lines), root=tmp_path)
    assert list(manifest.frame()["note"]) == notes
    assert list(manifest.frame()["file"]) == [each["file"] for each in rows]
    work = list(itertools.chain.from_iterable(session.resources for session in manifest.sessions()))
    assert len(work) == 8
    assert sorted(row for each in work for row in each.rows) == list(range(len(rows)))
    for each in work:
        assert [rows[row]["file"] for row in each.rows] == list(each.files.values())


def test_a_row_takes_little_more_memory_than_the_name_of_its_file(root: Path) -> None:
    """IDs repeat, and are kept once."""
    total = 100_000
    place = "3fa85f64-5717-4562-b3fc-2c963f66afa6,FAK{:08},4,SEG"
    lines = [f"{place.format(row // 100)},{row:020}.nii,patient {row // 100}" for row in range(total)]
    rows = manifest_csv.read_csv(written(root, f"{HEADING},patient", *lines))
    taken = rows.frame.memory_usage(deep=True) + rows.cells.memory_usage(deep=True)
    assert taken.drop("file").sum() / total < 16
    assert list(rows.frame.dtypes == "category") == [True] * 4 + [False, True]
