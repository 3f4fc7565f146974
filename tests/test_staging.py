"""Nothing outside the root is ever read, and what was found is what is opened."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import corpus
from xnat_upload import ChangedFileError, InvalidIdentifierError, MissingFileError, UnsafePathError, XnatUploadError
from xnat_upload.local_file import BLOCK_BYTES, LocalFile, fingerprint, open_below
from xnat_upload.staging import net_root, stage

SECRET = b"another patient's image"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of one upload, beside another that it must never reach."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.dcm").write_bytes(SECRET)
    (tmp_path / "root" / "series" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "a.dcm").write_bytes(b"a")
    (tmp_path / "root" / "series" / "b.dcm").write_bytes(b"bb")
    (tmp_path / "root" / "series" / "deep" / "c.dcm").write_bytes(b"ccc")
    return tmp_path / "root"


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


@pytest.fixture(autouse=True)
def no_descriptor_is_left_open() -> Iterator[None]:
    """Count what is open before and after; a leak is a failure of the test in which it happened."""
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


def names(files: tuple[LocalFile, ...]) -> list[str]:
    return [file.name for file in files]


def content(file: LocalFile) -> bytes:
    return b"".join(file.blocks())


def is_readable(error: BaseException) -> bool:
    return str(error).isprintable() and len(str(error)) < 700


# What is named, and how.


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
    with pytest.raises(MissingFileError, match=r"And 997 more are missing\."):
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


# Links.


def test_links_inside_the_root_are_followed(root: Path) -> None:
    (root / "link.dcm").symlink_to("series/b.dcm")
    (root / "folder").symlink_to("series/deep")
    (root / "chain.dcm").symlink_to("link.dcm")
    staged = stage(["link.dcm", "chain.dcm", "folder"], root=root, keep_paths=True)
    assert [(file.name, content(file)) for file in staged] == [
        ("link.dcm", b"bb"),
        ("chain.dcm", b"bb"),
        ("folder/c.dcm", b"ccc"),
    ]


def links_out(root: Path, outside: Path) -> dict[str, str]:
    """Each way out by a link, and what to name to take it."""
    (root / "file.dcm").symlink_to(outside / "secret.dcm")
    (root / "relative.dcm").symlink_to("../outside/secret.dcm")
    (root / "folder").symlink_to(outside)
    (root / "series" / "deep" / "far.dcm").symlink_to("../../../outside/secret.dcm")
    (root / "chain.dcm").symlink_to("file.dcm")
    (root / "up").symlink_to("..")
    (root / "slash").symlink_to("/")
    (root / "zero").symlink_to("/dev/zero")
    (root / "self").symlink_to("/proc/self/fd/0")
    return {
        "file": "file.dcm",
        "relative": "relative.dcm",
        "folder": "folder",
        "through a folder": "folder/secret.dcm",
        "deep in a directory": "series",
        "chain": "chain.dcm",
        "up": "up/outside/secret.dcm",
        "and in again": "up/root/../outside",
        "slash": f"slash{outside}/secret.dcm",
        "device": "zero",
        "process": "self",
    }


@pytest.mark.parametrize(
    "way",
    [
        *("file", "relative", "folder", "through a folder", "deep in a directory", "chain", "up", "and in again"),
        *("slash", "device", "process"),
    ],
)
def test_a_link_that_leaves_the_root_is_unsafe_at_any_depth(root: Path, tmp_path: Path, way: str) -> None:
    given = links_out(root, tmp_path / "outside")[way]
    with pytest.raises(UnsafePathError) as caught:
        stage(given, root=root)
    assert is_readable(caught.value)


def test_a_link_out_and_in_again_is_only_as_good_as_its_end(root: Path) -> None:
    (root / "up").symlink_to("..")
    (file,) = stage("up/root/a.dcm", root=root)
    assert content(file) == b"a"


def test_a_broken_link_is_missing(root: Path) -> None:
    (root / "series" / "broken.dcm").symlink_to("nowhere.dcm")
    for named in ("series/broken.dcm", "series"):
        with pytest.raises(MissingFileError, match=r"broken\.dcm"):
            stage(named, root=root)


@pytest.mark.parametrize("target", [".", "..", "loop", "../series", "deep/loop"])
def test_a_loop_of_links_is_unsafe(root: Path, target: str) -> None:
    (root / "series" / "deep" / "loop").symlink_to("../loop")
    (root / "series" / "loop").symlink_to(target)
    with pytest.raises(UnsafePathError) as caught:
        stage("series", root=root, keep_paths=True)
    assert is_readable(caught.value)


def test_links_that_would_double_the_tree_at_each_level_are_refused_at_once(root: Path) -> None:
    for level in range(40):
        folder = root / f"level-{level}"
        folder.mkdir()
        for link in ("left", "right"):
            (folder / link).symlink_to(f"../level-{level + 1}")
    (root / "level-40").mkdir()
    (root / "level-40" / "x.dcm").touch()
    with pytest.raises(UnsafePathError, match="are one directory, by a symbolic link"):
        stage("level-0", root=root, keep_paths=True)


# What is no regular file.


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root may make a device")


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, make_device], ids=["fifo", "socket", "device"])
def test_what_is_no_regular_file_is_refused_without_being_opened(
    root: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)  # the path of a socket is short
    make(Path("series/odd"))
    for named in ("series/odd", "series"):
        with pytest.raises(UnsafePathError, match="is not a regular file"):
            stage(named, root=root)


@pytest.mark.parametrize("make", [os.mkfifo, make_socket, make_device], ids=["fifo", "socket", "device"])
def test_a_file_that_has_become_something_else_is_not_read(
    root: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (file,) = stage("a.dcm", root=root)
    Path("a.dcm").unlink()
    make(Path("a.dcm"))
    with pytest.raises(ChangedFileError, match="cannot be opened now: it is no regular file"):
        content(file)


# Between finding and opening.


def swap_for_link_out(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()
    (root / "series" / "b.dcm").symlink_to("../../outside/secret.dcm")


def swap_for_link_inside(root: Path) -> None:
    (root / "series" / "b.dcm").rename(root / "series" / "old.dcm")
    (root / "series" / "b.dcm").symlink_to("old.dcm")


def swap_folder_for_link_out(root: Path) -> None:
    (root / "series").rename(root / "old")
    (root.parent / "outside" / "b.dcm").write_bytes(SECRET)
    (root / "series").symlink_to("../outside")


def swap_folder_for_link_to_itself(root: Path) -> None:
    (root / "series").rename(root / "old")
    (root / "series").symlink_to("old")


def swap_root_for_link(root: Path) -> None:
    root.rename(root.parent / "old")
    root.symlink_to("old")


def replace(root: Path) -> None:
    (root / "series" / "new.dcm").write_bytes(b"BB")
    kept = (root / "series" / "b.dcm").stat()
    os.utime(root / "series" / "new.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (root / "series" / "new.dcm").replace(root / "series" / "b.dcm")


def grow(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"bbb")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))


def shrink(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"b")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns))


def rewrite(root: Path) -> None:
    kept = (root / "series" / "b.dcm").stat()
    (root / "series" / "b.dcm").write_bytes(b"BB")
    os.utime(root / "series" / "b.dcm", ns=(kept.st_atime_ns, kept.st_mtime_ns + 1))


def remove(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()


def make_a_directory_of_it(root: Path) -> None:
    (root / "series" / "b.dcm").unlink()
    (root / "series" / "b.dcm").mkdir()


@pytest.mark.parametrize(
    "change",
    [
        *(swap_for_link_out, swap_for_link_inside, swap_folder_for_link_out, swap_folder_for_link_to_itself),
        *(swap_root_for_link, replace, grow, shrink, rewrite, remove, make_a_directory_of_it),
    ],
)
def test_what_changed_after_it_was_found_is_never_sent(root: Path, change: Callable[[Path], None]) -> None:
    (file,) = stage("series/b.dcm", root=root)
    change(root)
    for read in (content, fingerprint, LocalFile.open):
        with pytest.raises(ChangedFileError) as caught:
            read(file)
        assert is_readable(caught.value)
        assert "Plan the upload again." in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("series/b.dcm", "leaves it by a symbolic link"),
        ("series", "changed just now: Too many levels of symbolic links"),
    ],
)
def test_a_link_that_is_slipped_in_between_looking_and_opening_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    look = os.stat

    def look_and_swap(path: str, **options: Any) -> os.stat_result:
        found = look(path, **options)
        if path == "b.dcm":
            monkeypatch.setattr(os, "stat", look)
            swap_for_link_out(root)
        return found

    monkeypatch.setattr(os, "stat", look_and_swap)
    with pytest.raises(UnsafePathError, match=said):
        stage(given, root=root)


@pytest.mark.parametrize("size_bytes", [BLOCK_BYTES, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite"])
def test_what_changes_while_it_is_read_never_comes_out_whole(
    root: Path, size_bytes: int, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "large.dcm"
    path.write_bytes(b"x" * size_bytes)
    (file,) = stage("large.dcm", root=root)
    read = LocalFile._read
    received: list[bytes] = []

    def read_and_change(self: LocalFile, opened: BinaryIO) -> bytes:
        block = read(self, opened)
        if not received:
            received.append(b"")
            with path.open("r+b") as writer:
                if change == "grow":
                    writer.seek(0, os.SEEK_END)
                    writer.write(b"more")
                elif change == "shrink":
                    writer.truncate(size_bytes // 2)
                else:
                    writer.write(b"X")
            os.utime(path, ns=(0, file.identity[2] + (change == "rewrite")))
        return block

    monkeypatch.setattr(LocalFile, "_read", read_and_change)
    with pytest.raises(ChangedFileError, match="changed while it was read"):
        received.extend(file.blocks())
    assert len(b"".join(received)) < size_bytes


def test_a_file_that_cannot_be_read_to_its_end_is_not_taken_for_a_broken_line(root: Path) -> None:
    (file,) = stage("a.dcm", root=root)

    class Rotten:
        def read(self, _: int) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(ChangedFileError, match="cannot be read any more: Input/output error"):
        file._read(Rotten())  # type: ignore[arg-type]


# Fingerprints.


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_a_fingerprint_is_that_of_the_bytes_and_each_reading_opens_anew(root: Path, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    (root / "x.dcm").write_bytes(data)
    (file,) = stage("x.dcm", root=root)
    for _ in range(2):
        found = fingerprint(file)
        assert (found.size_bytes, found.md5, found.crc32) == (
            size_bytes,
            hashlib.md5(data).hexdigest(),
            zlib.crc32(data),
        )
        assert content(file) == data
    assert max((len(block) for block in file.blocks()), default=0) <= BLOCK_BYTES


def test_a_reading_that_is_given_up_leaves_nothing_open(root: Path) -> None:
    (root / "x.dcm").write_bytes(b"x" * 5 * BLOCK_BYTES)
    (file,) = stage("x.dcm", root=root)
    blocks = iter(file.blocks())
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]


# Directories that are large, deep, closed, or that grow.


def test_ten_thousand_files_are_found_without_holding_one_open(root: Path) -> None:
    (root / "many").mkdir()
    for number in range(10_000):
        os.close(os.open(root / "many" / f"{number:05}.dcm", os.O_CREAT | os.O_WRONLY))
    staged = stage("many", root=root)
    assert names(staged) == [f"{number:05}.dcm" for number in range(10_000)]


def test_a_directory_deeper_than_python_can_recurse_is_read(root: Path) -> None:
    deep = root / "deep"
    deep.mkdir()
    try:
        directory = os.open(deep, os.O_RDONLY)
        for _ in range(1200):
            os.mkdir("d", dir_fd=directory)
            below = os.open("d", os.O_RDONLY, dir_fd=directory)
            os.close(directory)
            directory = below
        os.close(os.open("x.dcm", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
        os.close(directory)
        assert names(stage("deep", root=root)) == ["x.dcm"]
        with pytest.raises(InvalidIdentifierError, match="too long"):
            stage("deep", root=root, keep_paths=True)
    finally:
        subprocess.run(["rm", "-r", deep], check=True)


def test_a_directory_that_grows_while_it_is_read_gives_whole_files_only(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "many").mkdir()
    for number in range(20):
        (root / "many" / f"{number:02}.dcm").write_bytes(b"x")
    isdir = os.path.isdir

    def grow_and_look(path: str) -> bool:
        (root / "many" / f"{len(os.listdir(root / 'many')):02}.dcm").write_bytes(b"x")
        return isdir(path)

    monkeypatch.setattr(os.path, "isdir", grow_and_look)
    staged = stage("many", root=root)
    assert set(names(staged)) >= {f"{number:02}.dcm" for number in range(20)}
    assert all(file.size_bytes == 1 for file in staged)


def test_a_file_that_vanishes_while_its_directory_is_read_is_missing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(top: Path, relative: PurePosixPath) -> int:
        if relative.name == "b.dcm":
            (top / relative).unlink()
        return open_below(top, relative)

    monkeypatch.setattr("xnat_upload.staging.open_below", vanish)
    with pytest.raises(MissingFileError, match=r"b\.dcm"):
        stage("series", root=root)


UNREADABLE = textwrap.dedent("""
    import os, sys
    from xnat_upload import MissingFileError
    from xnat_upload.staging import stage
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    for given in ("closed.dcm", "closed", "closed/x.dcm", "unlisted"):
        try:
            stage(given, root=sys.argv[1])
        except MissingFileError as error:
            print(error)
        else:
            sys.exit(f"{given} was read")
