"""The faces of 1.10.2 and of 1.11 (docs/xnat/versions.md, "What 1.10.2 changes" and "What 1.11 changes")."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import md5
from typing import get_args

import pytest
import requests

from tests.sandbox.places import Caller, Place, message, place_in, zipped
from tests.transfer.zips import Unseekable
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.faults import CatalogBusy, DiskFull, DropAt, DropDuring, KillAt, NoContent
from xnat_upload.sandbox.site import Profile
from xnat_upload.sandbox.store.disk import Point

OLD, NEW = b"old" * 1000, b"newer" * 1000
FILES = "/files/"
POINTS: tuple[Point, ...] = get_args(Point)
# The catalog is read under the lock, when all is staged.
BEFORE_COMMIT = [one for one in POINTS[: POINTS.index("before-catalog-lock") + 1] if one != "catalog-read"]


@pytest.fixture(scope="module", params=["1.10", "1.11"])
def new_site(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(profile=request.param) as sandbox:
        yield sandbox


@pytest.fixture
def new(new_site: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place_in(new_site, stack)


@pytest.fixture(scope="module")
def site_1_11() -> Iterator[Sandbox]:
    with Sandbox(profile="1.11") as sandbox:
        yield sandbox


@pytest.fixture
def newest(site_1_11: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place_in(site_1_11, stack)


def put_alone(place: Place, name: str, body: bytes, **query: str) -> requests.Response:
    caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
    with caller.session:
        headers = {"Content-Type": "application/octet-stream"}
        return caller("PUT", f"{place.resource}/files/{name}", data=body, headers=headers, params=query)


def is_whole(place: Place, content: bytes) -> bool:
    """Whether file and entry agree, and nothing hidden lies about."""
    row = place.listed("a")
    return (
        place.files() == {"a": content}
        and place.orphans() == {}
        and (row["Size"], row["digest"]) == (str(len(content)), md5(content).hexdigest())
    )


@pytest.mark.parametrize("name", ["a", "new"])
@pytest.mark.parametrize("after_bytes", [0, 100, 4999])
def test_broken_upload_leaves_everything_as_it_was(new: Place, name: str, after_bytes: int) -> None:
    new.put("a", OLD)
    with new.sandbox.inject(DropDuring(after_bytes, path=FILES)), pytest.raises(requests.ConnectionError):
        put_alone(new, name, NEW, overwrite="true")
    new.sandbox.wait_until_idle()
    assert is_whole(new, OLD)


def test_full_disk_leaves_everything_as_it_was(new: Place) -> None:
    new.put("a", OLD)
    with new.sandbox.inject(DiskFull(1000, path=FILES)):
        assert new.put("a", NEW, overwrite="true").status_code == 500
    assert is_whole(new, OLD)


@pytest.mark.parametrize("point", BEFORE_COMMIT)
def test_nothing_of_an_upload_is_seen_before_it_is_complete(new: Place, point: Point) -> None:
    new.put("a", OLD)
    with ThreadPoolExecutor() as pool, new.sandbox.hold(point) as hold:
        answer = pool.submit(put_alone, new, "a", NEW, overwrite="true")
        hold.wait_until_reached()
        assert new.files() == {"a": OLD}
        assert new.listed("a")["digest"] == md5(OLD).hexdigest()
        hold.release()
        assert answer.result().status_code == 200
    assert is_whole(new, NEW)


def test_two_writers_of_one_resource_both_succeed(new: Place) -> None:
    with ThreadPoolExecutor() as pool, new.sandbox.hold("before-catalog-lock", within=new.project) as hold:
        slow: Future[requests.Response] = pool.submit(put_alone, new, "slow", b"1")
        hold.wait_until_reached()
        assert put_alone(new, "quick", b"2").status_code == 200
        hold.release()
        assert slow.result().status_code == 200
    assert new.files() == {"slow": b"1", "quick": b"2"}
    assert new.orphans() == {}


def test_parallel_writers_lose_nothing(new: Place) -> None:
    names = [f"f{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: put_alone(new, name, b"x").status_code, names))
    assert answers == [200] * 40
    assert sorted(new.names()) == sorted(names)


def test_slow_request_brings_its_own_bytes_with_its_entry(new: Place) -> None:
    """What ends in a false entry on 1.8: a lost answer, and a repeat that breaks in the middle."""
    with ThreadPoolExecutor() as pool, new.sandbox.hold("before-catalog-lock", within=new.project) as hold:
        with new.sandbox.inject(DropAt("before-catalog-lock", path=FILES)):
            first = pool.submit(put_alone, new, "a", NEW, overwrite="true")
            hold.wait_until_reached()
            with pytest.raises(requests.ConnectionError):
                first.result()
        with new.sandbox.inject(DropDuring(100, path=FILES)), pytest.raises(requests.ConnectionError):
            put_alone(new, "a", NEW, overwrite="true")
        hold.release()
        new.sandbox.wait_until_idle()
    assert is_whole(new, NEW)


def test_busy_catalog_is_told_and_nothing_is_changed(new: Place) -> None:
    new.put("a", OLD)
    with new.sandbox.inject(CatalogBusy(path=FILES)):
        answer = new.put("a", NEW, overwrite="true")
    assert answer.status_code == 500
    assert message(answer).startswith("Resource catalog is busy: /")
    assert is_whole(new, OLD)


def test_delete_that_overlaps_an_upload_is_still_refused(new: Place) -> None:
    new.put("a", OLD)
    with ThreadPoolExecutor() as pool, new.sandbox.hold("before-catalog-write", within=new.project) as hold:
        caller = Caller(new.sandbox.url, new.sandbox.user, new.sandbox.password)
        deleting = pool.submit(caller, "DELETE", f"{new.resource}/files/a")
        hold.wait_until_reached()
        assert put_alone(new, "b", NEW).status_code == 200
        hold.release()
        assert deleting.result().status_code == 500
        caller.session.close()
    assert set(new.files()) == {"a", "b"}


def test_refresh_beside_an_upload_enters_what_is_staged(new: Place) -> None:
    with ThreadPoolExecutor() as pool, new.sandbox.hold("bytes-written", within=new.project) as hold:
        uploading = pool.submit(put_alone, new, "a", NEW)
        hold.wait_until_reached()
        new.admin("POST", f"/data/services/refresh/catalog?options=append&resource=/archive{new.resource[5:]}")
        hold.release()
        assert uploading.result().status_code == 200
    staged, stored = sorted(new.names())
    assert (staged.startswith(".xnat-tmp-upload-"), staged.endswith("/a"), stored) == (True, True, "a")
    assert new.admin("GET", f"{new.resource}/files/{staged}").status_code == 404


def test_killed_server_leaves_its_hidden_folder(new: Place) -> None:
    with new.sandbox.inject(KillAt("bytes-written", path=FILES)), pytest.raises(requests.ConnectionError):
        put_alone(new, "a", NEW)
    assert new.names() == []
    (orphan,) = new.orphans()
    assert orphan.startswith(".xnat-tmp-upload-")


def put_archive(place: Place, body: bytes, label: str = "NIFTI", **query: str) -> requests.Response:
    path = f"{place.scan}/resources/{label}/files/x.zip"
    headers = {"Content-Type": "application/zip"}
    return place.admin("PUT", path, data=body, headers=headers, params={"extract": "true", **query})


def test_archive_that_would_leave_the_resource_is_refused_as_a_whole(new: Place) -> None:
    answer = put_archive(new, zipped({"good": b"1", "../bad": b"2", "sub/../../worse": b"3"}), label="FRESH")
    assert answer.status_code == 400
    assert message(answer).startswith("Archive upload rejected: archive contains 2 entries with a relative path")
    assert [row["label"] for row in new.admin.rows(f"{new.scan}/resources")] == ["NIFTI"]
    assert put_archive(new, zipped({"good": b"1"}), label="FRESH").status_code == 200


def test_stored_members_with_data_descriptors_are_read(new: Place) -> None:
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("é.nii", b"12345")
    (flags,) = struct.unpack_from("<H", stream.written, 6)
    assert flags & 8
    assert put_archive(new, bytes(stream.written)).status_code == 200
    assert new.files() == {"é.nii": b"12345"}


@pytest.mark.parametrize("body", [b"no zip at all", b""], ids=["no zip", "empty"])
def test_what_is_no_zip_is_stored_as_nothing(new: Place, body: bytes) -> None:
    assert put_archive(new, body).status_code == 200
    assert new.names() == []


def test_truncated_zip_leaves_nothing(new: Place) -> None:
    assert put_archive(new, zipped({"a": b"1" * 1000})[:500]).status_code == 500
    assert (new.names(), new.orphans()) == ([], {})


def test_tar_is_extracted_too(new: Place) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("sub/a")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"123"))
    headers = {"Content-Type": "application/octet-stream"}
    path = f"{new.resource}/files/x.tar.gz?extract=true"
    assert new.admin("PUT", path, data=buffer.getvalue(), headers=headers).status_code == 200
    assert new.files() == {"sub/a": b"123"}


def test_names_of_locks_are_reserved(new: Place) -> None:
    members = {"lock-a": b"1", ".xnat-tmp-upload-b": b"2", ".~lock-c": b"3", "d": b"4"}
    assert put_archive(new, zipped(members)).status_code == 200
    assert new.files() == {".~lock-c": b"3", "d": b"4"}
    assert new.orphans() == {}
    assert new.put("lock-e").status_code == 200
    refused = new.put("lock-e", overwrite="true")
    assert (refused.status_code, message(refused)) == (500, "XNAT cannot catalog lock-e")


def test_replaced_member_is_kept_only_if_the_site_keeps_files(new: Place) -> None:
    for keeps in (False, True):
        with new.site(maintain_file_history=keeps):
            put_archive(new, zipped({"a": b"1"}), overwrite="true")
            put_archive(new, zipped({"a": b"2"}), overwrite="true")
        folder = new.path_of("a").parents[7] / "cache" / ".history"
        assert any(new.project in str(path) for path in folder.rglob("a")) == keeps
    assert new.sandbox.files(new.project, "ACC1", "1", "NIFTI") == {"a": b"2"}


def test_entry_whose_file_is_missing_is_brought_up_to_date(new: Place) -> None:
    new.put("a", OLD)
    new.path_of("a").unlink()
    assert put_archive(new, zipped({"a": NEW})).status_code == 200
    assert is_whole(new, NEW)


def test_duplicates_are_told_as_ever(new: Place) -> None:
    new.put("a", OLD)
    assert new.put("a", NEW).json() == {"duplicates": ["a"]}
    assert put_archive(new, zipped({"a": NEW, "b": b"1"})).json() == {"duplicates": ["a"]}
    assert new.files() == {"a": OLD, "b": b"1"}


def test_headers_of_a_part_may_have_512_bytes(new: Place) -> None:
    path = f"{new.resource}/files/a"
    assert new.admin("PUT", path, files={"f": ("n" * 400, b"1")}).status_code == 200
    answer = new.admin("PUT", path, files={"f": ("n" * 500, b"1")})
    assert (answer.status_code, message(answer)[:40]) == (500, "Header section has more than 512 bytes (")


@pytest.mark.parametrize("name", ["a%0ab", "a%0Db", "a%25b", "a;b"])
def test_firewall_refuses_line_breaks_too(new: Place, name: str) -> None:
    version = new.admin("GET", "/xapi/siteConfig/buildInfo/version").text
    status = 400 if version.startswith("1.11") else 500
    assert new.put(name).status_code == status


def test_1_11_writes_utf_8_and_says_so(newest: Place) -> None:
    assert newest.put("a").headers["Content-Type"] == "text/plain;charset=UTF-8"
    page = newest.admin("GET", "/data/projects/nosuch")
    assert page.headers["Content-Type"] == "text/html;charset=UTF-8"
    assert newest.admin("GET", "/data/auth").headers["Server"] == "Restlet-Framework/2.6.0"
    denied = newest.callers["collaborator"](
        "PUT", f"{newest.resource}/files/b", data=b"1", headers={"Content-Type": "application/octet-stream"}
    )
    assert (denied.status_code, "Content-Type" in denied.headers) == (200, False)


def test_early_1_11_answers_204(newest: Place) -> None:
    with newest.sandbox.inject(NoContent(times=None)):
        assert newest.admin("PUT", f"{newest.scan}/resources/L").status_code == 204
        assert newest.put("a").status_code == 204
        assert newest.admin("GET", "/data/auth").status_code == 200
    assert newest.names() == ["a"]


@pytest.mark.parametrize("profile", get_args(Profile))
def test_each_face_tells_its_version(profile: Profile) -> None:
    with Sandbox(profile=profile) as sandbox:
        caller = Caller(sandbox.url, sandbox.user, sandbox.password)
        with caller.session:
            told = caller("GET", "/data/version" if profile == "1.6" else "/xapi/siteConfig/buildInfo/version").text
    assert told.startswith(f"{profile}.")
