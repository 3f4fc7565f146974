"""The programs that the documentation shows: each is run against a sandbox, as whoever copies it would run it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import uvicorn

from tests.documented import ACCESSIONS, EXAMPLES, HUB_PROJECT_ID, DocumentedHospital, open_documented_hospital
from xnat_upload import AlreadyExistsError
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import Refuse


@pytest.fixture
def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DocumentedHospital]:
    with Sandbox() as sandbox:
        hospital = open_documented_hospital(sandbox, tmp_path)
        for name, value in hospital.environment.items():
            monkeypatch.setenv(name, value)
        yield hospital


def program(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serving() -> Iterator[str]:
    """Run the documented service and give its address."""
    config = uvicorn.Config(program("fastapi_service").app, port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def order(**changes: object) -> dict[str, object]:
    return {
        "central_hub_project_id": HUB_PROJECT_ID,
        "accession_id": ACCESSIONS[0],
        "scan_id": "12345",
        "resource_id": "SEG",
        "files": ["seg.nii.gz", "masks"],
        **changes,
    }


def run_without(packages: tuple[str, ...], module: str) -> subprocess.CompletedProcess[str]:
    program = f"""
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Refuse())
runpy.run_module({module!r}, run_name="__main__")
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


def test_the_demo_needs_nothing_beyond_its_own_extra() -> None:
    ran = run_without(("pytest", "hypothesis", "fastapi", "matplotlib", "IPython", "sphinx"), "xnat_upload.demo")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == "0 bytes were sent."


@pytest.mark.parametrize("missing", ["pydicom", "nibabel", "starlette", "uvicorn", "python_multipart"])
def test_the_demo_says_what_to_install(missing: str) -> None:
    ran = run_without((missing,), "xnat_upload.demo")
    assert (ran.returncode, ran.stderr.splitlines()) == (
        1,
        ["The demo needs its images and the sandbox: pip install 'xnat-upload[demo]'"],
    )


@pytest.mark.parametrize("module", ["xnat_upload", "xnat_upload.cli.main"])
def test_the_command_says_what_to_install(module: str) -> None:
    ran = run_without(("click",), module)
    assert (ran.returncode, ran.stderr.splitlines()) == (1, ["xnat-upload needs click: pip install 'xnat-upload[cli]'"])


def test_the_five_functions_of_a_platform_serve_a_caller_with_a_cookie_and_xnats_own_ids(
    hospital: DocumentedHospital,
) -> None:
    service = program("service")
    login = requests.get(f"{hospital.sandbox.url}/data/JSESSION", auth=("svc", "s3cret"), timeout=10)
    where = {"project_id": "LUNG", "accession_id": ACCESSIONS[0], "scan_id": "4", "resource_id": "SEG"}
    urls = asyncio.run(service.upload_data_to_xnat(login.text, "net-1", ["seg.nii.gz", "masks"], **where))
    assert len(urls) == 3
    assert service.create_xnat_scan(login.text, "LUNG", ACCESSIONS[0], "4").endswith("/scans/4")
    with pytest.raises(AlreadyExistsError):
        service.create_xnat_resource(login.text, **where)
    url = service.upload_file_to_xnat(login.text, str(hospital.folder / "out/seg.nii.gz"), "label_63.nii.gz", **where)
    assert url.endswith("/files/label_63.nii.gz")
    assert service.check_file_exists_in_xnat(login.text, "label_63.nii.gz", **where)
    assert set(hospital.stored("SEG", scan_id="4")) == {
        *("seg.nii.gz", "left.nii.gz", "right.nii.gz", "label_63.nii.gz")
    }
    cookie = {"Cookie": f"JSESSIONID={login.text}"}
    assert "svc" in requests.get(f"{hospital.sandbox.url}/data/auth", headers=cookie, timeout=10).text


def test_the_service_stores_files_and_answers_with_the_addresses_that_serve_them(hospital: DocumentedHospital) -> None:
    with serving() as service:
        answer = requests.put(f"{service}/upload/images/net-1", json=order(), timeout=30)
    assert answer.status_code == 200
    assert len(answer.json()) == 3
    served = requests.get(answer.json()[0], auth=("svc", "s3cret"), timeout=10).content
    assert served == (hospital.folder / "images/net-1/upload/seg.nii.gz").read_bytes()
    assert set(hospital.stored("SEG")) == {"seg.nii.gz", "left.nii.gz", "right.nii.gz"}


