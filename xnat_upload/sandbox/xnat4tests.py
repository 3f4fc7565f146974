"""The functions of the package xnat4tests, with its names and defaults, and a sandbox in place of the container.

>>> from xnat_upload.sandbox import xnat4tests  # doctest: +SKIP
>>> config = xnat4tests.Config.load("default")  # doctest: +SKIP
>>> xnat4tests.start_xnat(config)  # doctest: +SKIP
>>> with xnat4tests.connect(config) as login:  # doctest: +SKIP
...     login.put("/data/archive/projects/MY_TEST_PROJECT")

Written after xnat4tests 0.4.1.  What differs: a server ends with the process that has started
it, there is no Docker registry and no container service, and what of a configuration is
about Docker has no effect.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from xnat_upload.sandbox.sandbox import Sandbox
from xnat_upload.sandbox.seeds.samples import SAMPLES, add_sample
from xnat_upload.sandbox.site import Profile, SiteSettings
from xnat_upload.sandbox.store.archive import JOURNAL

__all__ = [
    "AVAILABLE_DATASETS",
    "Config",
    "add_data",
    "connect",
    "restart_xnat",
    "start_registry",
    "start_xnat",
    "stop_registry",
    "stop_xnat",
]

AVAILABLE_DATASETS = list(SAMPLES)
XNAT4TESTS_HOME = Path(os.environ.get("XNAT4TESTS_HOME") or Path.home() / ".xnat4tests")
MOUNTS = ("home/logs", "home/work", "build", "archive", "prearchive")
UploadMethod = Literal["direct-archive", "direct", "prearchive"]

logger = logging.getLogger("xnat4tests")
_running: dict[int, Sandbox] = {}


@dataclass(frozen=True, kw_only=True)
class BuildArgs:
    """What the container is built with; `xnat_version` chooses the profile of the sandbox, the rest has no effect."""

    xnat_version: str = "1.9.3"
    xnat_cs_plugin_version: str = "3.7.3"
    xnat_batch_launch_plugin_version: str = "0.9.0-xpl"
    java_ms: str = "256m"
    java_mx: str = "2g"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Where the server is and where it keeps its files.

    `xnat_root_dir`, `xnat_mnt_dirs`, `xnat_port` and `build_args.xnat_version` are followed;
    the rest is there because configurations say it.
    """

    xnat_root_dir: Path = XNAT4TESTS_HOME / "xnat_root" / "default"
    xnat_mnt_dirs: list[str] = field(default_factory=lambda: list(MOUNTS))
    docker_build_dir: Path = XNAT4TESTS_HOME / "build"
    docker_image: str = "xnat4tests"
    docker_container: str = "xnat4tests"
    docker_host: str = "localhost"
    xnat_port: str = "8080"
    docker_registry_image: str = "registry"
    docker_registry_container: str = "xnat4tests-docker-registry"
    docker_network_name: str = "xnat4tests"
    registry_port: str = "80"
    connection_attempts: int = 20
    connection_attempt_sleep: int = 5
    build_args: BuildArgs = field(default_factory=BuildArgs)
    loaded_from: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "xnat_root_dir", Path(self.xnat_root_dir))
        object.__setattr__(self, "xnat_port", str(self.xnat_port))
        if isinstance(self.build_args, Mapping):
            object.__setattr__(self, "build_args", BuildArgs(**self.build_args))
        if self.docker_host not in ("localhost", "127.0.0.1"):
            raise ValueError(f"docker_host is {self.docker_host!r}, and a sandbox is on this machine: localhost.")

    @classmethod
    def load(cls, name: Config | Path | str) -> Config:
        """Read a configuration: by its path, or by its name from ``$XNAT4TESTS_HOME/configs``.

        The default one may be missing.

        Raises
        ------
        KeyError
            If there is none of that name or path.
        """
        if isinstance(name, Config):
            return name
        is_path = isinstance(name, Path) or "/" in name or "\\" in name
        path = Path(name) if is_path else XNAT4TESTS_HOME / "configs" / f"{name}.yaml"
        if not path.exists():
            if name == "default":
                return cls()
            raise KeyError(f"There is no configuration file {path}.")
        import yaml

        return cls(loaded_from=path, **(yaml.safe_load(path.read_text(encoding="utf-8")) or {}))

    @property
    def xnat_user(self) -> str:
        """The site administrator."""
        return "admin"

    @property
    def xnat_password(self) -> str:
        """The administrator's password."""
        return "admin"

    @property
    def xnat_uri(self) -> str:
        """Where the server is."""
        return f"http://{self.docker_host}:{self.xnat_port}"

    @property
    def registry_uri(self) -> str:
        """Where the registry would be."""
        return self.docker_host


