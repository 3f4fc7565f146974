"""Where other people's clients work: a project of its own, what it holds, and what was said on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import requests

from xnat_upload.sandbox import Sandbox

OBSERVER = "independent-observer/1"


@dataclass(frozen=True)
class Sent:
    """What a client sent in one request, and the status it got; the path without the context path."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int | None

    @property
    def line(self) -> str:
        return f"{self.method} {self.path} {self.status}"


@dataclass(frozen=True, kw_only=True)
class PeerPlace:
    """A project with the session ``ACC1`` of the subject ``SUBJ`` and its scan ``1``."""

    sandbox: Sandbox
    context_path: str
    project: str
    session_id: str

    @property
    def scan_path(self) -> str:
        return f"/data/experiments/{self.session_id}/scans/1"

    @property
    def long_scan_path(self) -> str:
        return f"/data/projects/{self.project}/subjects/SUBJ/experiments/ACC1/scans/1"

    def ask(self, method: str, path: str, **options: object) -> requests.Response:
        """Send one request of our own, with nothing of the client under test."""
        return requests.request(
            method,
            self.sandbox.url + path,
            auth=(self.sandbox.user, self.sandbox.password),
            headers={"User-Agent": OBSERVER},
            timeout=30,
            **options,  # type: ignore[arg-type]
        )

    def rows(self, path: str) -> list[dict[str, str]]:
        answer = self.ask("GET", path, params={"format": "json"})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, str]] = answer.json()["ResultSet"]["Result"]
        return found

    def content(self, resource: str = "NIFTI", *, scan: str = "1") -> dict[str, bytes]:
        """Fetch every file the archive lists, one by one, and hold it against the disk."""
        base = f"/data/experiments/{self.session_id}/scans/{scan}/resources/{resource}/files"
        found = {}
        for row in self.rows(base):
            name = row["URI"].partition("/files/")[2]
            answer = self.ask("GET", f"{base}/{quote(name)}")
            assert answer.status_code == 200, (name, answer.status_code)
            assert row["Size"] == str(len(answer.content))
            found[unquote(name)] = answer.content
        assert found == self.sandbox.files(self.project, "ACC1", scan, resource)
        return found

    def sent(self) -> list[Sent]:
        """Give what clients have sent since the place was made or `clear` was called."""
        return [
            Sent(one.method, one.path.removeprefix(self.context_path), one.query, one.status)
            for one in self.sandbox.requests
            if one.headers.get("user-agent") != OBSERVER
        ]

    def written(self) -> list[Sent]:
        """Give the requests among them that write."""
        return [one for one in self.sent() if one.method in ("PUT", "POST")]

    def clear(self) -> None:
        self.sandbox.clear_requests()