def test_the_service_answers_each_refusal_with_its_status(hospital: DocumentedHospital) -> None:
    refusals: list[tuple[str, dict[str, object], int]] = [
        ("net-1", order(accession_id="NOWHERE"), 404),
        ("net-1", order(central_hub_project_id="nowhere"), 404),
        ("net-1", order(files=["nowhere.nii"]), 404),
        ("net-1", order(files=["../../net-2/upload/seg.nii.gz"]), 422),
        ("net-1", order(accession_id="../../etc/passwd"), 422),
        ("..", order(), 404),  # no route
        ("net-1", {}, 422),
    ]
    with serving() as service:
        for net_id, body, status in refusals:
            answer = requests.put(f"{service}/upload/images/{net_id}", json=body, timeout=30)
            assert answer.status_code == status, (body, answer.text)
        assert requests.put(f"{service}/upload/images/net-1", json=order(), timeout=30).ok
        conflict = requests.put(f"{service}/upload/images/net-1", json=order(), timeout=30)
        assert (conflict.status_code, len(conflict.json()["names"])) == (409, 3)
        again = requests.put(f"{service}/upload/images/net-1", json=order(exist_ok=True), timeout=30)
        assert again.ok
        with hospital.sandbox.inject(Refuse(500, times=None, method="PUT", path="/files/")):
            broken = requests.put(f"{service}/upload/images/net-1", json=order(resource_id="OTHER"), timeout=30)
    assert broken.status_code == 502
    assert broken.json()["files"] == dict.fromkeys(["seg.nii.gz", "left.nii.gz", "right.nii.gz"], "failed")
    assert "s3cret" not in broken.text


def test_the_service_tells_a_reader_that_he_may_not_write(hospital: DocumentedHospital) -> None:
    hospital.sandbox.add_member("LUNG", "svc", role="collaborator")
    with serving() as service:
        answer = requests.put(f"{service}/upload/images/net-1", json=order(), timeout=30)
    assert answer.status_code == 403


def test_the_service_answers_others_while_files_travel(hospital: DocumentedHospital) -> None:
    with serving() as service, hospital.sandbox.hold("bytes-written") as hold:
        answers: list[requests.Response] = []
        caller = threading.Thread(
            target=lambda: answers.append(requests.put(f"{service}/upload/images/net-1", json=order(), timeout=60))
        )
        caller.start()
        hold.wait_until_reached()
        assert requests.get(f"{service}/openapi.json", timeout=10).ok
        assert not answers
        hold.release()
        caller.join()
    assert answers[0].status_code == 200


def test_the_container_stores_its_result_and_exits_with_0(hospital: DocumentedHospital) -> None:
    ran = run_container(hospital, ACCESSIONS[0])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "1 stored" in ran.stdout
    assert set(hospital.stored("SEG")) == {"seg.nii.gz"}


def test_the_container_exits_with_1_and_one_sentence_if_it_could_not(hospital: DocumentedHospital) -> None:
    ran = run_container(hospital, "NOWHERE")
    assert ran.returncode == 1
    assert ran.stderr.startswith("Accession 'NOWHERE' is not in project 'LUNG'")
    assert len(ran.stderr.splitlines()) == 1