""")


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="wants users")
def test_what_this_user_may_not_read_is_missing_and_says_so(tmp_path: Path) -> None:
    """Run as another user where the tests run as root, whom nothing is closed to."""
    top = Path(os.path.realpath(tmp_path)) / "closed-root"
    top.mkdir()
    for folder in [top, *top.parents][:6]:
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    (top / "closed.dcm").write_bytes(b"x")
    (top / "closed").mkdir()
    (top / "closed" / "x.dcm").write_bytes(b"x")
    (top / "unlisted").mkdir()
    (top / "closed.dcm").chmod(0)
    (top / "closed").chmod(0)
    (top / "unlisted").chmod(0o311)
    try:
        ran = subprocess.run(
            [sys.executable, "-c", UNREADABLE, str(top)], capture_output=True, text=True, timeout=60, check=False
        )
        if "ModuleNotFoundError" in ran.stderr or "Permission denied: '/root" in ran.stderr:
            pytest.skip("the other user may not read this installation")
        assert (ran.returncode, ran.stderr) == (0, "")
        lines = ran.stdout.splitlines()
        assert len(lines) == 4
        assert "closed.dcm' is gone, or may not be read by this user." in lines[0]
        assert "The directory 'closed' cannot be read: Permission denied." in lines[1]
        assert "does not exist, or may not be read." in lines[2]
    finally:
        (top / "closed").chmod(0o700)
        (top / "unlisted").chmod(0o700)


# Nets.


@pytest.mark.parametrize("net_id", corpus.NET_IDS_KEPT)
def test_a_net_id_is_one_directory_name(net_id: str, tmp_path: Path) -> None:
    assert net_root(tmp_path, net_id) == tmp_path / net_id / "upload"


@pytest.mark.parametrize("net_id", [*corpus.NET_IDS_REFUSED, None, 5, b"net-1", Path("net-1")])
def test_a_net_id_that_is_no_plain_name_is_unsafe(net_id: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePathError) as caught:
        net_root(tmp_path, net_id)
    assert is_readable(caught.value)


@given(corpus.names)
def test_any_net_id_is_refused_readably_or_stays_in_its_directory(net_id: str) -> None:
    try:
        found = net_root("/data/images", net_id)
    except UnsafePathError as error:
        readable = is_readable(error)
        assert readable
    else:
        assert Path(os.path.normpath(found)).parent.parent == Path("/data/images")
        assert found.parent.name == net_id


@pytest.mark.parametrize("target", ["../net-2/upload", "../net-2", "..", "/", "/etc", "../../outside", "../net-10"])
def test_a_net_whose_upload_directory_links_elsewhere_is_unsafe(tmp_path: Path, target: str) -> None:
    for net in ("net-1", "net-2", "net-10"):
        (tmp_path / net).mkdir()
    (tmp_path / "net-2" / "upload").mkdir()
    (tmp_path / "net-1" / "upload").symlink_to(target)
    with pytest.raises(UnsafePathError, match="'upload' of net 'net-1' is a link that leaves"):
        net_root(tmp_path, "net-1")


def test_a_net_may_link_its_upload_directory_within_its_own(tmp_path: Path) -> None:
    (tmp_path / "net-1" / "run-7").mkdir(parents=True)
    (tmp_path / "net-1" / "upload").symlink_to("run-7")
    (tmp_path / "disk").symlink_to(tmp_path)
    (tmp_path / "net-1" / "run-7" / "a.dcm").write_bytes(b"a")
    (file,) = stage("a.dcm", root=net_root(tmp_path / "disk", "net-1"))
    assert content(file) == b"a"
