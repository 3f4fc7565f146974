"""Links, and what is no regular file."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.staged import content, is_readable, stage
from xnat_upload import ChangedFileError, MissingFileError, UnsafePathError


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
