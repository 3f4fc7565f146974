"""The command ``xnat-upload``: what the library does, for a shell and a nightly job.

Exit status: 0 all is stored (or nothing is in the way), 1 some is not, 2 wrong use, 3 not logged in. What was done goes
to standard output, with ``--json`` also what kept it from being done; everything else to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from xnat_upload.errors import (
    AuthenticationError,
    InvalidIdentifierError,
    InvalidManifestError,
    MissingDependencyError,
    MissingFileError,
    UnsafePathError,
    UploadInterrupted,
    XnatUploadError,
)

try:
    import click
except ImportError:
    sys.exit("xnat-upload needs click: pip install 'xnat-upload[cli]'")

_IN_A_SHELL = {"exist_ok='same'": "--resume", "exist_ok=True": "--exist-ok", "keep_paths=True": "--keep-paths"}
NOT_ALL, WRONG_USE, NOT_LOGGED_IN = 1, 2, 3

_WRONG_USE = (
    InvalidIdentifierError,
    InvalidManifestError,
    MissingDependencyError,
    MissingFileError,
    UnsafePathError,
)


def main() -> None:
    """Run the command and exit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way to press Ctrl-C
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    try:
        return _run(arguments)
    except OSError as error:  # of the output: all others are errors of this package
        # Python must not complain when it flushes what is left.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
                continue
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):  # else whoever read the output has gone
            click.echo(f"Error: The output could not be written: {error.strerror}.", err=True)
        return NOT_ALL


def _run(arguments: Sequence[str]) -> int:
    from xnat_upload.cli.commands import commands

    try:
        status = commands.main(args=list(arguments), prog_name="xnat-upload", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (XnatUploadError, click.Abort) as error:
        # click makes its own Abort of every KeyboardInterrupt, and with it of the one that carries the report.
        cause = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        _show(cause, arguments)
        return _status_of(cause)
    return status if isinstance(status, int) else 0


def _status_of(error: BaseException) -> int:
    if isinstance(error, AuthenticationError):
        return NOT_LOGGED_IN
    return WRONG_USE if isinstance(error, _WRONG_USE) else NOT_ALL


def _show(error: BaseException, arguments: Sequence[str]) -> None:
    """Print what was done in spite of the error, and then the error in one sentence."""
    told = isinstance(error, (XnatUploadError, UploadInterrupted))
    text = (
        str(error)
        if told
        else "Interrupted; what is stored was not looked up. The same command with --resume finishes it."
    )
    for in_python, in_a_shell in _IN_A_SHELL.items():
        text = text.replace(in_python, in_a_shell)
    # The faults of a manifest are a list; whatever else has line breaks in it has them from somebody else.
    text = text if isinstance(error, InvalidManifestError) else " ".join(text.split())
    report = getattr(error, "report", None)
    if report is not None:
        click.echo(report.to_json() if "--json" in arguments else str(report))
    elif "--json" in arguments:
        document: dict[str, object] = {"error": text, "names": getattr(error, "names", ()), "files": []}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    if "--debug" in arguments:
        traceback.print_exception(error)
    click.echo(f"Error: {text}", err=True)
