"""Airflow and Prefect, each in the environment that ``make engines`` makes, running what the documentation shows."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.documented import ACCESSIONS, EXAMPLES, ROOT, DocumentedHospital

PROGRAMS = EXAMPLES / "workflow"
# Of the caller's environment the engines get only what a program needs to start.
_KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH")


@dataclass(frozen=True)
class Engine:
    """One engine, which keeps its own data below `home`."""

    home: Path
    hospital: DocumentedHospital

    def run(self, *, password: str = "s3cret") -> subprocess.CompletedProcess[str]:
        """Run the pipeline once, with the engine's own retries, and wait for its end."""
        raise NotImplementedError

    def _call(self, *words: str, environment: dict[str, str], check: bool = False) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return subprocess.run(
            words,
            env={**kept, **environment},
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=check,
        )

    def _impatient(self, name: str, waits: str) -> str:
        """Give a documented program whose attempts follow each other at once."""
        program = (PROGRAMS / name).read_text()
        assert waits in program
        return program.replace(waits, waits.rpartition("=")[0] + "=0")


class Airflow(Engine):
    """``airflow dags test``, which runs a DAG in one process."""

    def run(self, *, password: str = "s3cret") -> subprocess.CompletedProcess[str]:
        airflow = str(environment_of("airflow") / "airflow")
        login = {"conn_type": "http", "host": self.hospital.sandbox.url, "login": "svc", "password": password}
        environment = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_XNAT": json.dumps(login),
        }
        if not (self.home / "dags").exists():
            (self.home / "dags").mkdir()
            dag = self._impatient("airflow_dag.py", "minutes=10")
            (self.home / "dags" / "airflow_dag.py").write_text(dag)
            self._call(airflow, "db", "migrate", environment=environment, check=True)
        conf = {"root": str(self.hospital.folder / "out"), "accession_id": ACCESSIONS[0]}
        return self._call(airflow, "dags", "test", "store_results", "--conf", json.dumps(conf), environment=environment)


class Prefect(Engine):
    """A flow that is called as a program, which starts a server for itself alone."""

    def run(self, *, password: str = "s3cret") -> subprocess.CompletedProcess[str]:
        python = str(environment_of("prefect") / "python")
        environment = {
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "XNAT_HOST": self.hospital.sandbox.url,
        }
        save = (
            "import sys; from prefect.blocks.system import Secret; "
            "Secret(value=sys.argv[1]).save('xnat-password', overwrite=True)"
        )
        self._call(python, "-c", save, password, environment=environment, check=True)
        flow = self.home / "prefect_flow.py"
        flow.write_text(self._impatient("prefect_flow.py", "retry_delay_seconds=600"))
        return self._call(python, str(flow), str(self.hospital.folder / "out"), ACCESSIONS[0], environment=environment)


def environment_of(name: str) -> Path:
    """Give the directory of an engine's programs."""
    return ROOT / "build" / "engines" / name / "bin"
