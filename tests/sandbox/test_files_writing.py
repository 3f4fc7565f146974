"""Writing, replacing and deleting files (docs/xnat/writing-files.md)."""

from __future__ import annotations

import gzip
import http.client
import zlib
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree

from tests.sandbox.places import Place, connect, message, wait_until, zipped

OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_stored_is_200_with_an_empty_text(place: Place, method: str) -> None:
    answer = place.admin(method, f"{place.resource}/files/sub/a.nii", data=b"12345", headers=OCTETS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "text/plain"
    assert place.files() == {"sub/a.nii": b"12345"}


def test_without_the_right_to_edit_it_is_200_without_a_type_and_nothing_is_stored(place: Place) -> None:
    path = f"{place.resource}/files/a"
    answer = place.callers["collaborator"]("PUT", path, data=b"x", headers=OCTETS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "Content-Type" not in answer.headers
    assert place.files() == place.orphans() == {}
    assert place.callers["outsider"]("PUT", path, data=b"x", headers=OCTETS).status_code == 404
    assert place.callers["anonymous"]("PUT", path, data=b"x", headers=OCTETS).status_code == 401
    assert place.callers["member"]("PUT", path, data=b"x", headers=OCTETS).headers["Content-Type"] == "text/plain"


def test_existing_file_is_200_with_its_name_among_the_duplicates(place: Place) -> None:
    place.put("sub/a", b"old")
    answer = place.put("sub/a", b"new")
    assert (answer.status_code, answer.text) == (200, '{"duplicates":["sub/a"]}')
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert place.files() == {"sub/a": b"old"}


@pytest.mark.parametrize(
    ("value", "replaces"), [("true", True), ("1", True), ("no", True), ("", True), ("false", False), ("0", False)]
)
def test_overwrite_is_true_unless_false_or_zero(place: Place, value: str, replaces: bool) -> None:
    place.put("a", b"old")
    place.put("a", b"new", overwrite=value)
    assert place.files() == {"a": b"new" if replaces else b"old"}


def test_overwritten_file_has_new_size_and_digest(place: Place) -> None:
    place.put("a", b"old")
    place.put("a", b"newer", overwrite="true")
    assert (place.listed("a")["Size"], place.listed("a")["digest"]) == ("5", md5(b"newer").hexdigest())
    entry = etree.fromstring(place.admin("GET", place.resource).content).find(".//{*}entry")
    assert entry is not None
    assert entry.get("createdBy") == entry.get("modifiedBy") == "admin"


def test_orphan_counts_as_duplicate_until_overwritten(place: Place) -> None:
    place.put("a", b"old")
    place.admin("DELETE", f"{place.resource}/files/a?removeFiles=false")
    assert place.orphans() == {"a": b"old"}
    assert place.admin("GET", f"{place.resource}/files/a").status_code == 404
    assert place.put("a", b"new").json() == {"duplicates": ["a"]}
    assert place.names() == []
    assert place.put("a", b"new", overwrite="true").headers["Content-Type"] == "text/plain"
    assert place.files() == {"a": b"new"}


@pytest.mark.parametrize(
    ("headers", "body", "query", "status"),
    [({"Content-Type": "application/octet-stream"}, b"", "", 500),
     ({"Content-Type": "application/octet-stream"}, iter([b"x"]), "", 500),
     ({}, b"x", "?inbody=true", 200),
     ({}, b"", "?inbody=true", 500),
     ({"Content-Type": "application/zip"}, b"", "", 200),
     ({"Content-Type": "application/zip"}, iter([b"x"]), "", 200),
     ({"Content-Type": "application/json"}, b"{}", "", 400),
     ({"Content-Type": "application/json"}, b"{}", "?inbody=true", 200),
     ({"Content-Type": "application/json"}, b"", "", 400),
     ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", "?inbody=true", 400),
     ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", "", 500),
     ({"Content-Type": "text/plain"}, b"x", "", 200),
     ({"Content-Type": "application/dicom"}, b"x", "", 200)],
)  # fmt: skip
def test_body_forms(place: Place, headers: dict[str, str], body: Any, query: str, status: int) -> None:
    answer = place.admin("PUT", f"{place.resource}/files/a{query}", data=body, headers=headers)
    assert answer.status_code == status
    assert len(place.names()) == (1 if status == 200 else 0)
    assert place.orphans() == {}


def test_multipart_takes_empty_and_chunked_and_several(place: Place) -> None:
    files = [("any", ("dir/a.bin", b"1")), ("other", ("é #%.bin", b"")), ("field", (None, b"ignored"))]
    answer = place.admin("PUT", f"{place.resource}/files", files=files)
    assert answer.headers["Content-Type"] == "text/plain"
    assert place.files() == {"a.bin": b"1", "é #%.bin": b""}
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="c"\r\n\r\n123\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    place.admin("PUT", f"{place.resource}/files/renamed", data=iter([body[:20], body[20:]]), headers=headers)
    assert place.files()["renamed"] == b"123"


def test_parameters_in_form_fields_are_ignored(place: Place) -> None:
    place.put("a", b"old")
    files = {"file": ("a", b"new"), "overwrite": (None, "true")}
    assert place.admin("PUT", f"{place.resource}/files/a", files=files).json() == {"duplicates": ["a"]}


def test_several_parts_for_one_path_are_duplicates_of_each_other(place: Place) -> None:
    files = [("a", ("x", b"1")), ("b", ("y", b"2"))]
    assert place.admin("PUT", f"{place.resource}/files/one", files=files).json() == {"duplicates": ["one"]}
    assert place.files() == {"one": b"1"}


def test_truncated_multipart_leaves_the_old_file(place: Place) -> None:
    place.put("a", b"old")
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n123'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    path = f"{place.resource}/files/a?overwrite=true"
    assert place.admin("PUT", path, data=body, headers=headers).status_code == 500
    assert place.files() == {"a": b"old"}


def test_resource_is_made_on_the_fly_under_a_catalog_of_its_own_name(place: Place) -> None:
    path = f"{place.scan}/resources/AUTO"
    answer = place.admin("PUT", f"{path}/files/a", data=b"x", headers=OCTETS)
    assert answer.headers["Content-Type"] == "text/plain"
    row = next(row for row in place.admin.rows(f"{place.scan}/resources") if row["label"] == "AUTO")
    assert row["file_count"] == "1"
    scan = place.admin("GET", f"{place.scan}?format=xml").text
    assert "/SCANS/1/AUTO/AUTO_catalog.xml" in scan


def test_file_without_a_label_goes_into_the_first_resource(place: Place) -> None:
    place.admin("PUT", f"{place.scan}/files/a", data=b"x", headers=OCTETS)
    assert place.files() == {"a": b"x"}


@pytest.mark.parametrize("missing", ["{S}/scans/NOSUCH", "/data/experiments/NOSUCH/scans/1"])
def test_missing_parents_are_404_and_never_made(place: Place, missing: str) -> None:
    path = f"{missing.format(S=place.session)}/resources/L/files/a"
    assert place.admin("PUT", path, data=b"x", headers=OCTETS).status_code == 404


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("a%28b.txt", "a%28b.txt"), ("a%28b%20.txt", "a(b .txt"), ("a+b.txt", "a+b.txt"), ("a+b%20.txt", "a b .txt"),
     ("a%2Bb.txt", "a+b.txt"), ("%C3%A9.txt", "%C3%A9.txt"), ("a(b).txt", "a(b).txt")],
)  # fmt: skip
def test_path_is_decoded_only_with_an_escaped_blank_or_plus(place: Place, sent: str, stored: str) -> None:
    assert place.put(sent).status_code == 200
    assert place.names() == [stored]


