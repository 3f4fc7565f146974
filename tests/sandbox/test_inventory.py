"""What tests read past HTTP: files and orphans at every level, assertions, and the requests with their bodies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.places import Caller
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import DropDuring

LEVELS = {
    "resources/R/files/a": b"project",
    "subjects/S/resources/R/files/a": b"subject",
    "subjects/S/experiments/E/resources/R/files/a": b"session",
    "subjects/S/experiments/E/scans/1/resources/R/files/sub/a": b"scan",
    "subjects/S/experiments/E/assessors/A1/in/resources/R/files/a": b"assessor, in",
    "subjects/S/experiments/E/assessors/A1/out/resources/R/files/a": b"assessor",
    "subjects/S/experiments/E/reconstructions/R1/in/resources/R/files/a": b"reconstruction, in",
    "subjects/S/experiments/E/reconstructions/R1/out/resources/R/files/a": b"reconstruction",
}
SESSION = "subjects/S/experiments/E/"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_project("P")
        sandbox.add_session("P", "E", subject="S", scans={"1": "xnat:mrScanData"})
        yield sandbox


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[Caller]:
    caller = Caller(sandbox.url, "admin", "admin")
    with caller.session:
        yield caller


@pytest.fixture
def filled(sandbox: Sandbox, admin: Caller) -> Sandbox:
    session = f"/data/projects/P/{SESSION}"
    assert admin("PUT", f"{session}assessors/A1?xsiType=xnat:qcManualAssessorData").ok
    assert admin("PUT", f"{session}reconstructions/R1?type=T").ok
    for address, content in LEVELS.items():
        assert admin("PUT", f"/data/projects/P/{address}", data=content, headers=BYTES).ok, address
    return sandbox


def below(prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): content for name, content in LEVELS.items() if name.startswith(prefix)}


def test_files_of_every_level_by_their_address(filled: Sandbox, admin: Caller) -> None:
    assert filled.files("P") == LEVELS
    assert filled.files("P", "E") == below(SESSION)
    assert filled.files("P", "E", "1") == below(f"{SESSION}scans/1/")
    for address, content in filled.files("P").items():
        assert admin("GET", f"/data/projects/P/{address}").content == content


def test_files_of_one_resource_by_name(filled: Sandbox) -> None:
    assert filled.files("P", None, None, "R") == {"a": b"project"}
    assert filled.files("P", "E", resource_label="R") == {"a": b"session"}
    assert filled.files("P", "E", "1", "R") == {"sub/a": b"scan"}
    assert filled.files("P", "E", None, "NOSUCH") == {}
    with pytest.raises(ValueError, match="Scan '1' is of no session"):
        filled.files("P", None, "1", "R")


def test_a_shared_session_shows_its_files_where_it_is_shared(filled: Sandbox, admin: Caller) -> None:
    filled.add_project("Q")
    assert admin("PUT", f"/data/projects/P/{SESSION}projects/Q?label=E_in_Q").ok
    assert filled.files("Q", "E_in_Q") == below(SESSION)
    assert filled.files("Q", "E_in_Q", "1", "R") == {"sub/a": b"scan"}
    assert filled.files("Q") == {}  # they are the other project's


def test_orphans_of_every_level(filled: Sandbox, admin: Caller) -> None:
    for address in LEVELS:
        assert admin("DELETE", f"/data/projects/P/{address}?removeFiles=false").ok, address
    assert (filled.files("P"), filled.orphans("P")) == ({}, LEVELS)
    assert filled.orphans("P", "E") == below(SESSION)
    assert filled.orphans("P", "E", resource_label="R") == {"a": b"session"}
    assert filled.orphans("P", resource_label="R") == {"a": b"project"}
    assert admin("DELETE", f"/data/projects/P/{SESSION}scans/1/resources/R").ok
    assert filled.orphans("P", "E", "1") == below(f"{SESSION}scans/1/")


def test_files_that_are_added_are_as_if_they_had_been_sent(sandbox: Sandbox, admin: Caller, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(b"22")
    (tmp_path / "a").write_bytes(b"1")
    sandbox.add_files("P", "E", "1", "R", tmp_path)
    sandbox.add_files("P", "E", "1", "R", {"c": tmp_path / "a"})
    sandbox.add_files("P", "E", None, "R", tmp_path / "a")
    sandbox.add_files("P", None, None, "R", {"d e/f": b"4"})
    rows = admin.rows(f"/data/projects/P/{SESSION}scans/1/resources/R/files")
    assert {row["Name"]: (row["Size"], row["digest"]) for row in rows} == {
        "a": ("1", "c4ca4238a0b923820dcc509a6f75849b"),
        "b": ("2", "b6d767d2f8ed5d21a44b0e5886680cb9"),
        "c": ("1", "c4ca4238a0b923820dcc509a6f75849b"),
    }
    assert admin.rows(f"/data/projects/P/{SESSION}scans/1/resources")[0]["file_count"] == "3"
    assert admin("GET", f"/data/projects/P/{SESSION}scans/1/resources/R/files/sub/b").content == b"22"
    assert admin("GET", f"/data/projects/P/{SESSION}resources/R/files/a").content == b"1"
    assert sandbox.files("P", None, None, "R") == {"d e/f": b"4"}


def test_what_cannot_be_added_is_said(sandbox: Sandbox) -> None:
    sandbox.add_files("P", "E", "1", "R", {"a": b"1"})
    for session, scan, name, content, sentence in (
        ("E", "1", "a", b"2", "a file 'a' in resource 'R' already"),
        ("E", "1", "x_catalog.xml", b"2", "no file of the name 'x_catalog.xml'"),
        ("E", "1", "x.xml", b"<cat:Catalog/>", "holds a catalog of its own"),
        ("E", "9", "a", b"2", "no scan '9' in session 'E'"),
        ("NOSUCH", None, "a", b"2", "no session 'NOSUCH'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            sandbox.add_files("P", session, scan, "R", {name: content})
    assert (sandbox.files("P", "E", "1", "R"), sandbox.orphans("P")) == ({"a": b"1"}, {})


def test_an_assertion_names_everything_that_is_wrong(sandbox: Sandbox, admin: Caller, tmp_path: Path) -> None:
    resource = f"/data/projects/P/{SESSION}scans/1/resources/R"
    sandbox.add_files("P", "E", "1", "R", {"same": b"1", "other": b"2", "more": b"3", "left": b"4"})
    assert admin("DELETE", f"{resource}/files/left?removeFiles=false").ok
    (tmp_path / "same").write_bytes(b"1")
    with pytest.raises(AssertionError) as caught:
        sandbox.assert_stored(
            "P", "E", "1", "R", {"same": tmp_path / "same", "other": b"22", "left": b"4", "gone": b""}
        )
    assert str(caught.value).splitlines() == [
        "Resource 'R' holds something else than expected:",
        "  other is not what was expected: expected 2 bytes, MD5 b6d767d2f8ed5d21a44b0e5886680cb9; "
        "stored 1 bytes, MD5 c81e728d9d4c2f636f067f89cc14862c",
        "  left lies on the disk without an entry in the catalog: expected 1 bytes, "
        "MD5 a87ff679a2f3e71d9181a67b7542122c",
        "  gone is missing: expected 0 bytes, MD5 d41d8cd98f00b204e9800998ecf8427e",
        "  more is there, and not expected: 1 bytes, MD5 eccbc87e4b5ce2fe28308fd9f2a7baf3",
    ]
    sandbox.assert_stored("P", "E", "1", "R", {"same": b"1", "other": b"2", "more": b"3"})
    with pytest.raises(AssertionError, match="there is no resource 'NOSUCH'"):
        sandbox.assert_stored("P", "E", None, "NOSUCH", {"a": b"1"})
    sandbox.assert_stored("P", "E", None, "NOSUCH", {})


def test_requests_are_chosen_by_what_they_are(sandbox: Sandbox, admin: Caller) -> None:
    admin("PUT", "/data/projects/Q?name=One&secondary_ID=s")
    admin("GET", "/data/projects/Q?format=json")
    admin("GET", "/data/projects/NOSUCH?format=json")
    Caller(sandbox.url, None)("GET", "/data/projects/Q?format=json")
    requests = sandbox.requests
    assert len(requests) == 4
    assert requests.matching() == requests
    assert [one.method for one in requests.matching(path="/projects/Q$")] == ["PUT", "GET", "GET"]
    assert [one.status for one in requests.matching(method="GET", query={"format": "json"})] == [200, 404, 401]
    assert [one.path for one in requests.matching(status=404)] == ["/data/projects/NOSUCH"]
    assert len(requests.matching(user="admin").matching(method="GET")) == 2
    assert not requests.matching(query={"format": "xml"})


def test_bodies_are_kept_only_when_that_is_asked_for(sandbox: Sandbox, admin: Caller) -> None:
    path = f"/data/projects/P/{SESSION}scans/1/resources/R/files"
    admin("PUT", f"{path}/a", data=b"1" * 100_000, headers=BYTES)
    sandbox.keep_bodies()
    admin("PUT", f"{path}/b", data=b"2" * 100_000, headers=BYTES)
    with sandbox.inject(DropDuring(after_bytes=10)), pytest.raises(OSError, match="onnection"):
        admin("PUT", f"{path}/c", data=b"3" * 100_000, headers=BYTES)
    admin("GET", f"{path}/b")
    sandbox.wait_until_idle()
    by_name = {(one.method, one.path[-1]): one for one in sandbox.requests}
    assert by_name["PUT", "a"].body is None
    assert by_name["PUT", "b"].body == b"2" * 100_000
    assert by_name["PUT", "b"].body_size == 100_000
    assert by_name["GET", "b"].body == b""
    broken_off = by_name["PUT", "c"]
    assert broken_off.body == b"3" * broken_off.body_size
    assert "222" not in repr(sandbox.requests)
