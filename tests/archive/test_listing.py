"""A listing is read as XNAT writes it, and whatever else comes is no listing."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from xnat_upload import Accession, Resource, Scan
from xnat_upload.archive.listing import OneLabelTwiceError, StoredFile, read_listing

BASE = "/data/experiments/E1/scans/4/resources/57/files/"


def table(*rows: Any) -> dict[str, Any]:
    return {"ResultSet": {"Result": list(rows), "title": ""}}


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name.split("/")[-1], "Size": "9", "URI": BASE + name, "cat_ID": "57", "digest": "d" * 32, **more}


@given(corpus.names)
def test_a_name_is_read_as_it_stands_whatever_it_holds(name: str) -> None:
    assert read_listing(table(row(name))) == {name: StoredFile(9, "d" * 32)}


@pytest.mark.parametrize(
    "before",
    ["/data/experiments/E1/scans/4", "/xnat/data/experiments/E1/scans/4", "/REST/experiments/E1/scans/4", ""],
)
def test_what_stands_before_the_name_does_not_matter(before: str) -> None:
    uri = f"{before}/resources/57/files/a/resources/58/files/b.nii"
    assert list(read_listing(table(row("", URI=uri)))) == ["a/resources/58/files/b.nii"]


def test_old_servers_list_no_digest_and_catalogs_may_lack_a_size() -> None:
    bare = {"URI": BASE + "a"}
    assert read_listing(table(bare)) == {"a": StoredFile(None, "", on_disk=True)}
    assert read_listing(table(row("a", Size="", digest=None, cat_ID=None))) == {"a": StoredFile(None, "")}


def test_a_file_of_no_bytes_has_a_size() -> None:
    assert read_listing(table(row("a", Size="0"))) == {"a": StoredFile(0, "d" * 32)}


def test_an_empty_table_lists_nothing() -> None:
    assert read_listing(table()) == {}


def test_two_resources_of_one_label_are_an_error_that_names_them() -> None:
    with pytest.raises(OneLabelTwiceError, match="'57', '58'"):
        read_listing(table(row("a"), row("b", cat_ID="58")))


def test_two_rows_for_one_name_are_no_listing() -> None:
    with pytest.raises(ValueError, match="two rows for 'a'"):
        read_listing(table(row("a"), row("b"), row("a", Size="10")))


ACCESSION = Accession("hub", "P1", "S1", "E1", "FAK1", "xnat:ctSessionData")
SEG = Resource(Scan(ACCESSION, "4"), "SEG")


@pytest.mark.parametrize(
    "before",
    [
        "/data/experiments/E1/scans/4",
        "/experiments/E1/scans/4",
        "/xnat/data/projects/P1/subjects/S1/experiments/E1/scans/4",
        "/data/projects/P1/subjects/S1/experiments/FAK1/scans/4",
        "",
    ],
)
def test_a_row_of_what_was_asked_for_is_taken_however_its_address_begins(before: str) -> None:
    assert list(read_listing(table(row("", URI=f"{before}/resources/57/files/a", collection="SEG")), of=SEG)) == ["a"]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"URI": "/data/experiments/E2/scans/4/resources/57/files/a"}, "another session, 'E2'"),
        ({"URI": "/data/experiments/E1/scans/5/resources/57/files/a"}, "another scan, '5'"),
        ({"URI": "/data/experiments/E1/resources/57/files/a"}, "another scan, 'none'"),
        ({"collection": "NIFTI"}, "another resource, 'NIFTI'"),
    ],
)
def test_a_row_of_another_place_makes_a_listing_none(more: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_listing(table(row("b", collection="SEG"), row("a", **more)), of=SEG)


def test_a_resource_of_the_session_itself_has_no_rows_of_a_scan() -> None:
    own = Resource(ACCESSION, "SEG")
    assert list(read_listing(table(row("", URI="/data/experiments/E1/resources/57/files/a")), of=own)) == ["a"]
    with pytest.raises(ValueError, match="another scan, '4'"):
        read_listing(table(row("a")), of=own)


NO_TABLES: list[Any] = [
    None,
    5,
    "",
    "text",
    [],
    {},
    {"ResultSet": None},
    {"ResultSet": {}},
    {"ResultSet": {"Result": None}},
    {"ResultSet": {"Result": "text"}},
    {"ResultSet": {"Result": {"a": 1}}},
    table(None),
    table("text"),
    table([]),
    table({}),
    table(row("a", URI=None)),
    table(row("a", URI=5)),
    table(row("a", URI="/data/a")),
    table(row("a", URI="/resources//files/a")),
    table(row("a", URI="/" + "x" * 100_000)),
    table(row("a", URI="\x1b[2J\u202e\ud800")),
    table(row("a", Size="large")),
    table(row("a", Size="1e3")),
    table(row("a", Size="9" * 5000)),
    table(row("a", Size=9)),
    table(row("a", Size=float("inf"))),
    table(row("a", Size=[9])),
    table(row("a", digest=5)),
    table(row("a", digest={})),
    table(row("a", cat_ID=["57"])),
    table(row("a", cat_ID=57), row("b", cat_ID=None)),
]


@pytest.mark.parametrize("answer", NO_TABLES)
def test_what_is_no_table_of_files_is_an_error_of_a_line(answer: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is what is looked at
        read_listing(answer)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["URI", "Size", BASE + "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ResultSet", "Result", "URI", "Size", "digest", "cat_ID"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_json_at_all_raises_anything_but_a_value_error(answer: Any) -> None:
    for each in (answer, table(answer), {"ResultSet": {"Result": answer}}):
        with contextlib.suppress(ValueError):
            assert isinstance(read_listing(each), dict)


def test_a_listing_of_100_000_files_is_read() -> None:
    rows = json.loads(json.dumps([row(f"{number:06}.dcm") for number in range(100_000)]))
    assert len(read_listing(table(*rows))) == 100_000
