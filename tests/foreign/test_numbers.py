"""The numbers of other people's suites may only rise, and every test that fails says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.foreign import numbers
from tests.foreign.numbers import Number, complaints, raised
from tests.foreign.suites import SUITES

HELD = Number("suite==1", passes=2, of=3, fails={"c": "asks for another server's data"})


def test_a_run_as_good_as_what_is_held_is_no_complaint() -> None:
    assert complaints(HELD, {"a": True, "b": True, "c": False}) == []


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [({"a": True, "b": False, "c": False}, "1 tests pass, where 2 did"),
     ({"a": True, "b": False, "c": False}, "no reason is listed: b"),
     ({"a": True, "b": True, "c": True}, "listed as failing, but passes: c"),
     ({"a": True, "b": True}, "2 tests ran, where 3 are expected")],
)  # fmt: skip
def test_what_falls_behind_or_is_no_longer_true_is_told(outcomes: dict[str, bool], said: str) -> None:
    assert any(said in one for one in complaints(HELD, outcomes))


def test_a_number_is_raised_and_never_lowered() -> None:
    better = raised(HELD, "suite==1", {"a": True, "b": True, "c": True})
    assert (better.passes, better.fails) == (3, {})
    with pytest.raises(ValueError, match="may only rise"):
        raised(HELD, "suite==1", {"a": True, "b": False, "c": False})


def test_reasons_stay_when_numbers_are_written_anew() -> None:
    assert raised(HELD, "suite==1", {"a": True, "b": True, "c": False}).fails == HELD.fails


def test_every_suite_has_its_number_and_every_failure_its_reason() -> None:
    held = numbers.read()
    assert {suite.name: suite.package for suite in SUITES} == {name: one.package for name, one in held.items()}
    for one in held.values():
        assert len(one.fails) == one.of - one.passes
        assert all(one.fails.values()), [name for name, reason in one.fails.items() if not reason]


def test_the_page_says_the_numbers_that_are_held() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    for name, one in numbers.read().items():
        version = one.package.partition("==")[2]
        row = re.search(rf"^\| {re.escape(name)} {re.escape(version)}[^|]*\| (\d+) \| (\d+) \|$", page, re.MULTILINE)
        assert row, name
        assert (int(row[1]), int(row[2])) == (one.passes, one.of), name
