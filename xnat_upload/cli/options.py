"""The options that commands share, and what they come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, get_args

import click

from xnat_upload.cli.output import Output, log_to
from xnat_upload.planning.treatment import ExistOk
from xnat_upload.settings import Compression

Command: TypeAlias = Callable[..., int]
_Decorator: TypeAlias = Callable[[Command], Command]


@dataclass
class Asked:
    """How the command that was called is to tell things; known once its options are read."""

    output: Output = field(default_factory=Output)
    debug: bool = False


def _options(*options: _Decorator) -> _Decorator:
    """Make one decorator of several options."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_telling_options = _options(
    click.option("--server", metavar="URL", help="Address of the XNAT; else XNAT_HOST."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document, whatever happens."),
    click.option("--quiet", is_flag=True, help="Print nothing but errors, and JSON if it is asked for."),
    click.option("--no-progress", is_flag=True, help="Show no progress bar."),
    click.option("--log-file", type=click.Path(path_type=Path, dir_okay=False), help="Add the log to this file."),
    click.option("--debug", is_flag=True, help="Show log and traceback; with --log-file, log each request there."),
)


def telling(command: Command) -> Command:
    """Give a command the options that say how it tells things, as its `output`."""

    @functools.wraps(command)
    def called(
        *, as_json: bool, quiet: bool, no_progress: bool, log_file: Path | None, debug: bool, **rest: Any
    ) -> int:
        report: Path | None = rest.pop("report", None)
        if report is not None and not report.absolute().parent.is_dir():
            raise click.UsageError(f"The directory of --report {report} does not exist.")
        output = Output(as_json=as_json, quiet=quiet, progress=not no_progress, report=report)
        asked = click.get_current_context().find_object(Asked)
        if asked is not None:
            asked.output, asked.debug = output, debug
        log_to(log_file, debug=debug)
        return command(output=output, **rest)

    return _telling_options(called)


project = _options(
    click.option("--hub-project", metavar="ID", help="The hub's ID of the project (its secondary ID)."),
    click.option("--project-id", metavar="ID", help="XNAT's own ID of the project, in place of --hub-project."),
)
place = _options(
    project,
    click.option("--accession", required=True, metavar="ID", help="Label of the session."),
    click.option("--scan", metavar="ID", help="The scan; it is created if it is missing."),
    click.option("--no-scan", is_flag=True, help="The resource is the session's own, and of no scan."),
    click.option("--resource", required=True, metavar="LABEL", help="The resource, such as NIFTI or SEG."),
    click.option("--scan-type", metavar="TYPE", help="Type of a new scan, such as xnat:segScanData."),
    click.option("--resource-format", metavar="TEXT", help="XNAT's format of a new resource, such as NIFTI."),
    click.option("--resource-content", metavar="TEXT", help="XNAT's content of a new resource, such as SEG."),
)
source = _options(
    click.option("--root", type=click.Path(path_type=Path), help="Files are relative to it. [default: .]"),
    click.option("--net", metavar="ID", help="Files are relative to IMAGES_DIR/ID/upload."),
    click.option("--images-dir", type=click.Path(path_type=Path), help="Directory of all nets, for --net."),
    click.option("--name", metavar="NAME", help="Name of the one file in the resource."),
    click.option("--include", multiple=True, metavar="PATTERN", help="Of directories, only these; may be repeated."),
    click.option("--ignore", multiple=True, metavar="PATTERN", help="Leave these out too; may be repeated."),
)
writing = _options(
    click.option("--keep-paths", is_flag=True, help="Keep the files' folders in their names."),
    click.option("--exist-ok", is_flag=True, help="Skip files that are stored already, and replace what differs."),
    click.option("--resume", is_flag=True, help="Skip files that are stored already, and refuse what differs."),
    click.option("--reason", metavar="TEXT", help="Why the archive is changed, for sites that demand it."),
    click.option(
        "--compression",
        type=click.Choice(get_args(Compression)),
        default="auto",
        show_default=True,
        help="Whether files travel deflated: where that is faster, or in any case, or never.",
    ),
    click.option("--read-back", is_flag=True, help="Where the archive keeps no MD5, read back what was sent."),
    click.option("--dry-run", is_flag=True, help="Ask the archive, and say what would be done; write nothing."),
    click.option(
        "--report",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write what became of each file here, as CSV.",
    ),
)


def exist_ok_of(exist_ok: bool, *, resume: bool) -> ExistOk:
    """Say what is done with files that exist."""
    if exist_ok and resume:
        raise click.UsageError("--exist-ok replaces what differs, and --resume refuses it. Choose one.")
    return "same" if resume else exist_ok


def check_project(hub_project: str | None, project_id: str | None, *, needed: bool = True) -> None:
    """Refuse a project that is named twice, or not at all."""
    if hub_project is not None and project_id is not None:
        raise click.UsageError("--hub-project and --project-id both name the project. Choose one.")
    if needed and hub_project is None and project_id is None:
        raise click.UsageError("Name the project by --hub-project or --project-id.")


def scan_of(scan: str | None, *, no_scan: bool) -> str | None:
    """Give the scan as the library wants it said: None is the session itself."""
    if no_scan == (scan is not None):
        raise click.UsageError("Name the scan by --scan, or say --no-scan for a resource of the session itself.")
    return scan
