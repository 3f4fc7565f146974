"""The commands of ``xnat-upload``, their options and their help."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from xnat_upload.archive.credentials import find_credentials
from xnat_upload.cohort.manifest import Manifest
from xnat_upload.errors import AuthenticationError, CarriedReport, MissingDependencyError, UploadInterrupted
from xnat_upload.planning.treatment import ExistOk
from xnat_upload.settings import TransferSettings
from xnat_upload.uploader import Uploader

if TYPE_CHECKING:
    from xnat_upload.report.report import Report

NOT_ALL = 1

_Command: TypeAlias = Callable[..., int]
_Decorator: TypeAlias = Callable[[_Command], _Command]

_LOGIN = """
Credentials come from XNAT_HOST, XNAT_USER and XNAT_PASS, or from ~/.netrc, never from an argument; on a terminal you
are asked for what is missing.
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 all is stored, 1 some is not, 2 wrong use, 3 not logged in.",
)
@click.version_option(package_name="xnat-upload")
def commands() -> None:
    """Put image files into XNAT; what is called stored is stored."""


def _options(*options: _Decorator) -> _Decorator:
    """Make one decorator of several options."""

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_server_option = click.option("--server", metavar="URL", help="Address of the XNAT; else XNAT_HOST.")
_debug_option = click.option("--debug", is_flag=True, help="Show log and traceback.")
_common = _options(
    click.option("--exist-ok", is_flag=True, help="Skip files that are stored already, and replace what differs."),
    click.option("--resume", is_flag=True, help="Skip files that are stored already, and refuse what differs."),
    click.option("--dry-run", is_flag=True, help="Say what would be done; write nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    _server_option,
    _debug_option,
)
_place = _options(
    click.option("--hub-project", required=True, metavar="ID", help="The hub's ID of the project (its secondary ID)."),
    click.option("--accession", required=True, metavar="ID", help="Label of the session."),
    click.option("--scan", required=True, metavar="ID", help="The scan; it is created if it is missing."),
    click.option("--resource", required=True, metavar="LABEL", help="The resource, such as NIFTI or SEG."),
    click.option("--scan-type", metavar="TYPE", help="Type of a new scan, such as xnat:segScanData."),
)
_source = _options(
    click.option("--root", type=click.Path(path_type=Path), help="Files are relative to it. [default: .]"),
    click.option("--net", metavar="ID", help="Files are relative to IMAGES_DIR/ID/upload."),
    click.option("--images-dir", type=click.Path(path_type=Path), help="Directory of all nets, for --net."),
    click.option("--keep-paths", is_flag=True, help="Keep the files' folders in their names."),
)


@commands.command(
    short_help="Put files into a resource of a scan.",
    help="Put FILES into a resource of a scan; a directory stands for all files below it.\n" + _LOGIN,
    epilog="Example: xnat-upload put seg.nii.gz --hub-project 3fa85f64 --accession FAK09131796 --scan 4 --resource SEG",
)
@click.argument("files", nargs=-1, required=True)
@_place
@_source
@_common
def put(
    files: tuple[str, ...],
    hub_project: str,
    accession: str,
    scan: str,
    resource: str,
    scan_type: str | None,
    root: Path | None,
    net: str | None,
    images_dir: Path | None,
    keep_paths: bool,
    exist_ok: bool,
    resume: bool,
    dry_run: bool,
    as_json: bool,
    server: str | None,
    debug: bool,
) -> int:
    """Upload into one resource."""
    if net is not None and (root is not None or images_dir is None):
        raise click.UsageError("--net needs --images-dir, and takes the place of --root.")
    if images_dir is not None and net is None:
        raise click.UsageError("--images-dir is for --net only.")
    _begin(dry_run=dry_run, as_json=as_json, debug=debug)
    with _connected(server, images_dir=images_dir) as uploader:
        plan = uploader.plan(
            files,
            hub_project_id=hub_project,
            accession_id=accession,
            scan_id=scan,
            resource_id=resource,
            scan_type=scan_type,
            net_id=net,
            root=None if net is not None else root or Path(),
            keep_paths=keep_paths,
            exist_ok=_exist_ok(exist_ok, resume=resume),
        )
        if dry_run:
            click.echo(str(plan))
            return NOT_ALL if plan.refused else 0
        return _tell(uploader.run(plan), as_json=as_json)


@commands.command(
    short_help="Put all files that a CSV or Parquet file names.",
    help="Put all files that MANIFEST names, a CSV or Parquet file with the columns hub_project_id, accession_id, "
    "scan_id, resource_id, file and perhaps scan_type.\n" + _LOGIN,
    epilog="Example: xnat-upload cohort cohort.csv --root /data/segmentations --report stored.csv",
)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--root", type=click.Path(path_type=Path), help="Files are relative to it. [default: where MANIFEST lies]"
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the manifest with its results here, as CSV.",
)
@click.option("--workers", type=click.IntRange(1, 64), help="Resources written at the same time. [default: 4]")
@click.option("--scheduler", metavar="ADDRESS", help="Spread the work over this dask cluster, such as tcp://host:8786.")
@_common
def cohort(
    manifest: Path,
    root: Path | None,
    report: Path | None,
    scheduler: str | None,
    exist_ok: bool,
    resume: bool,
    dry_run: bool,
    as_json: bool,
    workers: int | None,
    server: str | None,
    debug: bool,
) -> int:
    """Upload a manifest."""
    _begin(dry_run=dry_run, as_json=as_json, debug=debug)
    root = manifest.parent if root is None else root
    if dry_run:
        click.echo(_described(Manifest(manifest, root=root)))
        return 0
    if report is not None and not report.absolute().parent.is_dir():
        raise click.UsageError(f"The directory of --report {report} does not exist.")
    with _connected(server, workers=workers) as uploader:
        try:
            found: Report = _run_cohort(
                uploader, manifest, root=root, exist_ok=_exist_ok(exist_ok, resume=resume), scheduler=scheduler
            )
        except UploadInterrupted as interruption:
            _write(interruption.report, report)
            raise
    status = _tell(found, as_json=as_json)
    return status if _write(found, report) else NOT_ALL


