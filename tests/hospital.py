"""One project with one session on some XNAT, made and read over HTTP alone: the sandbox's or a real one's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

import requests

from xnat_upload import TransferSettings, Uploader

# Small pauses: the tests are about what happens, not about how long one waits for it.
# A machine that is busy may look like a slow line, on which other requests are made; tests of those say so.
IMPATIENT = TransferSettings(
    compression="never",
    attempts=5,
    pause_seconds=0.01,
    longest_pause_seconds=0.05,
    settle_seconds=0.5,
    read_timeout_seconds=10,
)


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """A server, an account that may do everything there, and a fresh project with one CT session."""

    server: str
    user: str
    password: str = field(repr=False)
    project_id: str
    hub_project_id: str
    accession_id: str = "FAK09131796"
    subject_label: str = "SUBJECT1"

    @property
    def session_path(self) -> str:
        return f"/data/projects/{self.project_id}/subjects/{self.subject_label}/experiments/{self.accession_id}"

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        """Send one request with the account's own login, and nothing of the library under test."""
        return requests.request(
            method,
            self.server + path,
            auth=(self.user, self.password),
            timeout=30,
            **options,  # type: ignore[arg-type]
        )

    def connect(self, **options: object) -> Uploader:
        options.setdefault("settings", IMPATIENT)
        return Uploader.connect(self.server, user=self.user, password=self.password, **options)  # type: ignore[arg-type]

    def resource_path(self, scan_id: str, resource_id: str) -> str:
        return f"{self.session_path}/scans/{scan_id}/resources/{resource_id}"

    def listing(self, scan_id: str, resource_id: str) -> dict[str, dict[str, str]]:
        answer = self.ask("GET", f"{self.resource_path(scan_id, resource_id)}/files?format=json")
        answer.raise_for_status()
        rows = answer.json()["ResultSet"]["Result"]
        return {row["URI"].split("/files/", 1)[1]: row for row in rows}

    def content(self, scan_id: str, resource_id: str) -> dict[str, bytes]:
        """Fetch every listed file."""
        base = f"{self.resource_path(scan_id, resource_id)}/files/"
        found = {}
        for name in self.listing(scan_id, resource_id):
            answer = self.ask("GET", base + quote(name, safe="/"))
            assert answer.status_code == 200, (name, answer.status_code)
            found[name] = answer.content
        return found

    def put(self, scan_id: str, resource_id: str, name: str, content: bytes) -> None:
        """Store one file as any other client would, creating the resource if need be."""
        self.ask("PUT", self.resource_path(scan_id, resource_id))
        path = f"{self.resource_path(scan_id, resource_id)}/files/{quote(name)}"
        answer = self.ask("PUT", path, params={"inbody": "true", "overwrite": "true"}, data=content)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        assert answer.headers.get("Content-Type", "").startswith("text/plain")

    def create_scan(self, scan_id: str, xsi_type: str = "xnat:ctScanData") -> None:
        answer = self.ask("PUT", f"{self.session_path}/scans/{scan_id}", params={"xsiType": xsi_type})
        assert answer.status_code == 200, answer.text


def open_hospital(server: str, user: str, password: str) -> Hospital:
    """Make a fresh project with one CT session and one scan, "4"."""
    token = secrets.token_hex(6)
    hospital = Hospital(
        server=server.rstrip("/"),
        user=user,
        password=password,
        project_id=f"XUT_{token}",
        hub_project_id=f"hub {token} & co",
    )
    made = hospital.ask(
        "PUT", f"/data/projects/{hospital.project_id}", params={"secondary_ID": hospital.hub_project_id}
    )
    assert made.status_code in (200, 201), made.text
    made = hospital.ask("PUT", hospital.session_path, params={"xsiType": "xnat:ctSessionData"})
    assert made.status_code in (200, 201), made.text
    hospital.create_scan("4")
    return hospital


def close_hospital(hospital: Hospital) -> None:
    hospital.ask("DELETE", f"/data/projects/{hospital.project_id}", params={"removeFiles": "true"})
