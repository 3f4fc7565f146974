"""One sandbox for all, and a project of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.places import Place, place_in
from xnat_upload.sandbox import Sandbox, SiteSettings


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    # A thousand tests log in more often than XNAT's default of a thousand sessions lets one account.
    with Sandbox(site=SiteSettings(concurrent_max_sessions=1_000_000)) as sandbox:
        yield sandbox


@pytest.fixture
def place(shared_sandbox: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place_in(shared_sandbox, stack)
