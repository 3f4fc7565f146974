"""A table is read row by row while it arrives, and whatever is none is left to another reading."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from xnat_upload.archive.rows import TableRows

WORDS = st.dictionaries(
    st.sampled_from(["URI", "Size", "Result", "]"]), corpus.names | st.sampled_from(['"]}', "}],{"])
)


class Rows(TableRows):
    def __init__(self, most: int = 100_000) -> None:
        super().__init__()
        self.taken: list[Any] = []
        self.most = most

    def take(self, row: Any) -> None:
        if len(self.taken) == self.most:
            raise ValueError("it is none")
        self.taken.append(row)


def read(data: bytes, *, block_bytes: int = 7, encoding: str = "utf-8") -> list[Any] | None:
    """Give the rows, or None if it was no whole table."""
    reader = Rows()
    for start in range(0, len(data), block_bytes):
        reader.update(data[start : start + block_bytes])
    return reader.taken if reader.is_whole(encoding) else None


@given(
    rows=st.lists(WORDS, max_size=5),
    block_bytes=st.integers(1, 40),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    first=st.booleans(),
)
def test_rows_are_those_of_the_whole_table_however_it_arrives(
    rows: list[dict[str, str]], block_bytes: int, ascii_only: bool, indent: int | None, first: bool
) -> None:
    more = {"Columns": [{"key": "URI"}]}
    table = {"Result": rows, **more} if first else {**more, "Result": rows}
    data = json.dumps({"ResultSet": table}, ensure_ascii=ascii_only, indent=indent).encode(errors="replace")
    assert read(data, block_bytes=block_bytes) == json.loads(data)["ResultSet"]["Result"]


WHOLE = '{"ResultSet":{"Result":[{"a":"1"},{"a":"2"}],"title":"Files"}}'


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_table_that_breaks_off_is_none(length: int) -> None:
    assert read(WHOLE[:length].encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Please log in</body></html>",
        "null",
        "[]",
        '{"ResultSet":{"Result":{}}}',
        '{"Result":[{"a":"1"}]}',
        '{"ResultSet":{"other":{"Result":[{"a":"1"}]}}}',
        '{"ResultSet":{"Result":[{"a":"1"}],"Result":[{"a":"2"}]}}',
        '{"ResultSet":{"Result":[{"a":"1"}{"a":"2"}]}}',
        '{"ResultSet":{"Result":[{"a":"1"},]}}',
        '{"ResultSet":{"Result":[,{"a":"1"}]}}',
        '{"ResultSet":{"Result":[1,2]}}',
        '{"ResultSet":{"Result":[[],[]]}}',
        '{"ResultSet":{"Result":[{"a":' + "[" * 100_000,
        '{"ResultSet":{"Result":[{"a":"' + "a" * 300_000 + '"}]}}',
        WHOLE + WHOLE,
    ],
)
def test_what_is_no_table_is_left_to_another_reading(text: str) -> None:
    assert read(text.encode(), block_bytes=16384) is None


def test_a_text_in_another_encoding_is_left_to_another_reading_unless_it_is_ascii() -> None:
    assert read('{"ResultSet":{"Result":[{"a":"ä"}]}}'.encode("latin-1"), encoding="latin-1") is None
    assert read(WHOLE.encode(), encoding="latin-1") == [{"a": "1"}, {"a": "2"}]


def test_a_row_that_is_not_taken_ends_the_reading() -> None:
    reader = Rows(most=1)
    reader.update(WHOLE.encode())
    assert not reader.is_whole("utf-8")
    assert reader.taken == [{"a": "1"}]


def test_many_rows_take_no_more_memory_than_a_few() -> None:
    class Counted(TableRows):
        seen = 0

        def take(self, row: Any) -> None:
            self.seen += 1

    row = json.dumps({"URI": "x" * 200, "Size": "1"}).encode() + b","
    reader = Counted()
    tracemalloc.start()
    try:
        reader.update(b'{"ResultSet":{"Result":[')
        for _ in range(200):
            reader.update(row * 100)
        reader.update(row[:-1] + b"]}}")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.is_whole("utf-8")
    assert reader.seen == 20_001
    assert peak_bytes < 1 << 20  # of 5 MB
