"""Cookies go where their server lets them: below their path, and not over plain http if they are Secure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.archive.test_odd_answers import Conversation
from tests.hospital import IMPATIENT
from tests.odd_server import OddServer, answer
from xnat_upload import Uploader, XnatUploadError


def sent_cookies(*set_cookie: str, base: str = "", folder: Path) -> dict[str, set[str]]:
    """Log in to a server that sets these, upload, and give the cookies that came with each path."""
    login = answer(
        b"User 'ada' is logged in",
        content_type="text/plain",
        headers="".join(f"Set-Cookie: {each}\r\n" for each in set_cookie),
    )
    (folder / "a.nii").write_bytes(b"a")
    conversation = Conversation()

    def say(method: str, path: str) -> object:
        path = path.removeprefix(base)
        return login if path.startswith("/data/auth") else conversation(method, path)

    with OddServer(say, login=login) as server:  # type: ignore[arg-type]
        with (
            Uploader.connect(server.url + base, user="ada", password="p", settings=IMPATIENT) as uploader,
            pytest.raises(XnatUploadError),
        ):
            uploader.upload(
                "a.nii", root=folder, hub_project_id="hub-1", accession_id="ACC", scan_id="4", resource_id="SEG"
            )
        found: dict[str, set[str]] = {}
        for head in server.heads[1:]:
            path = head.split(b" ")[1].decode().partition("?")[0]
            cookies = re.search(rb"^cookie: (.*?)\r?$", head, re.IGNORECASE | re.MULTILINE)
            found.setdefault(path, set()).update(cookies[1].decode().split("; ") if cookies else ())
    assert len(found) > 3
    return found


def test_a_cookie_keeps_to_its_path(tmp_path: Path) -> None:
    found = sent_cookies(
        "JSESSIONID=A1; Path=/", "other=B; Path=/elsewhere", "login=C; Path=/data/auth", folder=tmp_path
    )
    assert all(cookies == {"JSESSIONID=A1"} for cookies in found.values())


def test_a_cookie_of_a_context_path_goes_below_it(tmp_path: Path) -> None:
    found = sent_cookies("JSESSIONID=A1; Path=/xnat", "other=B; Path=/xnatb", base="/xnat", folder=tmp_path)
    assert all(cookies == {"JSESSIONID=A1"} for cookies in found.values())


def test_a_secure_cookie_does_not_cross_plain_http(tmp_path: Path) -> None:
    found = sent_cookies("JSESSIONID=A1; Path=/", "safe=B; Path=/; Secure", folder=tmp_path)
    assert all(cookies == {"JSESSIONID=A1"} for cookies in found.values())
