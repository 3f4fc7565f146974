"""Whoever looks on is told the truth, and can break nothing."""

from __future__ import annotations

import io
import logging
import sys
import threading
from types import SimpleNamespace

import pytest

from xnat_upload import Progress
from xnat_upload.report.progress import Meter, shown


def test_numbers_grow_to_their_totals_and_not_beyond() -> None:
    told: list[Progress] = []
    meter = Meter(files_total=2, bytes_total=100, listener=told.append)
    for size in (60, 30, 60, 100):  # the third is sent again after a broken line
        meter.moved(size)
    for files in (1, 1, 1):
        meter.done(files)
    assert [each.bytes_sent for each in told] == [60, 90, 100, 100, 100, 100, 100]
    assert [each.files_done for each in told] == [0, 0, 0, 0, 1, 2, 2]
    assert {(each.files_total, each.bytes_total) for each in told} == {(2, 100)}


def test_several_threads_lose_no_byte_and_tell_one_after_another() -> None:
    told: list[int] = []
    inside = threading.Lock()

    def listener(now: Progress) -> None:
        assert inside.acquire(blocking=False), "called by two threads at once"
        told.append(now.bytes_sent)
        inside.release()

    meter = Meter(files_total=0, bytes_total=8000, listener=listener)

    def move() -> None:
        for _ in range(1000):
            meter.moved(1)

    threads = [threading.Thread(target=move) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == list(range(1, 8001))


def test_a_listener_that_fails_is_told_no_more_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Progress] = []

    def fail(now: Progress) -> None:
        calls.append(now)
        raise RuntimeError("the window was closed")

    meter = Meter(files_total=1, bytes_total=10, listener=fail)
    with caplog.at_level(logging.ERROR):
        meter.moved(5)
        meter.moved(5)
        meter.done(1)
    assert len(calls) == 1
    assert "the upload goes on" in caplog.text
    assert "the window was closed" in caplog.text


def test_an_interruption_by_the_listener_is_not_swallowed() -> None:
    def interrupt(now: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Meter(files_total=1, bytes_total=1, listener=interrupt).moved(1)


def test_nobody_need_look() -> None:
    meter = Meter(files_total=1, bytes_total=1, listener=None)
    meter.moved(1)
    meter.done(1)


def test_a_callable_is_the_listener_itself() -> None:
    told: list[Progress] = []
    with shown(told.append, bytes_total=1) as listener:
        assert listener == told.append


def test_a_bar_is_shown_when_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(True, bytes_total=2048) as listener:
        assert listener is not None
        listener(Progress(files_done=1, files_total=3, bytes_sent=1024, bytes_total=2048))
        listener(Progress(files_done=3, files_total=3, bytes_sent=2048, bytes_total=2048))
    out, err = capsys.readouterr()
    assert out == ""
    assert "Uploading: 100%" in err
    assert "3 of 3 files" in err
    assert "2.00k/2.00k" in err


@pytest.mark.parametrize("progress", [False, None])
def test_no_bar_is_shown_where_nobody_looks(progress: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    with shown(progress, bytes_total=10) as listener:
        assert listener is None
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_by_itself_on_a_terminal_if_there_is_something_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with shown(None, bytes_total=10) as listener:
        assert listener is not None
    with shown(None, bytes_total=0) as listener:
        assert listener is None
    with shown(False, bytes_total=10) as listener:
        assert listener is None


def test_a_program_without_standard_error_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with shown(None, bytes_total=10) as listener:
        assert listener is None
    with shown(True, bytes_total=10) as listener:
        assert listener is None


@pytest.mark.parametrize(
    ("shell", "shows"), [(SimpleNamespace(kernel=object()), True), (object(), False), (None, False)]
)
def test_a_bar_is_shown_by_itself_in_a_notebook_and_not_where_one_is_only_run(
    shell: object, shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    with shown(None, bytes_total=10) as listener:
        assert (listener is not None) == shows


class Broken(io.StringIO):
    """A standard error that takes nothing any more, in one of the ways in which there is none."""

    encoding = "ascii"

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise self._error

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize("progress", [True, None])
@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(32, "Broken pipe"),
        OSError(28, "No space left on device"),
        ValueError("I/O operation on closed file"),
        UnicodeEncodeError("ascii", "█", 0, 1, "ordinal not in range"),
    ],
)
def test_a_bar_on_a_broken_standard_error_breaks_no_upload(
    error: Exception, progress: bool | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(error))
    with shown(progress, bytes_total=10) as listener:
        meter = Meter(files_total=1, bytes_total=10, listener=listener)
        meter.moved(10)
        meter.done(1)
    assert caplog.records == []
