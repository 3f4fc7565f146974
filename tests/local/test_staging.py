"""What is named, and which files that stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import corpus
from tests.local.staged import content, is_readable, names, stage
from xnat_upload import InvalidIdentifierError, MissingFileError, UnsafePathError, XnatUploadError


def test_files_come_in_the_order_in_which_they_are_named(root: Path) -> None:
    assert names(stage(["series/b.dcm", "a.dcm"], root=root)) == ["b.dcm", "a.dcm"]
    assert names(stage(["series", "a.dcm"], root=root)) == ["b.dcm", "c.dcm", "a.dcm"]
    assert names(stage("a.dcm", root=root)) == names(stage(Path("a.dcm"), root=str(root))) == ["a.dcm"]
    assert names(stage((each for each in ["a.dcm"]), root=root)) == ["a.dcm"]


def test_a_path_may_be_absolute_inside_the_root(root: Path) -> None:
    (file,) = stage(root / "series" / "b.dcm", root=root)
    assert (file.name, file.size_bytes, content(file)) == ("b.dcm", 2, b"bb")


def test_a_root_may_be_reached_by_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(root)
    for named in ("series/b.dcm", tmp_path / "images" / "series" / "b.dcm", root / "series" / "b.dcm"):
        (file,) = stage([named], root=tmp_path / "images")
        assert content(file) == b"bb"


def test_names_keep_their_folders_only_when_that_is_asked_for(root: Path) -> None:
    assert names(stage("series", root=root, keep_paths=True)) == ["series/b.dcm", "series/deep/c.dcm"]
    assert names(stage("./series//deep/./c.dcm", root=root, keep_paths=True)) == ["series/deep/c.dcm"]


def test_two_files_of_one_name_are_refused_unless_they_keep_their_folders(root: Path) -> None:
    (root / "series" / "a.dcm").write_bytes(b"other")
    with pytest.raises(InvalidIdentifierError, match=r"a\.dcm.* and .*series/a\.dcm.* would both be called 'a\.dcm'"):
        stage(["a.dcm", "series"], root=root)
    assert len(stage(["a.dcm", "series"], root=root, keep_paths=True)) == 4
    with pytest.raises(InvalidIdentifierError, match="is named twice"):
        stage(["a.dcm", "a.dcm"], root=root, keep_paths=True)


def test_names_that_differ_only_in_case_or_normal_form_are_different_files(root: Path) -> None:
    for name in ("A.dcm", "\u00e9.dcm", "e\u0301.dcm"):
        (root / name).write_bytes(name.encode())
    staged = stage(["a.dcm", "A.dcm", "\u00e9.dcm", "e\u0301.dcm"], root=root)
    assert len(set(names(staged))) == 4
    assert content(staged[2]) != content(staged[3])


def test_a_file_of_no_bytes_is_a_file(root: Path) -> None:
    (root / "empty.txt").touch()
    (file,) = stage("empty.txt", root=root)
    assert (file.size_bytes, content(file)) == (0, b"")


@pytest.mark.parametrize(
    "given", [[], ["no.dcm"], ["series/no.dcm"], ["a.dcm/x"], ["empty"], ["hollow"], ["x/" * 3000]]
)
def test_what_is_not_there_is_missing(root: Path, given: list[str]) -> None:
    (root / "empty").mkdir()
    (root / "hollow" / "folders" / "only").mkdir(parents=True)
    with pytest.raises(MissingFileError) as caught:
        stage(given, root=root)
    assert isinstance(caught.value, FileNotFoundError)
    assert is_readable(caught.value)


@pytest.mark.parametrize("given", ["no-root", "root/a.dcm", "root\0", "root/\ud800", "x" * 300, "loop"])
def test_a_root_that_is_no_directory_is_missing(root: Path, tmp_path: Path, given: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(MissingFileError) as caught:
        stage("a.dcm", root=f"{tmp_path}/{given}")
    assert is_readable(caught.value)


def test_a_name_that_xnat_cannot_hold_is_refused_before_anything_is_sent(root: Path) -> None:
    for name in ("50%.dcm", "x_catalog.xml", "a\nb.dcm", os.fsdecode(b"\xff.dcm"), "a;b"):
        (root / "series" / name).write_bytes(b"x")
        for named in (f"series/{name}", "series"):
            with pytest.raises(InvalidIdentifierError) as caught:
                stage(named, root=root)
            assert is_readable(caught.value)
        (root / "series" / name).unlink()


def test_all_files_that_are_missing_are_told_together(root: Path) -> None:
    with pytest.raises(MissingFileError) as caught:
        stage(["x.dcm", "a.dcm", "series/y.dcm"], root=root)
    assert "'x.dcm'" in str(caught.value)
    assert "'series/y.dcm'" in str(caught.value)
    assert "a.dcm" not in str(caught.value)
    with pytest.raises(MissingFileError, match=r"And 980 more faults\."):
        stage([f"{number}.dcm" for number in range(1000)], root=root)


def test_a_file_that_is_named_twice_is_told_from_two_of_one_name(root: Path) -> None:
    with pytest.raises(InvalidIdentifierError, match="is named twice"):
        stage(["series", "series/b.dcm"], root=root)
    (root / "b.dcm").touch()
    with pytest.raises(InvalidIdentifierError, match="keep_paths=True"):
        stage(["b.dcm", "series/b.dcm"], root=root)


# Paths that leave the root by their text.


@pytest.mark.parametrize(
    "given",
    [
        "",
        "..",
        "../outside/secret.dcm",
        "series/../../outside/secret.dcm",
        "series/../a.dcm",
        "series/..",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        "/dev/zero",
        "/proc/self/mem",
        "a\0.dcm",
        "\0",
        "\ud800.dcm",
        "x" * 300,
        b"a.dcm",
    ],
)
def test_a_path_that_names_nothing_inside_the_root_is_unsafe(root: Path, given: str) -> None:
    with pytest.raises(UnsafePathError) as caught:
        stage([given], root=root)
    assert isinstance(caught.value, ValueError)
    assert is_readable(caught.value)


@pytest.mark.parametrize("keep_paths", [False, True])
def test_the_root_itself_stands_for_all_files_below_it(root: Path, keep_paths: bool) -> None:
    (root / "linked").symlink_to(root / "a.dcm")
    names = ["a.dcm", "linked", "series/b.dcm", "series/deep/c.dcm"]
    for named in (".", "./", "././.", root, Path()):
        staged = stage(named, root=root, keep_paths=keep_paths)
        assert [file.name for file in staged] == [name if keep_paths else Path(name).name for name in names]
        assert [file.path for file in staged] == [root / name for name in names]


def test_the_root_itself_is_empty_or_holds_files(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="holds no file"):
        stage(".", root=tmp_path)


def test_what_lies_beside_the_root_is_unsafe(root: Path, tmp_path: Path) -> None:
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "a.dcm").touch()
    for named in (tmp_path, tmp_path / "root-2" / "a.dcm", tmp_path / "outside" / "secret.dcm"):
        with pytest.raises(UnsafePathError):
            stage(named, root=root)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpus.names)
def test_any_text_at_all_is_refused_readably_or_names_a_file_below_the_root(root: Path, text: str) -> None:
    for named in (text, f"series/{text}", f"{root}/{text}"):
        try:
            staged = stage([named], root=root)
        except XnatUploadError as error:
            readable = is_readable(error)
            kind = type(error)
            assert readable
            assert kind in (InvalidIdentifierError, MissingFileError, UnsafePathError)
        else:
            assert all(content(file) in (b"a", b"bb", b"ccc") for file in staged)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(min_size=1, max_size=60) | corpus.names)
def test_any_file_that_can_lie_there_is_refused_readably_or_found_under_its_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "names"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    try:
        descriptor = os.open(folder / name.replace("/", "_"), os.O_CREAT | os.O_WRONLY | os.O_EXCL)
    except (OSError, ValueError):
        return
    os.close(descriptor)
    try:
        (file,) = stage("names", root=tmp_path)
    except InvalidIdentifierError as error:
        readable = is_readable(error)
        assert readable
    else:
        assert file.name == name.replace("/", "_")
