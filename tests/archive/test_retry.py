"""What is tried again, how often, and after which pause."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
import tenacity

from xnat_upload import ServerError, ServerUnavailableError, TransferSettings, XnatUploadError
from xnat_upload.archive import retry


class FailsFirst:
    """Raises the errors it was given, one for each call, then answers."""

    def __init__(self, *errors: XnatUploadError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "an answer"


def try_again(
    act: Callable[[], str],
    settings: TransferSettings,
    stop: threading.Event | None = None,
    *,
    first_contact: bool = False,
) -> str:
    for attempt in retry.attempts(settings, doing="asking", stop=stop, first_contact=first_contact):
        with attempt:
            return act()
    raise AssertionError("unreachable")


def waited_by(act: Callable[[], str], settings: TransferSettings, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between the attempts; no time passes."""
    waited: list[float] = []
    monkeypatch.setattr(tenacity, "sleep_using_event", lambda _: waited.append)
    try_again(act, settings)
    return waited


QUICK = TransferSettings(attempts=5, pause_seconds=0, longest_pause_seconds=0)


def test_an_archive_that_comes_back_is_answered_for() -> None:
    act = FailsFirst(ServerUnavailableError("busy"), ServerUnavailableError("busy"))
    assert try_again(act, QUICK) == "an answer"
    assert act.calls == 3


def test_the_last_error_comes_out_when_no_attempt_is_left() -> None:
    act = FailsFirst(*(ServerUnavailableError(f"busy {number}") for number in range(9)))
    with pytest.raises(ServerUnavailableError, match=r"^busy 4$"):
        try_again(act, QUICK)
    assert act.calls == QUICK.attempts


@pytest.mark.parametrize("error", [ServerError("refused"), XnatUploadError("other")])
def test_a_refusal_is_not_asked_for_twice(error: XnatUploadError) -> None:
    act = FailsFirst(error)
    with pytest.raises(type(error)):
        try_again(act, QUICK)
    assert act.calls == 1


def test_a_pause_stays_below_a_bound_that_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TransferSettings(attempts=9, pause_seconds=1, longest_pause_seconds=20)
    monkeypatch.setattr("random.uniform", lambda least, bound: bound)
    act = FailsFirst(*(ServerUnavailableError("busy") for _ in range(8)))
    assert waited_by(act, settings, monkeypatch) == [1, 2, 4, 8, 16, 20, 20, 20]


def test_a_pause_is_drawn_at_random_so_that_clients_do_not_come_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TransferSettings(attempts=50, pause_seconds=1, longest_pause_seconds=1)
    act = FailsFirst(*(ServerUnavailableError("busy") for _ in range(49)))
    waited = waited_by(act, settings, monkeypatch)
    assert len(set(waited)) > 40
    assert all(0 <= pause <= 1 for pause in waited)


@pytest.mark.parametrize(("asked", "least", "most"), [(0, 0, 1), (7, 7, 7), (1e8, 20, 20)])
def test_what_the_archive_asks_for_is_waited_up_to_the_longest_pause(
    asked: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TransferSettings(pause_seconds=1, longest_pause_seconds=20)
    (pause,) = waited_by(FailsFirst(ServerUnavailableError("busy", retry_after_seconds=asked)), settings, monkeypatch)
    assert least <= pause <= most


def test_a_pause_stays_a_number_after_two_thousand_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TransferSettings(attempts=2000, pause_seconds=0.001, longest_pause_seconds=0.01)
    act = FailsFirst(*(ServerUnavailableError("busy") for _ in range(1999)))
    assert max(waited_by(act, settings, monkeypatch)) <= 0.01


def test_time_and_not_a_count_ends_the_patience_for_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda least, bound: bound)
    restart = [ServerUnavailableError("busy", status=503) for _ in range(40)]
    waited = waited_by(FailsFirst(*restart), TransferSettings(), monkeypatch)
    assert sum(waited) > 1800


def test_where_nothing_has_ever_answered_patience_is_one_long_pause() -> None:
    settings = TransferSettings(pause_seconds=0.01, longest_pause_seconds=0.01)
    refused = FailsFirst(*(ServerUnavailableError("no connection", may_have_arrived=False) for _ in range(90)))
    with pytest.raises(ServerUnavailableError):
        try_again(refused, settings, first_contact=True)
    assert 0 < refused.calls < 60
    answered = FailsFirst(*(ServerUnavailableError("busy") for _ in range(60)))
    assert try_again(answered, settings, first_contact=True) == "an answer"


def test_no_attempt_starts_after_the_total_time() -> None:
    act = FailsFirst(*(ServerUnavailableError("busy") for _ in range(9)))
    with pytest.raises(ServerUnavailableError):
        try_again(act, TransferSettings(total_seconds=0, pause_seconds=0.01))
    assert act.calls == 1


def test_a_stop_makes_the_failing_attempt_the_last() -> None:
    stop = threading.Event()
    stop.set()
    act = FailsFirst(ServerUnavailableError("busy"))
    with pytest.raises(ServerUnavailableError):
        try_again(act, TransferSettings(pause_seconds=0.001), stop)
    assert act.calls == 1


def test_a_stop_ends_a_pause() -> None:
    stop = threading.Event()
    act = FailsFirst(ServerUnavailableError("busy", retry_after_seconds=3600))
    settings = TransferSettings(longest_pause_seconds=3600, total_seconds=7200)
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    assert try_again(act, settings, stop) == "an answer"
    timer.join()


def test_each_pause_is_told_with_its_reason_and_without_a_name(caplog: pytest.LogCaptureFixture) -> None:
    act = FailsFirst(ServerUnavailableError("patient FAK09131796", status=503), ServerUnavailableError("FAK09131796"))
    with caplog.at_level(logging.DEBUG):
        try_again(act, QUICK)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert told == [
        "While asking: status 503. Attempt 2 follows in 0.0 s; 0 s have passed, and patience ends after 1800 s.",
        "While asking: no answer. Attempt 3 follows in 0.0 s; 0 s have passed, and patience ends after 1800 s.",
    ]
    assert "FAK09131796" not in caplog.text
