"""Fixtures for tests of code that talks to XNAT, without Docker and without mocks.

Installed with the package; no server is started before a test asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xnat_upload.sandbox import Sandbox

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def xnat_sandbox() -> Iterator[Sandbox]:
    """An XNAT-compatible archive on a free port, for the whole test session."""
    from xnat_upload.sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def xnat_project(xnat_sandbox: Sandbox) -> str:
    """The ID of a project made for this test alone; its secondary ID is ``hub-<ID>``."""
    project_id = f"TEST{next(_NUMBERS)}"
    return xnat_sandbox.add_project(project_id, secondary_id=f"hub-{project_id}")
