"""The functions of xnat4tests by its names: code that uses that package runs with another import line."""

from __future__ import annotations

import inspect
import io
import socket
from collections.abc import Iterator
from pathlib import Path

import nibabel
import pytest
import xnat

from xnat_upload.sandbox import xnat4tests
from xnat_upload.sandbox.xnat4tests import Config

# What xnat4tests 0.4.1 has, read from the package.
DEFAULTS = {
    "xnat_mnt_dirs": ["home/logs", "home/work", "build", "archive", "prearchive"],
    "docker_image": "xnat4tests",
    "docker_container": "xnat4tests",
    "docker_host": "localhost",
    "xnat_port": "8080",
    "docker_registry_image": "registry",
    "docker_registry_container": "xnat4tests-docker-registry",
    "docker_network_name": "xnat4tests",
    "registry_port": "80",
    "connection_attempts": 20,
    "connection_attempt_sleep": 5,
    "loaded_from": None,
}
PLACES = {"xnat_root_dir": "xnat_root/default", "docker_build_dir": "build"}


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = Config(xnat_port=str(port), xnat_root_dir=tmp_path / "root")
    yield config
    xnat4tests.stop_xnat(config)


def test_the_names_and_defaults_are_those_of_the_package() -> None:
    found = dict(vars(Config()))
    for name, place in PLACES.items():
        assert found.pop(name) == xnat4tests.XNAT4TESTS_HOME / place
    assert found.pop("build_args") == xnat4tests.BuildArgs()
    assert found == DEFAULTS
    assert (Config().xnat_uri, Config().xnat_user, Config().xnat_password) == (
        "http://localhost:8080",
        "admin",
        "admin",
    )
    start = inspect.signature(xnat4tests.start_xnat).parameters.values()
    assert [(one.name, one.default) for one in start] == [
        ("config_name", "default"), ("keep_mounts", False), ("rebuild", True), ("relaunch", False),
    ]  # fmt: skip
    add = inspect.signature(xnat4tests.add_data).parameters.values()
    assert [one.name for one in add] == ["dataset", "config_name", "upload_method"]
    assert xnat4tests.AVAILABLE_DATASETS == ["dummydicom", "user-training", "openneuro-t1w", "simple-dir"]


def test_the_example_of_its_readme_runs(config: Config) -> None:
    xnat4tests.start_xnat(config)
    with xnat4tests.connect(config) as login:
        login.put("/data/archive/projects/MY_TEST_PROJECT")
        subject = login.classes.SubjectData(label="MYSUBJECT", parent=login.projects["MY_TEST_PROJECT"])
        session = login.classes.MrSessionData(label="MYSESSION", parent=subject)
        session.create_resource("R").upload(__file__, "test.py")
    assert [path.name for path in (config.xnat_root_dir / "archive").iterdir()] == ["MY_TEST_PROJECT"]
    assert (config.xnat_root_dir / "home" / "logs").is_dir()


def projects(config: Config) -> set[str]:
    with xnat4tests.connect(config) as login:
        return set(login.projects.key_map)


def test_a_server_is_given_again_restarted_with_what_it_holds_and_relaunched_without(config: Config) -> None:
    sandbox = xnat4tests.start_xnat(config)
    sandbox.add_project("P")
    assert xnat4tests.start_xnat(config) is sandbox
    xnat4tests.restart_xnat(config)
    assert projects(config) == {"P"}
    assert xnat4tests.start_xnat(config, keep_mounts=True, relaunch=True) is not sandbox
    assert projects(config) == {"P"}
    xnat4tests.start_xnat(config, relaunch=True)
    assert projects(config) == set()
    xnat4tests.stop_xnat(config)
    with pytest.raises(RuntimeError, match="No sandbox of this process runs"):
        xnat4tests.restart_xnat(config)


@pytest.mark.parametrize(
    ("dataset", "sessions", "scans", "resources"),
    [
        ("dummydicom", {"dummydicomproject": {"dummydicomsession"}}, ["t1w", "dwi", "fmap"], {"DICOM"}),
        (
            "user-training",
            {"TRAINING": {f"{s}_MR{n}" for s in ("CONT01", "CONT02", "TEST01", "TEST02") for n in ("01", "02")}},
            ["t1w", "fmap"],
            {"DICOM"},
        ),
        ("openneuro-t1w", {"OPENNEURO_T1W": {"subject01_MR01", "subject02_MR01"}}, ["t1w"], {"NIFTI"}),
        ("simple-dir", {"SIMPLE_DIR": {"subject01_1", "subject02_1"}}, ["a-directory"], {"DIRECTORY"}),
    ],
)
def test_samples_have_the_names_of_the_package(
    config: Config, dataset: str, sessions: dict[str, set[str]], scans: list[str], resources: set[str]
) -> None:
    xnat4tests.start_xnat(config)
    for _ in range(2):  # what is there is left alone
        xnat4tests.add_data(dataset, config)
    with xnat4tests.connect(config) as login:
        assert {project: set(login.projects[project].experiments.key_map) for project in sessions} == sessions
        for project, labels in sessions.items():
            for label in labels:
                found = login.projects[project].experiments[label].scans
                assert [scan.type for scan in found.values()] == scans
                assert {resource.label for scan in found.values() for resource in scan.resources.values()} == resources


