"""A project with everything a test may want, and callers who speak plain HTTP."""

from __future__ import annotations

import io
import itertools
import socket
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from xnat_upload.sandbox import Sandbox

NUMBERS = itertools.count(1)
PEOPLE = {"owner": "o-pw", "member": "m-pw", "collaborator": "c-pw", "outsider": "x-pw"}


class Caller:
    """A user with an HTTP client."""

    def __init__(self, url: str, login: str | None, password: str = "") -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        if login is not None:
            self.session.auth = (login, password)

    def __call__(self, method: str, path: str, **settings: Any) -> requests.Response:
        return self.session.request(method, self.url + path, allow_redirects=False, timeout=30, **settings)

    def rows(self, path: str, **settings: Any) -> list[dict[str, str]]:
        answer = self("GET", path, **settings)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, str]] = answer.json()["ResultSet"]["Result"]
        return found


@dataclass(frozen=True)
class Place:
    """A project with one session ``ACC1`` and its scan ``1``, and people of every role."""

    sandbox: Sandbox
    project: str
    session_id: str
    callers: Mapping[str, Caller]

    @property
    def admin(self) -> Caller:
        return self.callers["admin"]

    @property
    def session(self) -> str:
        return f"/data/experiments/{self.session_id}"

    @property
    def long_session(self) -> str:
        return f"/data/projects/{self.project}/subjects/SUBJ/experiments/ACC1"

    @property
    def scan(self) -> str:
        return f"{self.session}/scans/1"

    @property
    def resource(self) -> str:
        return f"{self.scan}/resources/NIFTI"

    def put(self, name: str, data: bytes = b"content", /, **params: str) -> requests.Response:
        headers = {"Content-Type": "application/octet-stream"}
        return self.admin("PUT", f"{self.resource}/files/{name}", data=data, headers=headers, params=params)

    def put_zip(self, members: Mapping[str, bytes], **params: str) -> requests.Response:
        headers = {"Content-Type": "application/zip"}
        return self.admin(
            "PUT",
            f"{self.resource}/files/batch.zip",
            data=zipped(members),
            headers=headers,
            params={"extract": "true", **params},
        )

    def names(self) -> list[str]:
        return [row["URI"].partition("/files/")[2] for row in self.admin.rows(f"{self.resource}/files")]

    def listed(self, name: str) -> dict[str, str]:
        rows = self.admin.rows(f"{self.resource}/files")
        return next(row for row in rows if row["URI"].endswith(f"/files/{name}"))

    def path_of(self, name: str) -> Path:
        rows = self.admin.rows(f"{self.resource}/files?locator=absolutePath")
        return next(Path(row["absolutePath"]) for row in rows if row["absolutePath"].endswith(f"/NIFTI/{name}"))

    @contextmanager
    def site(self, **changes: Any) -> Iterator[None]:
        """Configure the site otherwise for a while."""
        settings = self.sandbox.site
        self.sandbox.site = replace(settings, **changes)
        try:
            yield
        finally:
            self.sandbox.site = settings

    def files(self) -> dict[str, bytes]:
        return self.sandbox.files(self.project, "ACC1", "1", "NIFTI")

    def orphans(self) -> dict[str, bytes]:
        return self.sandbox.orphans(self.project, "ACC1", "1", "NIFTI")


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Make a zip with complete local headers."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def message(answer: requests.Response) -> str:
    """Read the message of a status page."""
    return answer.text.partition("<h3>")[2].partition("</h3>")[0]


def connect(sandbox: Sandbox) -> socket.socket:
    """Open a plain connection to a sandbox."""
    host, _, port = urlsplit(sandbox.url).netloc.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for what another thread does; gives up after ten seconds."""
    for _ in range(2000):
        if happened():
            return
        time.sleep(0.005)
    raise AssertionError("It did not happen.")


def place_in(sandbox: Sandbox, stack: ExitStack) -> Place:
    """Make a project with everything a test may want."""
    project = sandbox.add_project(f"T{next(NUMBERS)}")
    session_id = sandbox.add_session(project, "ACC1", subject="SUBJ", scans={"1": "xnat:mrScanData"})
    callers = {"admin": Caller(sandbox.url, sandbox.user, sandbox.password)}
    for login, password in PEOPLE.items():
        sandbox.add_user(login, password)
        callers[login] = Caller(sandbox.url, login, password)
    sandbox.add_member(project, "owner", role="owner")
    sandbox.add_member(project, "member")
    sandbox.add_member(project, "collaborator", role="collaborator")
    callers["anonymous"] = Caller(sandbox.url, None)
    for caller in callers.values():
        stack.callback(caller.session.close)
    place = Place(sandbox, project, session_id, callers)
    assert callers["admin"]("PUT", place.resource).status_code == 200
    return place