def test_catalog_itself_cannot_be_replaced(place: Place) -> None:
    answer = place.put("1_catalog.xml", overwrite="true")
    assert (answer.status_code, message(answer)) == (500, "XNAT cannot catalog 1_catalog.xml")


def test_metadata_of_a_file_becomes_that_of_the_resource(place: Place) -> None:
    place.put("a", format="NIFTI", content="SEG", description="words", tags="t")
    row = place.admin.rows(f"{place.scan}/resources")[0]
    assert (row["format"], row["content"], row["tags"]) == ("NIFTI", "SEG", "t")


@pytest.mark.parametrize(("value", "count"), [("false", ""), ("yes", ""), ("true", "1"), ("1", "1")])
def test_statistics_can_be_left_out(place: Place, value: str, count: str) -> None:
    place.put("a", **{"update-stats": value})
    assert place.admin.rows(f"{place.scan}/resources")[0]["file_count"] == count
    assert place.names() == ["a"]


def test_content_encoding_is_undone_before_storing(place: Place) -> None:
    for name, coding, body in (("a", "gzip", gzip.compress(b"plain")), ("b", "deflate", zlib.compress(b"plain"))):
        headers = {**OCTETS, "Content-Encoding": coding}
        assert place.admin("PUT", f"{place.resource}/files/{name}", data=body, headers=headers).status_code == 200
    assert place.files() == {"a": b"plain", "b": b"plain"}


def test_conditions_and_ranges_are_ignored_on_writing(place: Place) -> None:
    place.put("a", b"old")
    headers = {**OCTETS, "If-None-Match": "*", "Content-Range": "bytes 0-2/10"}
    place.admin("PUT", f"{place.resource}/files/a?overwrite=true", data=b"new", headers=headers)
    assert place.files() == {"a": b"new"}


def test_without_checksums_the_digest_is_empty_and_stays_stale(place: Place) -> None:
    place.put("old", b"old")
    with place.site(checksums=False):
        place.put("a", b"1")
        place.put("old", b"newer", overwrite="true")
        assert place.listed("a")["digest"] == ""
        assert place.listed("old")["digest"] == md5(b"old").hexdigest()
        assert place.listed("old")["Size"] == "5"


