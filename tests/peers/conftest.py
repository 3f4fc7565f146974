"""A sandbox at the root of its host and one under a context path, and a project of its own for every test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.place import PeerPlace
from xnat_upload.sandbox import Sandbox

CONTEXT_PATH = "/xnat"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def root_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def context_sandbox() -> Iterator[Sandbox]:
    with Sandbox(context_path=CONTEXT_PATH) as sandbox:
        yield sandbox


def place_in(sandbox: Sandbox, context_path: str) -> PeerPlace:
    project = sandbox.add_project(f"PEER{next(NUMBERS)}")
    session_id = sandbox.add_session(project, "ACC1", subject="SUBJ", scans={"1": "xnat:mrScanData"})
    sandbox.clear_requests()
    return PeerPlace(sandbox=sandbox, context_path=context_path, project=project, session_id=session_id)


@pytest.fixture
def place(root_sandbox: Sandbox) -> PeerPlace:
    return place_in(root_sandbox, "")


@pytest.fixture
def place_in_context(context_sandbox: Sandbox) -> PeerPlace:
    return place_in(context_sandbox, CONTEXT_PATH)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two files, one of them in a folder of its own."""
    folder = tmp_path / "images"
    (folder / "masks").mkdir(parents=True)
    (folder / "brain.nii.gz").write_bytes(bytes(range(256)) * 40)
    (folder / "masks" / "left.nii").write_bytes(b"left" * 500)
    return folder
