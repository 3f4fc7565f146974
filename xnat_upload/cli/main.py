"""The command ``xnat-upload``: what the library does, for a shell and a nightly job.

What was done goes to standard output, with ``--json`` also what kept it from being done; everything else to standard
error. `ExitStatus` has what the exit status means.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from xnat_upload.errors import InvalidManifestError, UploadInterrupted, XnatUploadError

try:
    import click
except ImportError:
    sys.exit("xnat-upload needs click: pip install 'xnat-upload[cli]'")


def main() -> None:
    """Run the command and exit."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way to press Ctrl-C
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    from xnat_upload.cli.exit_status import ExitStatus
    from xnat_upload.cli.output import replace_what_cannot_be_shown

    try:
        replace_what_cannot_be_shown()
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
        return ExitStatus.NOT_ALL


def _run(arguments: Sequence[str]) -> int:
    from xnat_upload.cli.commands import Asked, commands
    from xnat_upload.cli.exit_status import ExitStatus, status_of

    asked = Asked()
    try:
        status = commands.main(args=list(arguments), prog_name="xnat-upload", standalone_mode=False, obj=asked)
    except click.ClickException as error:
        error.show()
        return ExitStatus.WRONG_USE
    except (XnatUploadError, click.Abort) as error:
        # click makes its own Abort of every KeyboardInterrupt, and with it of the one that carries the report.
        cause = error.__cause__ if isinstance(error, click.Abort) and error.__cause__ else error
        if asked.debug:
            traceback.print_exception(cause)
        asked.output.fail(cause, _sentence(cause))
        return status_of(cause)
    return status if isinstance(status, int) else ExitStatus.DONE


def _sentence(error: BaseException) -> str:
    from xnat_upload.cli.output import in_a_shell

    if not isinstance(error, (XnatUploadError, UploadInterrupted)):
        return "Interrupted; what is stored was not looked up. The same command with --resume finishes it."
    text = in_a_shell(str(error))
    # The faults of a manifest are a list; whatever else has line breaks in it has them from somebody else.
    return text if isinstance(error, InvalidManifestError) else " ".join(text.split())
