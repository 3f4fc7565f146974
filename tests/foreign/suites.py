"""Which suites are run, in which environment, against which sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xnat_upload.sandbox import SiteSettings

XNAT4TESTS = SiteSettings(site_id="Xnat4Tests")  # as xnat4tests calls its server; two suites expect IDs of it


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One project's tests.

    Parameters
    ----------
    package : str
        What is installed and whose source distribution is unpacked, with its exact version.
    needs : tuple of str
        What its tests need beside that.
    runs : tuple of tuple of str
        Arguments for pytest, from the root of the unpacked source; each run gets a sandbox of its own.
    conftest : str
        A file of ``fixtures`` that stands in for the ``conftest.py`` the distribution lacks.
    variables : Mapping of str to str
        Environment; ``{url}``, ``{user}`` and ``{password}`` are those of the sandbox.
    """

    package: str
    needs: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]
    conftest: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    site: SiteSettings = SiteSettings()  # noqa: RUF009 - immutable

    @property
    def name(self) -> str:
        """The package without its version."""
        return self.package.partition("==")[0]


SUITES = (
    Suite(
        package="xnat-ingest==0.17.0",
        needs=(
            "medimages4tests>=0.5.7", "moto>=5.0", "PyYAML", "pytest-env", "fileformats-vendor-canfield-extras",
            "fileformats-vendor-xnat>=0.3.0", "fileformats-vendor-xnat-extras>=0.3.0",
        ),
        runs=(("xnat_ingest/cli/tests/test_cli.py", "-k", "test_stage_and_upload or test_check_upload"),),
        conftest="xnat_ingest.py",
        site=XNAT4TESTS,
    ),
    Suite(
        package="frametree-xnat==0.6.16",
        needs=("frametree==0.17.4", "medimages4tests>=0.3", "frametree-bids", "pydra2app", "imageio", "pytest-env"),
        runs=(("frametree/xnat/tests/test_store.py",),),
        conftest="frametree_xnat.py",
        site=XNAT4TESTS,
    ),
    Suite(
        package="xnat==0.8.1",
        needs=("pytest-mock", "requests-mock", "PyYAML"),
        runs=(
            *((f"xnat/tests/functional_tests/test_{name}.py",) for name in ("existing_data", "import", "map")),
            ("xnat/tests/remote_server",),
        ),
        conftest="xnatpy.py",
        site=XNAT4TESTS,
    ),
    Suite(
        package="pyxnat==1.6.4",
        needs=("pandas", "nibabel", "networkx", "matplotlib", "pydicom"),
        runs=(("pyxnat/tests",),),
        conftest="pyxnat.py",
        site=SiteSettings(require_login=False),
    ),
    Suite(
        package="xnatctl==0.6.0",
        needs=(
            "pytest-asyncio", "pytest-cov", "pytest-mock", "pytest-xdist", "hypothesis", "cryptography", "pydicom",
            "pynetdicom",
        ),
        runs=(("tests/integration", "-m", "integration"),),
        variables={"XNATCTL_TEST_URL": "{url}", "XNATCTL_TEST_USER": "{user}", "XNATCTL_TEST_PASS": "{password}"},
    ),
)  # fmt: skip