def test_history_is_kept_where_the_site_keeps_it(place: Place) -> None:
    place.put("a", b"old")
    root = str(place.path_of("a")).partition("/archive/")[0]
    history = Path(root, "cache", ".history", "archive", place.project)
    place.put("a", b"new", overwrite="true")
    assert not history.exists()
    with place.site(maintain_file_history=True):
        place.put("a", b"newest", overwrite="true")
    assert [file.read_bytes() for file in history.rglob("a")] == [b"new"]


def test_reason_is_asked_for_only_where_a_workflow_is_built(place: Place) -> None:
    with place.site(require_change_justification=True):
        assert place.put("a").status_code == 500
        assert place.put("a", event_reason="test").status_code == 200
        assert place.put("b", **{"update-stats": "false"}).status_code == 200


def test_aborted_upload_leaves_a_partial_file_under_the_real_name(place: Place) -> None:
    connection = http.client.HTTPConnection(urlsplit(place.sandbox.url).netloc, timeout=30)
    connection.putrequest("PUT", f"{place.resource}/files/a")
    for name, value in (("Content-Type", "application/octet-stream"), ("Content-Length", "100")):
        connection.putheader(name, value)
    connection.putheader("Authorization", "Basic YWRtaW46YWRtaW4=")
    connection.endheaders(b"only this")
    wait_until(lambda: place.orphans() == {"a": b"only this"})
    connection.close()
    wait_until(lambda: any(one.path == f"{place.resource}/files/a" for one in place.sandbox.requests))
    assert place.orphans() == {"a": b"only this"}
    assert place.names() == []


def test_large_body_that_is_refused_meets_a_closed_connection(place: Place) -> None:
    with connect(place.sandbox) as connection:
        connection.sendall(
            f"PUT {place.scan}NOSUCH/resources/L/files/a HTTP/1.1\r\nHost: x\r\nContent-Length: {64 << 20}\r\n"
            "Authorization: Basic YWRtaW46YWRtaW4=\r\nContent-Type: text/plain\r\n\r\n".encode()
        )
        with pytest.raises(OSError, match=r"Connection reset|Broken pipe"):
            connection.sendall(bytes(64 << 20))


def test_small_body_that_is_refused_keeps_the_connection(place: Place) -> None:
    connection = http.client.HTTPConnection(urlsplit(place.sandbox.url).netloc, timeout=30)
    headers = {"Authorization": "Basic YWRtaW46YWRtaW4=", **OCTETS}
    try:
        for _ in range(2):
            path = f"{place.scan}NOSUCH/resources/L/files/a"
            connection.request("PUT", path, body=bytes(1 << 20), headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 404
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "gone"),
    [("a.nii", {"a.nii", "a.nii.gz"}), ("a.nii.gz", {"a.nii.gz"}), ("1", {"1", "10.dcm"}), ("sub/", {"sub/x"}),
     ("s*", {"sub/x"}), ("", {"a.nii", "a.nii.gz", "1", "10.dcm", "sub/x"})],
)  # fmt: skip
def test_delete_takes_everything_that_begins_with_the_path(place: Place, path: str, gone: set[str]) -> None:
    everything = {"a.nii": b"1", "a.nii.gz": b"2", "1": b"3", "10.dcm": b"4", "sub/x": b"5"}
    place.put_zip(everything)
    answer = place.admin("DELETE", f"{place.resource}/files/{path}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert set(place.files()) == set(everything) - gone
    assert place.orphans() == {}
    assert place.admin.rows(f"{place.scan}/resources")[0]["file_count"] == str(len(everything) - len(gone))


def test_refused_deletions(place: Place) -> None:
    place.put("a")
    assert place.callers["member"]("DELETE", f"{place.resource}/files/a").status_code == 403
    missing = place.admin("DELETE", f"{place.resource}/files/nosuch")
    assert (missing.status_code, message(missing)) == (404, "No matched files")
    assert place.admin("DELETE", f"{place.resource}/files/nosuch?accept-not-found=true").status_code == 204
    assert place.admin("DELETE", f"{place.scan}/resources/NOSUCH/files/a").status_code == 400


def test_expect_continue_is_answered_before_anybody_looks(place: Place) -> None:
    with connect(place.sandbox) as connection:
        connection.sendall(
            b"PUT /data/projects/NOSUCH HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        with connection.makefile("rb") as answer:
            assert (answer.readline(), answer.readline()) == (b"HTTP/1.1 100 \r\n", b"\r\n")
            connection.sendall(b"abc")
            assert answer.readline() == b"HTTP/1.1 401 \r\n"


def test_zip_without_extract_is_an_ordinary_file(place: Place) -> None:
    body = zipped({"a": b"1"})
    place.put("a.zip", body)
    assert place.files() == {"a.zip": body}