def test_the_files_of_the_samples_are_what_they_are_called(config: Config) -> None:
    sandbox = xnat4tests.start_xnat(config)
    xnat4tests.add_data("openneuro-t1w", config)
    xnat4tests.add_data("simple-dir", config, upload_method="direct")
    volume = sandbox.files("OPENNEURO_T1W", "subject01_MR01", "1", "NIFTI")["t1w.nii"]
    assert nibabel.Nifti1Image.from_stream(io.BytesIO(volume)).shape == (4, 4, 4)
    assert sandbox.files("SIMPLE_DIR", "subject02_1", "1", "DIRECTORY") == {
        f"a-dir/file{number}.txt": f"A dummy file - {number}\n".encode() for number in (1, 2, 3)
    }


def test_a_directory_of_somebody_else_is_left_alone(config: Config) -> None:
    theirs = config.xnat_root_dir / "archive" / "P" / "arc001" / "E" / "image.dcm"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"1")
    for keep_mounts in (False, True):
        with pytest.raises(RuntimeError, match="left alone"):
            xnat4tests.start_xnat(config, keep_mounts=keep_mounts)
    assert theirs.read_bytes() == b"1"


def test_a_port_that_is_taken_is_said_and_nothing_is_emptied(config: Config) -> None:
    sandbox = xnat4tests.start_xnat(config)
    sandbox.add_project("P")
    xnat4tests.stop_xnat(config)
    with socket.create_server(("127.0.0.1", int(config.xnat_port))), pytest.raises(RuntimeError, match="is taken"):
        xnat4tests.start_xnat(config)
    xnat4tests.start_xnat(config, keep_mounts=True)
    assert projects(config) == {"P"}


def test_a_configuration_is_read_by_its_path_or_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xnat4tests, "XNAT4TESTS_HOME", tmp_path)
    assert Config.load("default") == Config()
    text = f"xnat_port: 8091\nxnat_root_dir: {tmp_path}/r\nbuild_args:\n  xnat_version: 1.10.2\n"
    (tmp_path / "configs").mkdir()
    for path, name in (
        (tmp_path / "mine.yaml", tmp_path / "mine.yaml"),
        (tmp_path / "configs" / "named.yaml", "named"),
    ):
        path.write_text(text)
        config = Config.load(name)
        assert (config.xnat_port, config.xnat_root_dir, config.loaded_from) == ("8091", tmp_path / "r", path)
        assert config.build_args.xnat_version == "1.10.2"
    for missing in ("nosuch", str(tmp_path / "nosuch.yaml")):
        with pytest.raises(KeyError, match="no configuration file"):
            Config.load(missing)


@pytest.mark.parametrize(
    ("version", "answered"),
    [("1.9.3", "1.8.11"), ("1.10.1", "1.8.11"), ("1.10.2", "1.10."), ("1.11.0-SNAPSHOT", "1.11")],
)
def test_the_version_of_the_container_chooses_the_face(config: Config, version: str, answered: str) -> None:
    config = Config(
        xnat_port=config.xnat_port,
        xnat_root_dir=config.xnat_root_dir,
        build_args={"xnat_version": version},  # type: ignore[arg-type]
    )
    xnat4tests.start_xnat(config)
    with xnat.connect(config.xnat_uri, user="admin", password="admin") as login:
        assert login.xnat_version.startswith(answered)


def test_what_needs_docker_says_so(config: Config) -> None:
    with pytest.raises(NotImplementedError, match="no Docker registry"):
        xnat4tests.start_registry(config)
    with pytest.raises(ValueError, match="docker_host is 'elsewhere'"):
        Config(docker_host="elsewhere")
    with pytest.raises(RuntimeError, match="no dataset 'nosuch'"):
        xnat4tests.add_data("nosuch", config)
    with pytest.raises(ValueError, match="no way 'post'"):
        xnat4tests.add_data("simple-dir", config, upload_method="post")  # type: ignore[arg-type]
