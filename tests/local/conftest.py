"""A root with files below it, and an eye on descriptors that stay open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.staged import SECRET


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
