"""Directories that are large, deep, closed, or that grow; and those of nets."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given

from tests import corpus
from tests.local.staged import content, is_readable, names, stage
from xnat_upload import InvalidIdentifierError, MissingFileError, UnsafePathError
from xnat_upload.local import staging
from xnat_upload.local.file import LocalFile, open_below
from xnat_upload.local.root import net_root


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

    monkeypatch.setattr("xnat_upload.local.walk.open_below", vanish)
    with pytest.raises(MissingFileError, match=r"b\.dcm"):
        stage("series", root=root)


UNREADABLE = textwrap.dedent("""
    import os, sys
    from xnat_upload import MissingFileError
    from xnat_upload.local.root import plain_root
    from xnat_upload.local.staging import stage
    if os.getuid() == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
    for given in ("closed.dcm", "closed", "closed/x.dcm", "unlisted"):
        try:
            stage(given, root=plain_root(sys.argv[1]))
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
    (tmp_path / net_id / "upload").mkdir(parents=True)
    assert net_root(tmp_path, net_id).top == tmp_path / net_id / "upload"


@pytest.mark.parametrize("net_id", [*corpus.NET_IDS_REFUSED, None, 5, b"net-1", Path("net-1")])
def test_a_net_id_that_is_no_plain_name_is_unsafe(net_id: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePathError) as caught:
        net_root(tmp_path, net_id)
    assert is_readable(caught.value)


@given(corpus.names)
def test_any_net_id_is_refused_readably_or_stays_in_its_directory(net_id: str) -> None:
    try:
        found = net_root("/data/images", net_id)
    except (UnsafePathError, MissingFileError) as error:
        readable = is_readable(error)
        assert readable
    else:
        raise AssertionError(f"{found} does not exist")


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
    (file,) = staging.stage("a.dcm", root=net_root(tmp_path / "disk", "net-1")).files
    assert isinstance(file, LocalFile)
    assert content(file) == b"a"
