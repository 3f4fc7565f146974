"""Fixtures for tests of code that talks to XNAT, without Docker and without mocks.

Installed with the package; no server is started before a test asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, get_args

import pytest

if TYPE_CHECKING:
    from xnat_upload.sandbox import Sandbox

_NUMBERS = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what a project may say in its pytest configuration."""
    parser.addini("xnat_sandbox_port", "Port of xnat_sandbox; 0, the default, takes a free one.", default="0")
    parser.addini("xnat_sandbox_profile", 'Whose answers sandboxes give: "1.6", "1.8" and so on.', default="1.8")
    parser.addini("xnat_sandbox_site", "Site settings of sandboxes, one NAME = VALUE in each line.", type="linelist")
    parser.addini("xnat_sandbox_seed", "YAML files, or folders in XNAT's shape, that sandboxes hold.", type="paths")


@pytest.fixture(scope="session")
def _xnat_server(pytestconfig: pytest.Config) -> Iterator[Sandbox]:
    from xnat_upload.sandbox import Sandbox

    port = pytestconfig.getini("xnat_sandbox_port")
    if not port.isdecimal():
        raise pytest.UsageError(f"xnat_sandbox_port is {port!r}, and must be the number of a port.")
    with Sandbox(port=int(port), **_settings(pytestconfig)) as sandbox:
        yield sandbox


@pytest.fixture
def xnat_sandbox(_xnat_server: Sandbox) -> Iterator[Sandbox]:
    """An XNAT-compatible archive, empty for each test: nothing that one does to it is seen by the next.

    Yields
    ------
    Sandbox
        It runs, with an administrator whose `user` and `password` it tells. One server serves all tests of a run.
    """
    yield _xnat_server
    _xnat_server.reset()


@pytest.fixture
def make_xnat_sandbox(pytestconfig: pytest.Config) -> Iterator[Callable[..., Sandbox]]:
    """Start further archives for this test alone, with the parameters of `Sandbox`; they end with it.

    Yields
    ------
    callable
        Takes what `Sandbox` takes, by keyword, and gives one that runs. Settings of pytest hold for it too.
    """
    from xnat_upload.sandbox import Sandbox

    with ExitStack() as running:
        yield lambda **settings: running.enter_context(Sandbox(**{**_settings(pytestconfig), **settings}))


@pytest.fixture
def xnat_project(xnat_sandbox: Sandbox) -> str:
    """The ID of a project made for this test alone; its secondary ID is ``hub-<ID>``.

    Returns
    -------
    str
        The project is in `xnat_sandbox`, and empty.
    """
    project_id = f"TEST{next(_NUMBERS)}"
    return xnat_sandbox.add_project(project_id, secondary_id=f"hub-{project_id}")


@pytest.fixture
def xnat_interface(xnat_sandbox: Sandbox) -> Iterator[Any]:
    """The administrator's `pyxnat.Interface` to `xnat_sandbox`; the test is skipped where pyxnat is missing.

    Yields
    ------
    pyxnat.Interface
        Its session ends with the test.
    """
    pyxnat = pytest.importorskip("pyxnat", reason="the fixture xnat_interface needs pyxnat")
    interface = pyxnat.Interface(server=xnat_sandbox.url, user=xnat_sandbox.user, password=xnat_sandbox.password)
    yield interface
    interface.disconnect()


@pytest.fixture
def xnat_session(xnat_sandbox: Sandbox) -> Iterator[Any]:
    """The administrator's session of xnatpy on `xnat_sandbox`; the test is skipped where xnatpy is missing.

    Yields
    ------
    xnat.session.XNATSession
        It ends with the test.
    """
    xnatpy = pytest.importorskip("xnat", reason="the fixture xnat_session needs xnatpy: pip install xnat")
    with xnatpy.connect(xnat_sandbox.url, user=xnat_sandbox.user, password=xnat_sandbox.password) as session:
        yield session


def _settings(config: pytest.Config) -> dict[str, Any]:
    from xnat_upload.sandbox.site import Profile, site_settings

    profile = config.getini("xnat_sandbox_profile")
    if profile not in get_args(Profile):
        raise pytest.UsageError(
            f"xnat_sandbox_profile is {profile!r}, and must be one of {', '.join(get_args(Profile))}."
        )
    pairs = (line.partition("=") for line in config.getini("xnat_sandbox_site"))
    try:
        site = site_settings({name.strip(): value.strip() for name, _, value in pairs})
    except ValueError as error:
        raise pytest.UsageError(f"xnat_sandbox_site: {error}") from error
    seeds = config.getini("xnat_sandbox_seed")
    return {"profile": profile, "site": site, "seed": lambda sandbox: [sandbox.add_from(path) for path in seeds]}
