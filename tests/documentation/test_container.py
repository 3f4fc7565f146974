"""The documented image and job: built nowhere, but each step is done as far as it can be without Docker."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.documented import DOCS, EXAMPLES, ROOT, DocumentedHospital, blocks, open_documented_hospital
from xnat_upload.sandbox import Sandbox

IMAGE = EXAMPLES / "image"


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[DocumentedHospital]:
    with Sandbox() as sandbox:
        yield open_documented_hospital(sandbox, tmp_path)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do the image's RUN steps in a fresh environment, and give the directory that they leave on the PATH."""
    home = tmp_path_factory.mktemp("image")
    venv.create(home, with_pip=True)
    [packages] = home.glob("lib/python*/site-packages")
    # The dependencies are those that the tests have: no index is asked, and pip still refuses what is missing.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(home)], cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = home.glob("*.whl")
    for step in steps("RUN"):
        subprocess.run(
            shlex.split(step.replace("xnat-upload[", f"{wheel}[")),
            env={
                "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "PIP_NO_INDEX": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            check=True,
            capture_output=True,
            timeout=120,
        )
    return home / "bin"


def steps(instruction: str) -> list[str]:
    lines = (IMAGE / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]


def job() -> tuple[dict[str, Any], dict[str, Any]]:
    secret, job = yaml.safe_load_all((IMAGE / "job.yaml").read_text())
    return secret, job


def run_image(
    programs: Path, hospital: DocumentedHospital, arguments: list[str], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    [entry_point] = steps("ENTRYPOINT")
    [directory] = steps("WORKDIR")
    command: list[str] = json.loads(entry_point)
    return subprocess.run(
        [str(programs / command[0]), *command[1:], *arguments],
        cwd=directory.replace("/data", str(hospital.folder)),
        env=environment,  # and nothing of this machine's
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def mount_login(hospital: DocumentedHospital, netrc: str) -> Path:
    """Put a documented login file where this hospital can have it: read only, and reached by a link, as in a pod."""
    host = urlsplit(hospital.sandbox.url).hostname or ""
    mounted = hospital.folder / "secret" / "..data" / "netrc"
    mounted.parent.mkdir(parents=True)
    mounted.write_text(netrc.replace("xnat.hospital.example", host).replace("change-me", "s3cret"))
    mounted.chmod(0o440)
    link = hospital.folder / "secret" / "netrc"
    link.symlink_to(Path("..data") / "netrc")
    return link


def test_the_image_says_without_arguments_what_it_can_do(programs: Path, hospital: DocumentedHospital) -> None:
    [default] = steps("CMD")
    ran = run_image(programs, hospital, json.loads(default), {})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "put" in ran.stdout


def test_the_image_does_not_run_as_root() -> None:
    [user] = steps("USER")
    assert int(user) > 0
    _, pod = job()
    assert pod["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == int(user)


def test_the_docker_command_of_the_page_uploads(programs: Path, hospital: DocumentedHospital) -> None:
    page = DOCS / "how-to" / "container.md"
    [commands] = [block.text for block in blocks(page) if "docker run" in block.text]
    [words] = [shlex.split(line) for line in commands.splitlines() if line.startswith("docker run ")]
    image = next(index for index, word in enumerate(words) if word.startswith("hospital/"))
    options = list(itertools.pairwise(words[:image]))
    [login] = [value.removeprefix("NETRC=") for _, value in options if value.startswith("NETRC=")]
    mounts = [value.removesuffix(":ro").partition(":")[2] for option, value in options if option == "--volume"]
    assert mounts == [login, *steps("WORKDIR")]
    [netrc] = [block.text for block in blocks(page) if "machine" in block.text]
    here = {"XNAT_HOST": hospital.sandbox.url, "NETRC": str(mount_login(hospital, netrc))}
    ran = run_image(programs, hospital, words[image + 1 :], here)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert set(hospital.stored("SEG")) == {"seg.nii.gz", "left.nii.gz", "right.nii.gz"}


def test_the_job_reads_its_login_from_the_mounted_secret_and_may_run_twice(
    programs: Path, hospital: DocumentedHospital
) -> None:
    secret, manifest = job()
    pod = manifest["spec"]["template"]["spec"]
    [container] = pod["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    environment = {each["name"]: each["value"] for each in container["env"]}
    login = Path(environment["NETRC"])
    assert volumes[mounts[str(login.parent)]]["secret"]["secretName"] == secret["metadata"]["name"]
    assert steps("WORKDIR")[0] in mounts
    here = {"XNAT_HOST": hospital.sandbox.url, "NETRC": str(mount_login(hospital, secret["stringData"][login.name]))}

    ran = run_image(programs, hospital, container["args"], here)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert set(hospital.stored("SEG")) == {"seg.nii.gz", "left.nii.gz", "right.nii.gz"}

    again = run_image(programs, hospital, container["args"], here)
    assert again.returncode == 0
    assert "3 skipped" in again.stdout


def test_the_job_is_given_up_for_the_exit_statuses_that_another_attempt_does_not_mend() -> None:
    from xnat_upload.cli.exit_status import ExitStatus

    _, manifest = job()
    [rule] = manifest["spec"]["podFailurePolicy"]["rules"]
    mended = {ExitStatus.DONE, ExitStatus.NOT_ALL, ExitStatus.TRY_LATER}
    assert set(rule["onExitCodes"]["values"]) == set(ExitStatus) - mended
