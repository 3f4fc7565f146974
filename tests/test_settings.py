"""Settings that make no sense are refused when they are made, not in the middle of an upload."""

from __future__ import annotations

import dataclasses
import math

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from xnat_upload import TransferSettings

NO_NUMBERS = {"compression", "read_back"}
FIELDS = [field.name for field in dataclasses.fields(TransferSettings) if field.name not in NO_NUMBERS]
WHOLE = ["workers", "batch_bytes", "batch_files", "large_file_bytes", "attempts"]
TIMEOUTS = ["batch_seconds", "connect_timeout_seconds", "read_timeout_seconds", "exchange_timeout_seconds"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, -math.inf, None, "4", True, [1], 1j])
def test_a_number_that_makes_no_sense_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"TransferSettings\.{field} is .*; it must be a .*\.$"):
        TransferSettings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", WHOLE)
@pytest.mark.parametrize("value", [0, 1.0, 2.5])
def test_a_count_is_a_whole_number_of_at_least_one(field: str, value: float) -> None:
    with pytest.raises(ValueError, match="a whole number of at least 1"):
        TransferSettings(**{field: value})  # type: ignore[arg-type]
    TransferSettings(**{field: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", sorted(set(FIELDS) - set(WHOLE)))
def test_a_time_is_finite_and_a_timeout_is_more_than_nothing(field: str) -> None:
    TransferSettings(**{field: 0.001})  # type: ignore[arg-type]
    if field in TIMEOUTS:
        with pytest.raises(ValueError, match="a finite number above 0"):
            TransferSettings(**{field: 0})  # type: ignore[arg-type]
    else:
        TransferSettings(**{field: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["Auto", "gzip", True, None, 1])
def test_a_word_for_compression_that_nobody_knows_is_refused(word: object) -> None:
    with pytest.raises(ValueError, match=r"TransferSettings\.compression is .*; it must be auto, always or never\.$"):
        TransferSettings(compression=word)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_a_choice_is_true_or_false(value: object) -> None:
    with pytest.raises(ValueError, match=r"TransferSettings\.read_back is .*; it must be True or False\.$"):
        TransferSettings(read_back=value)  # type: ignore[arg-type]
    assert not TransferSettings().read_back
    assert TransferSettings(read_back=True).read_back


@given(
    st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    st.floats(min_value=0, exclude_min=True, allow_infinity=False),
)
def test_every_timeout_that_is_accepted_is_one_to_the_http_layer(connect: float, read: float) -> None:
    settings = TransferSettings(connect_timeout_seconds=connect, read_timeout_seconds=read)
    urllib3.Timeout(connect=settings.connect_timeout_seconds, read=settings.read_timeout_seconds)


def test_settings_are_values() -> None:
    assert TransferSettings(workers=2) == TransferSettings(workers=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        TransferSettings().workers = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        TransferSettings(4)  # type: ignore[call-arg]


def test_the_defaults_are_those_that_are_documented() -> None:
    settings = TransferSettings()
    assert 3 * settings.workers * settings.large_file_bytes == 48 * 1024 * 1024
    assert settings.batch_bytes < 100e6, "some gateways take no more"
    assert settings.batch_files < 1 << 16, "a plain zip counts no more members"
    assert settings.batch_seconds < 60, "a stock proxy gives up"
    assert settings.read_timeout_seconds > 190, "an archive of 1.10.2 waits up to 184 s for a busy catalog"
    assert settings.exchange_timeout_seconds == 2 * settings.read_timeout_seconds
    assert settings.total_seconds >= 30 * 60, "a restart of a hospital's archive takes minutes"
    assert settings.total_seconds / (settings.longest_pause_seconds / 2) < settings.attempts / 10, "time decides"
