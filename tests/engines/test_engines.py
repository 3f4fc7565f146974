"""The tasks that the documentation shows, on the real Airflow and the real Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documented import DocumentedHospital, open_documented_hospital
from tests.engines.engine import Airflow, Engine, Prefect, environment_of
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import Refuse

FILES = {"seg.nii.gz", "left.nii.gz", "right.nii.gz"}


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[DocumentedHospital]:
    with Sandbox() as sandbox:
        yield open_documented_hospital(sandbox, tmp_path)


@pytest.fixture(params=[Airflow, Prefect])
def engine(request: pytest.FixtureRequest, hospital: DocumentedHospital, tmp_path: Path) -> Engine:
    kind: type[Engine] = request.param
    if not environment_of(kind.__name__.lower()).exists():
        pytest.skip("make engines installs it")
    home = tmp_path / "engine"
    home.mkdir()
    return kind(home, hospital)


def test_an_attempt_that_fails_is_followed_by_one_that_stores_all_and_a_second_run_sends_nothing(
    engine: Engine, hospital: DocumentedHospital
) -> None:
    with hospital.sandbox.inject(Refuse(507, times=1, method="PUT", path="/files")) as full_disk:
        ran = engine.run()
    assert ran.returncode == 0, ran.stdout
    assert full_disk.struck == 1
    assert "3 stored" in ran.stdout
    assert set(hospital.stored("SEG")) == FILES
    assert len(logins(hospital)) == 2

    hospital.sandbox.clear_requests()
    again = engine.run()
    assert again.returncode == 0, again.stdout
    assert "3 skipped" in again.stdout
    assert not [request for request in hospital.sandbox.requests if request.method == "PUT"]


def test_a_refused_password_is_sent_once_and_ends_the_run(engine: Engine, hospital: DocumentedHospital) -> None:
    ran = engine.run(password="wrong")
    assert ran.returncode != 0, ran.stdout
    assert "Your login attempt failed" in ran.stdout
    assert len(hospital.sandbox.requests) == 1


def logins(hospital: DocumentedHospital) -> list[object]:
    return [request for request in hospital.sandbox.requests if request.path.endswith("/data/auth")]
