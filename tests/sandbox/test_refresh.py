"""``services/refresh/catalog`` (docs/xnat/listings.md, "Refreshing a catalog")."""

from __future__ import annotations

from hashlib import md5

import pytest
import requests

from tests.sandbox.places import Place


def refresh(place: Place, *, role: str = "admin", uri: str | None = None, **params: str) -> requests.Response:
    resource = uri or f"/archive/experiments/{place.session_id}/scans/1/resources/NIFTI"
    return place.callers[role]("POST", "/data/services/refresh/catalog", params={"resource": resource, **params})


@pytest.fixture
def untidy(place: Place) -> Place:
    """A resource with a file that is missing, one that is not catalogued, and one that has changed."""
    place.put_zip({"missing": b"1", "changed": b"before"})
    folder = place.path_of("missing").parent
    (folder / "missing").unlink()
    (folder / "changed").write_bytes(b"afterwards")
    (folder / "orphan").write_bytes(b"123")
    return place


@pytest.mark.parametrize(
    ("params", "names"),
    [({"options": "append"}, ["missing", "changed", "orphan"]), ({"options": "delete"}, ["changed"]),
     ({"options": "append,delete"}, ["changed", "orphan"]), ({"append": "true"}, ["missing", "changed", "orphan"]),
     ({"options": "checksum"}, ["missing", "changed"]), ({}, ["changed", "orphan"]),
     ({"options": "nosuch"}, ["changed", "orphan"]), ({"options": "append, delete"}, ["missing", "changed", "orphan"])],
)  # fmt: skip
def test_options(untidy: Place, params: dict[str, str], names: list[str]) -> None:
    answer = refresh(untidy, **params)
    assert (answer.status_code, answer.content) == (200, b"")
    assert untidy.names() == names


def test_appended_file_has_a_digest_only_if_asked(untidy: Place) -> None:
    refresh(untidy, options="append")
    assert (untidy.listed("orphan")["Size"], untidy.listed("orphan")["digest"]) == ("3", "")
    refresh(untidy, options="checksum")
    assert untidy.listed("orphan")["digest"] == md5(b"123").hexdigest()
    assert untidy.listed("changed")["digest"] == md5(b"afterwards").hexdigest()


def test_no_option_makes_digests_only_if_the_site_keeps_them(untidy: Place) -> None:
    with untidy.site(checksums=False):
        refresh(untidy)
    assert untidy.listed("orphan")["digest"] == ""


def test_site_without_checksums_makes_them_when_it_is_asked(place: Place) -> None:
    with place.site(checksums=False):
        place.put("a", b"12345")
        assert place.listed("a")["digest"] == ""
        refresh(place, options="checksum")
        assert place.listed("a")["digest"] == md5(b"12345").hexdigest()


@pytest.mark.parametrize("options", ["append", "delete", "populateStats", "checksum"])
def test_every_refresh_takes_the_sizes_from_the_disk(place: Place, options: str) -> None:
    place.put("a", b"12345")
    place.path_of("a").write_bytes(b"123")
    assert place.listed("a")["Size"] == "5"
    refresh(place, options=options)
    expected = md5(b"123" if options == "checksum" else b"12345").hexdigest()
    assert (place.listed("a")["Size"], place.listed("a")["digest"]) == ("3", expected)


def test_statistics_follow_only_if_asked(untidy: Place) -> None:
    refresh(untidy, options="append")
    assert untidy.admin.rows(f"{untidy.scan}/resources")[0]["file_size"] == "7"
    refresh(untidy, options="populateStats")
    row = untidy.admin.rows(f"{untidy.scan}/resources")[0]
    assert (row["file_count"], row["file_size"]) == ("2", "13")


@pytest.mark.parametrize(
    "uri",
    ["/archive/projects/{P}/subjects/SUBJ/experiments/ACC1/scans/1/resources/NIFTI", "/archive/experiments/{E}/scans/1",
     "/archive/experiments/{E}", "/data/archive/experiments/{E}/scans/1/resources/NIFTI"],
)  # fmt: skip
def test_other_addresses(untidy: Place, uri: str) -> None:
    uri = uri.format(P=untidy.project, E=untidy.session_id)
    assert refresh(untidy, uri=uri, options="append").status_code == 200
    assert "orphan" in untidy.names()


@pytest.mark.parametrize(
    "uri", ["/data/experiments/{E}", "nonsense", "/archive", "/archive/experiments/NOSUCH/scans/1"]
)
def test_malformed_address_is_400(place: Place, uri: str) -> None:
    assert refresh(place, uri=uri.format(E=place.session_id)).status_code == 400


def test_unknown_label_is_200_and_nothing_happens(place: Place) -> None:
    uri = f"/archive/experiments/{place.session_id}/scans/1/resources/NOSUCH"
    assert refresh(place, uri=uri).status_code == 200


def test_without_the_right_to_edit_it_is_403(place: Place) -> None:
    assert refresh(place, role="collaborator").status_code == 403


@pytest.mark.parametrize("name", ["other_catalog.xml", "users.xml"])
def test_second_catalog_in_the_folder_switches_refresh_off(untidy: Place, name: str) -> None:
    (untidy.path_of("changed").parent / name).write_text("<cat:Catalog xmlns:cat='x'/>")
    assert refresh(untidy).status_code == 200
    assert untidy.names() == ["missing", "changed"]
