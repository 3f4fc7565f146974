"""Whoever looks on is told the truth, and can break nothing."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from xnat_upload import Progress
from xnat_upload.report.progress import Meter, Share, shown


def test_what_is_sent_again_counts_once_and_numbers_stay_between_zero_and_their_totals() -> None:
    told: list[Progress] = []
    share = Share(Meter(files_total=2, bytes_total=100, listener=told.append))
    for size in (60, 50, -110, 60, 50, -10):  # the line breaks; then what a zip adds is taken off
        share.moved(size)
    share.done(2)
    share.settle(size_bytes=60, files=1, failed=1)
    assert [each.bytes_sent for each in told] == [60, 100, 0, 60, 100, 100, 100, 60]
    assert [(each.files_done, each.files_failed) for each in told[-2:]] == [(2, 0), (1, 1)]
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
            meter.add(size_bytes=1)

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
        meter.add(size_bytes=5)
        meter.add(size_bytes=5)
        meter.add(files=1)
    assert len(calls) == 1
    assert "the upload goes on" in caplog.text
    assert "the window was closed" in caplog.text


def test_an_interruption_by_the_listener_is_not_swallowed() -> None:
    def interrupt(now: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Meter(files_total=1, bytes_total=1, listener=interrupt).add(size_bytes=1)


def test_nobody_need_look() -> None:
    meter = Meter(files_total=1, bytes_total=1, listener=None)
    meter.add(size_bytes=1)
    meter.add(files=1)


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
        meter.add(size_bytes=10)
        meter.add(files=1)
    assert caplog.records == []


def test_log_lines_stand_above_the_bar_and_do_not_tear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    handler = logging.StreamHandler(screen)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with shown(None, bytes_total=10) as listener:
            assert listener is not None
            listener(Progress(files_done=1, files_total=2, bytes_sent=5, bytes_total=10, files_failed=1))
            logging.getLogger("xnat_upload.archive.retry").warning("While sending files: status 503.")
        assert handler in root.handlers
    finally:
        root.removeHandler(handler)
    (line,) = [line for line in screen.getvalue().split("\n") if "503" in line]
    assert line.split("\r")[-1] == "While sending files: status 503."
    assert "1 of 2 files, 1 failed" in screen.getvalue()


def test_without_ipywidgets_a_notebook_has_a_bar_of_text_and_no_warning() -> None:
    code = (
        "import sys, types, warnings; warnings.simplefilter('error')\n"
        "sys.modules['ipywidgets'] = None\n"
        "shell = types.SimpleNamespace(kernel=object(), config={'IPKernelApp': {}})\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: shell)\n"
        "from xnat_upload.report.progress import shown\n"
        "with shown(None, bytes_total=10) as listener: print(listener is not None)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"
    assert "Uploading" in ran.stderr
    assert "Warning" not in ran.stderr