@commands.command(
    short_help="Find out what would stop an upload.",
    help="Find out, without writing anything, what would stop an upload: the login, the server, your rights in a "
    "project.\n" + _LOGIN,
    epilog="Example: xnat-upload check --hub-project 3fa85f64 --accession FAK09131796",
)
@click.option("--hub-project", metavar="ID", help="The hub's ID of the project (its secondary ID).")
@click.option("--accession", metavar="ID", help="Label of a session of that project.")
@_server_option
@_debug_option
def check(hub_project: str | None, accession: str | None, server: str | None, debug: bool) -> int:
    """Say what would stop an upload."""
    if accession is not None and hub_project is None:
        raise click.UsageError("--accession needs --hub-project.")
    _begin(debug=debug)
    with _connected(server) as uploader:
        readiness = uploader.check(hub_project, accession)
    click.echo(str(readiness))
    return 0 if readiness.ok else NOT_ALL


@commands.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    short_help="Start an XNAT-compatible archive to try things out.",
    epilog="Example: xnat-upload sandbox --port 8080 --account ada:secret",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Start an XNAT-compatible archive on this machine, to try things out; --help lists its options."""
    # In place of this process, so that signals and exit status are the sandbox's own.
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "xnat_upload.sandbox", *arguments])  # noqa: S606


def _exist_ok(exist_ok: bool, *, resume: bool) -> ExistOk:
    if exist_ok and resume:
        raise click.UsageError("--exist-ok replaces what differs, and --resume refuses it. Choose one.")
    return "same" if resume else exist_ok


def _connected(server: str | None, *, images_dir: Path | None = None, workers: int | None = None) -> Uploader:
    settings = TransferSettings() if workers is None else TransferSettings(workers=workers)
    user = password = None
    try:
        find_credentials(server, user=None, password=None, headers=None)
    except AuthenticationError as error:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        user = click.prompt(f"User at {error.url}", default=os.environ.get("XNAT_USER"), err=True)
        password = click.prompt("Password", hide_input=True, err=True)
    return Uploader.connect(server, user=user, password=password, images_dir=images_dir, settings=settings)


def _run_cohort(uploader: Uploader, manifest: Path, *, root: Path, exist_ok: ExistOk, scheduler: str | None) -> Report:
    if scheduler is None:
        return uploader.upload_cohort(manifest, root=root, exist_ok=exist_ok)
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError("A cluster needs dask: pip install 'xnat-upload[dask]'.") from None
    try:
        client = distributed.Client(scheduler)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"No dask scheduler answers at {scheduler}: {error}") from error
    with client:
        return uploader.upload_cohort(manifest, root=root, exist_ok=exist_ok, client=client)


def _described(manifest: Manifest) -> str:
    sessions = list(manifest.sessions())
    resources = sum(len(session.resources) for session in sessions)
    return (
        f"{len(manifest)} files for {resources} resources of {len(sessions)} sessions; no fault was found in the rows "
        "and files. The archive was not asked."
    )


def _tell(report: Report, *, as_json: bool) -> int:
    click.echo(report.to_json() if as_json else str(report))
    return 0 if report.ok else NOT_ALL


def _write(report: CarriedReport, path: Path | None) -> bool:
    """Write a report where that was asked for; if it cannot be, say so, for what it tells is done all the same."""
    try:
        if path is not None:
            path.write_text(report.to_csv(), encoding="utf-8", newline="")
    except OSError as error:
        click.echo(f"Error: The report could not be written to {path}: {error.strerror}.", err=True)
        return False
    return True


def _begin(*, debug: bool, dry_run: bool = False, as_json: bool = False) -> None:
    if dry_run and as_json:
        raise click.UsageError("--json prints a report, and --dry-run makes none.")
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
