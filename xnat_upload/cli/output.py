"""Where a command tells what: report file, standard output, standard error, log."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from xnat_upload.cli.exit_status import ExitStatus
from xnat_upload.errors import CarriedReport

_LOG_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What messages call a thing in Python, and what it is called here.
_IN_A_SHELL = (
    (r"\bexist_ok='same'", "--resume"),
    (r"\bexist_ok=True", "--exist-ok"),
    (r"\bkeep_paths=True", "--keep-paths"),
    (r"\bscan_id=None", "--no-scan"),
    (r"\bhub_project_id(?:=|\b)", "--hub-project"),
    (r"(?<!hub_)\bproject_id(?:=|\b)", "--project-id"),
    (r"\baccession_id(?:=|\b)", "--accession"),
    (r"(?<![?&])\b(scan_type|scan|resource)(?:_id)?=", r"--\1 "),
    (r"\bTransferSettings\(read_back=True\)", "--read-back"),
    (r"\b(The|the) same call\b", r"\1 same command"),
    (r"\bdo the same with\b", "run the same command with"),
    (r"\brun the call again\b", "run the command again"),
)


@dataclass(frozen=True, kw_only=True)
class Output:
    """How much is told, and where.

    Parameters
    ----------
    as_json : bool
        Standard output has one JSON document, whatever happens.
    quiet : bool
        Nothing is told but errors, and JSON where it was asked for.
    progress : bool
        A bar may be shown.
    report : pathlib.Path or None
        The report is written here before anything is printed.
    """

    as_json: bool = False
    quiet: bool = False
    progress: bool = True
    report: Path | None = None

    @property
    def shows_progress(self) -> bool | None:
        """What the library's `progress` is."""
        return None if self.progress and not self.quiet else False

    def tell(self, text: str, document: str) -> None:
        """Print what came of a command, as text or as JSON."""
        if self.as_json:
            _say(_encodable(document))
        elif not self.quiet:
            _say(in_a_shell(text))

    def conclude(self, report: CarriedReport) -> ExitStatus:
        """Write the report where that was asked for, then tell it."""
        written = self._write(report)
        self.tell(str(report), report.to_json())
        return ExitStatus.DONE if report.ok and written else ExitStatus.NOT_ALL

    def fail(self, error: BaseException, text: str) -> None:
        """Tell what was done in spite of an error, and then the error in one sentence."""
        report = getattr(error, "report", None)
        if report is not None:
            self.conclude(report)
        elif self.as_json:
            document: dict[str, Any] = {"error": text, "names": list(getattr(error, "names", ())), "files": []}
            _say(_encodable(json.dumps(document, ensure_ascii=False, indent=2)))
        all_done = report is not None and report.ok  # it was interrupted too late
        _say(text if all_done else f"Error: {text}", err=True)

    def _write(self, report: CarriedReport) -> bool:
        try:
            if self.report is not None:
                self.report.write_text(report.to_csv(), encoding="utf-8", newline="")
        except OSError as error:  # what it tells is done all the same
            _say(f"Error: The report could not be written to {self.report}: {error.strerror}.", err=True)
            return False
        return True


def _say(text: str, *, err: bool = False) -> None:
    """Print a line; click would print UTF-8 where a terminal says that it shows no more than ASCII."""
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def in_a_shell(text: str) -> str:
    """Say in the command's own words what a message says in those of the library.

    Examples
    --------
    >>> in_a_shell("The same call with exist_ok='same' sends the rest.")
    'The same command with --resume sends the rest.'
    """
    for in_python, here in _IN_A_SHELL:
        text = re.sub(in_python, here, text)
    return text


def replace_what_cannot_be_shown() -> None:
    """Let what a terminal's encoding lacks be escaped: nothing that is done may end in a UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def log_to(path: Path | None, *, debug: bool) -> None:
    """Log to a file, and to standard error what is a warning or was asked for, until the command ends."""
    logger = logging.getLogger("xnat_upload")
    screen = logging.StreamHandler()
    screen.setLevel(logging.INFO if debug else logging.WARNING)
    screen.setFormatter(logging.Formatter(_LOG_LINE if debug else "%(message)s"))
    handlers: list[logging.Handler] = [screen]
    if path is not None:
        try:
            file = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise click.UsageError(f"--log-file {path} cannot be written: {error.strerror}.") from error
        file.setLevel(logging.DEBUG if debug else logging.INFO)
        file.setFormatter(logging.Formatter(_LOG_LINE))
        handlers.append(file)
    before = logger.level
    logger.setLevel(logging.DEBUG)

    def end() -> None:
        logger.setLevel(before)
        for handler in handlers:
            logger.removeHandler(handler)
            if handler is not screen:
                handler.close()

    for handler in handlers:
        logger.addHandler(handler)
    click.get_current_context().find_root().call_on_close(end)


def _encodable(document: str) -> str:
    """JSON that can be printed: an escape of the terminal's would make it another document."""
    try:
        document.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(document), indent=2)
    return document