def run_container(hospital: DocumentedHospital, accession_id: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, str(EXAMPLES / "container" / "upload.py")),
            *(HUB_PROJECT_ID, accession_id, "12345", str(hospital.folder / "out")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_of_the_container_is_wired_through() -> None:
    command = json.loads((EXAMPLES / "container" / "command.json").read_text())
    (wrapper,) = command["xnat"]
    wrapper_inputs = [*wrapper["external-inputs"], *wrapper["derived-inputs"]]
    given = {each.get("provides-value-for-command-input") for each in wrapper_inputs} - {None}
    wanted = [each["name"] for each in command["inputs"]]
    assert given == set(wanted)
    assert re.findall(r"#(\w+)#", command["command-line"]) == wanted
    mounts = {mount["name"]: mount["path"] for mount in command["mounts"]}
    assert {each["provides-files-for-command-mount"] for each in wrapper_inputs if len(each) == 6} <= set(mounts)
    assert all(path in command["command-line"] for path in mounts.values())
    names = {each["name"] for each in wrapper_inputs}
    assert {each["derived-from-wrapper-input"] for each in wrapper["derived-inputs"]} <= names


def test_the_nightly_job_stores_all_folders_and_keeps_its_report(hospital: DocumentedHospital) -> None:
    ran = start_night(hospital)
    output = ran.communicate(timeout=60)[1]
    assert ran.returncode == 0, output
    assert set(hospital.stored("SEG", accession_id=ACCESSIONS[1])) == {"mask.nii"}
    (log,) = (hospital.folder / "log").iterdir()
    assert log.read_text().count("stored") == 2
    assert ACCESSIONS[0] not in output


def test_a_folder_that_cannot_be_uploaded_keeps_no_other_from_its_archive(hospital: DocumentedHospital) -> None:
    for folder in ("lost+found", "EMPTY", "NOWHERE"):
        (hospital.folder / "night" / folder / "below").mkdir(parents=True)
    (hospital.folder / "night" / "NOWHERE" / "mask.nii").write_bytes(b"of nobody")
    ran = start_night(hospital)
    output = ran.communicate(timeout=60)[1]
    assert ran.returncode == 1, output
    assert output.count("A folder is left out") == 3
    assert set(hospital.stored("SEG", accession_id=ACCESSIONS[1])) == {"mask.nii"}


def test_a_nightly_job_that_is_stopped_leaves_a_report_of_what_it_had_done(hospital: DocumentedHospital) -> None:
    with hospital.sandbox.hold("bytes-written") as hold:
        ran = start_night(hospital)
        hold.wait_until_reached()
        ran.send_signal(signal.SIGTERM)
        assert ran.stderr
        for line in ran.stderr:  # it has heard the signal; only then may the archive answer
            if "Interrupted" in line:
                break
        hold.release()
        ran.communicate(timeout=60)
    assert ran.returncode == 1
    (log,) = (hospital.folder / "log").iterdir()
    stored = [line for line in log.read_text().splitlines() if ",stored," in line]
    files = [hospital.stored("SEG", accession_id=accession) for accession in ACCESSIONS]
    assert len(stored) == sum(len(each) for each in files)


def start_night(hospital: DocumentedHospital) -> subprocess.Popen[str]:
    for accession in ACCESSIONS[:2]:
        folder = hospital.folder / "night" / accession
        folder.mkdir(parents=True)
        (folder / "mask.nii").write_bytes(accession.encode())
    paths = [str(hospital.folder / "night"), str(hospital.folder / "log")]
    start = "import sys, pathlib, nightly; sys.exit(nightly.main(*map(pathlib.Path, sys.argv[1:])))"
    return subprocess.Popen(
        [sys.executable, "-c", start, *paths], cwd=EXAMPLES, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


class FLComponent:
    """As much of NVFLARE's base class as the example uses; see the page on how it was run with the real one."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def log_info(self, fl_ctx: object, message: str) -> None:
        self.told.append(message)

    def log_error(self, fl_ctx: object, message: str) -> None:
        self.told.append(f"ERROR {message}")


@pytest.fixture
def stand_in_for_nvflare(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, dict[str, object]] = {
        "event_type": {"EventType": types.SimpleNamespace(ABOUT_TO_END_RUN="_about_to_end_run")},
        "fl_component": {"FLComponent": FLComponent},
        "fl_context": {"FLContext": object},
    }
    for module in ("nvflare", "nvflare.apis"):
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    for module, content in names.items():
        stand_in = types.ModuleType(f"nvflare.apis.{module}")
        vars(stand_in).update(content)
        monkeypatch.setitem(sys.modules, f"nvflare.apis.{module}", stand_in)


@pytest.mark.usefixtures("stand_in_for_nvflare")
def test_the_component_of_a_client_stores_its_results_at_the_end_of_a_run(hospital: DocumentedHospital) -> None:
    upload = hospital.folder / "images" / "net-1" / "upload"
    for accession in (ACCESSIONS[0], "NOWHERE"):
        (upload / accession).mkdir()
        (upload / accession / "seg.nii.gz").write_bytes(accession.encode())
    component = program("result_uploader").ResultUploader(
        str(hospital.folder / "images"), "net-1", HUB_PROJECT_ID, ["NOWHERE", *ACCESSIONS[:2]], "12345"
    )
    component.handle_event("_start_run", object())
    assert hospital.sandbox.requests == ()
    component.handle_event("_about_to_end_run", object())
    assert hospital.stored("SEG") == {"seg.nii.gz": ACCESSIONS[0].encode()}
    failed, stored, nothing = component.told
    assert failed.startswith("ERROR NOWHERE")
    assert "1 stored" in stored
    assert "no result" in nothing


@pytest.mark.usefixtures("stand_in_for_nvflare")
def test_the_component_of_a_client_does_not_end_the_federation(
    hospital: DocumentedHospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNAT_PASS", "wrong")
    component = program("result_uploader").ResultUploader("images", "net-1", HUB_PROJECT_ID, [ACCESSIONS[0]], "12345")
    component.handle_event("_about_to_end_run", object())
    assert component.told[0].startswith("ERROR Results were not stored")
