"""One sandbox for all, and a project of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.places import Place, place_in
from xnat_upload.sandbox import Sandbox


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def place(shared_sandbox: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place_in(shared_sandbox, stack)