def start_xnat(
    config_name: Config | Path | str = "default",
    keep_mounts: bool = False,
    rebuild: bool = True,
    relaunch: bool = False,
) -> Sandbox:
    """Start a server, or give the one that this process has started on the port.

    Parameters
    ----------
    config_name : Config, Path or str
        The configuration, or its name or path.
    keep_mounts : bool
        Whether a new server goes on with what is in its directory, and does not begin anew.
    rebuild : bool
        Has no effect: there is nothing to build.
    relaunch : bool
        Whether a running server is replaced.

    Raises
    ------
    RuntimeError
        If the port is taken, or the directory holds what no sandbox has made.
    """
    config = Config.load(config_name)
    port = int(config.xnat_port)
    if port in _running:
        if not relaunch:
            return _running[port]
        _running.pop(port).stop()
    root = config.xnat_root_dir
    _check_is_free(port)  # before anything is emptied
    _check_is_ours(root)
    if not keep_mounts:
        shutil.rmtree(root, ignore_errors=True)
    sandbox = Sandbox(
        data=root, port=port, profile=_profile(config.build_args.xnat_version), site=SiteSettings(site_id="Xnat4Tests")
    )
    sandbox.start()
    for name in config.xnat_mnt_dirs:
        (root / name).mkdir(parents=True, exist_ok=True)
    logger.info("A sandbox answers at %s", config.xnat_uri)
    _running[port] = sandbox
    return sandbox


def stop_xnat(config_name: Config | Path | str = "default") -> None:
    """Stop the server, if this process has started one."""
    config = Config.load(config_name)
    sandbox = _running.pop(int(config.xnat_port), None)
    if sandbox is None:
        logger.info("No sandbox of this process was running at %s", config.xnat_uri)
    else:
        sandbox.stop()


def restart_xnat(config_name: Config | Path | str = "default") -> None:
    """Stop the server and start it again, with what it holds."""
    sandbox = _of(Config.load(config_name))
    sandbox.stop()
    sandbox.start()


def connect(config_name: Config | Path | str = "default") -> Any:
    """Give the administrator's session of xnatpy, which must be installed."""
    import xnat

    config = Config.load(config_name)
    return xnat.connect(config.xnat_uri, user=config.xnat_user, password=config.xnat_password)


def add_data(
    dataset: str, config_name: Config | Path | str = "default", upload_method: UploadMethod = "direct-archive"
) -> None:
    """Add a sample: projects, subjects, sessions and resources as xnat4tests names them, with small files made here.

    Sessions that are there are left alone.  All upload methods end in the same sessions.
    """
    if dataset not in SAMPLES:
        raise RuntimeError(f"There is no dataset {dataset!r}: it is one of {', '.join(AVAILABLE_DATASETS)}.")
    if upload_method not in get_args(UploadMethod):
        raise ValueError(
            f"There is no way {upload_method!r} to upload: it is one of {', '.join(get_args(UploadMethod))}."
        )
    add_sample(_of(Config.load(config_name))._contents, dataset)


def start_registry(config_name: Config | Path | str = "default") -> NoReturn:
    """Raise: there is no Docker registry here."""
    raise NotImplementedError("A sandbox has no Docker registry and runs no containers: use xnat4tests for that.")


def stop_registry(config_name: Config | Path | str = "default") -> None:
    """Do nothing: there is no Docker registry here."""


def _of(config: Config) -> Sandbox:
    sandbox = _running.get(int(config.xnat_port))
    if sandbox is None:
        raise RuntimeError(f"No sandbox of this process runs at {config.xnat_uri}: start_xnat() starts one.")
    return sandbox


def _check_is_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise RuntimeError(
            f"Port {port} is taken, perhaps by a container of xnat4tests: set another xnat_port."
        ) from error


def _check_is_ours(root: Path) -> None:
    # A container of xnat4tests may have its archive there, and be using it.
    if not (root / JOURNAL).exists() and any(path.is_file() for path in root.rglob("*")):
        raise RuntimeError(
            f"{root} holds files that no sandbox has put there, and is left alone: set another xnat_root_dir."
        )


def _profile(version: str) -> Profile:
    """Choose the face of a version: 1.10.2 is where uploads changed."""
    numbers = tuple(int(part) for part in version.split("-")[0].split("."))
    if numbers < (1, 7):
        return "1.6"
    if numbers < (1, 10, 2):
        return "1.8"
    return "1.10" if numbers < (1, 11) else "1.11"
