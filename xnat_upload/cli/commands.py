"""The commands of ``xnat-upload``, and their help."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xnat_upload.archive.credentials import find_credentials
from xnat_upload.cli import options
from xnat_upload.cli.exit_status import ExitStatus, table
from xnat_upload.cli.options import Asked
from xnat_upload.cli.output import Output
from xnat_upload.errors import AuthenticationError, MissingDependencyError
from xnat_upload.local.ignoring import DEFAULT_IGNORE
from xnat_upload.planning.request import UploadRequest
from xnat_upload.settings import Compression, TransferSettings
from xnat_upload.steps import stage_files, understand
from xnat_upload.uploader import Uploader

if TYPE_CHECKING:
    from xnat_upload.archive.readiness import Readiness
    from xnat_upload.places.hierarchy import Accession
    from xnat_upload.report.report import Report

__all__ = ["Asked", "commands"]

_LOGIN = """
Credentials come from XNAT_HOST, XNAT_USER and XNAT_PASS, or from ~/.netrc, never from an argument; on a terminal you
are asked for what is missing.
"""

_DEFAULTS = TransferSettings()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=f"\b\nExit status:\n{table()}",
)
@click.version_option(package_name="xnat-upload")
def commands() -> None:
    """Put image files into XNAT; what is called stored is stored."""


@commands.command(
    short_help="Put files into a resource of a scan.",
    help="Put FILES into a resource of a scan; a directory stands for all files below it.\n" + _LOGIN,
    epilog="Example: xnat-upload put seg.nii.gz --hub-project 3fa85f64 --accession FAK09131796 --scan 4 --resource SEG",
)
@click.argument("files", nargs=-1, required=True)
@options.place
@options.source
@options.writing
@options.telling
def put(
    files: tuple[str, ...],
    hub_project: str | None,
    project_id: str | None,
    accession: str,
    scan: str | None,
    no_scan: bool,
    resource: str,
    scan_type: str | None,
    resource_format: str | None,
    resource_content: str | None,
    root: Path | None,
    net: str | None,
    images_dir: Path | None,
    keep_paths: bool,
    name: str | None,
    include: tuple[str, ...],
    ignore: tuple[str, ...],
    exist_ok: bool,
    resume: bool,
    reason: str | None,
    compression: Compression,
    read_back: bool,
    dry_run: bool,
    server: str | None,
    output: Output,
) -> int:
    """Upload into one resource."""
    options.check_project(hub_project, project_id)
    if net is not None and (root is not None or images_dir is None):
        raise click.UsageError("--net needs --images-dir, and takes the place of --root.")
    if images_dir is not None and net is None:
        raise click.UsageError("--images-dir is for --net only.")
    if name is not None and len(files) > 1:
        raise click.UsageError("--name is for one file.")
    asked: dict[str, Any] = {
        "hub_project_id": hub_project,
        "project_id": project_id,
        "accession_id": accession,
        "scan_id": options.scan_of(scan, no_scan=no_scan),
        "resource_id": resource,
        "scan_type": scan_type,
        "resource_format": resource_format,
        "resource_content": resource_content,
        "net_id": net,
        "root": None if net is not None else root or Path(),
        "keep_paths": keep_paths,
        "include": include or None,
        "ignore": (*DEFAULT_IGNORE, *ignore),
        "exist_ok": options.exist_ok_of(exist_ok, resume=resume),
        "reason": reason,
    }
    named = files if name is None else {name: files[0]}
    # What is wrong here is found before anything is asked.
    request = UploadRequest(files=named, **asked)
    stage_files(request, *understand(request, reason=None, server=""), images_dir=images_dir)
    settings = TransferSettings(compression=compression, read_back=read_back)
    with _connected(server, images_dir=images_dir, settings=settings) as uploader:
        plan = uploader.plan(named, **asked)
        if dry_run:
            output.tell(str(plan), plan.to_json())
            return ExitStatus.CONFLICT if plan.refused else ExitStatus.DONE
        return output.conclude(uploader.run(plan, progress=output.shows_progress))


@commands.command(
    short_help="Put all files that a CSV or Parquet file names.",
    help="Put all files that MANIFEST names, a CSV or Parquet file with the columns hub_project_id or project_id, "
    "accession_id, scan_id, resource_id, file, and perhaps scan_type and name.\n" + _LOGIN,
    epilog="Example: xnat-upload cohort cohort.csv --root /data/segmentations --report stored.csv",
)
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--root", type=click.Path(path_type=Path), help="Files are relative to it. [default: where MANIFEST lies]"
)
@click.option("--workers", type=click.IntRange(1, 64), help="Resources written at the same time. [default: 4]")
@click.option("--scheduler", metavar="ADDRESS", help="Spread the work over this dask cluster, such as tcp://host:8786.")
@options.writing
@options.telling
def cohort(
    manifest: Path,
    root: Path | None,
    workers: int | None,
    scheduler: str | None,
    keep_paths: bool,
    exist_ok: bool,
    resume: bool,
    reason: str | None,
    compression: Compression,
    read_back: bool,
    dry_run: bool,
    server: str | None,
    output: Output,
) -> int:
    """Upload a manifest."""
    from xnat_upload.cli.cohort_plan import plan_cohort
    from xnat_upload.cohort.manifest import Manifest

    root = manifest.parent if root is None else root
    treated = options.exist_ok_of(exist_ok, resume=resume)
    rows = Manifest(manifest, root=root, keep_paths=keep_paths)  # what is wrong here is found before anything is asked
    settings = TransferSettings(compression=compression, read_back=read_back)
    if workers is not None:
        settings = replace(settings, workers=workers)
    with _connected(server, settings=settings) as uploader:
        if dry_run:
            plan = plan_cohort(rows, uploader, root=root, exist_ok=treated, reason=reason)
            output.tell(str(plan), plan.to_json())
            return plan.status
        more: dict[str, Any] = {
            "root": root,
            "keep_paths": keep_paths,
            "exist_ok": treated,
            "reason": reason,
            "progress": output.shows_progress,
        }
        return output.conclude(_run_cohort(uploader, manifest, scheduler=scheduler, **more))


@commands.command(
    short_help="Find out what would stop an upload.",
    help="Find out, without writing anything, what would stop an upload: the login, the server, your rights in a "
    "project.\n" + _LOGIN,
    epilog="Example: xnat-upload check --hub-project 3fa85f64 --accession FAK09131796",
)
@options.project
@click.option("--accession", metavar="ID", help="Label of a session of that project.")
@options.telling
def check(
    hub_project: str | None, project_id: str | None, accession: str | None, server: str | None, output: Output
) -> int:
    """Say what would stop an upload."""
    options.check_project(hub_project, project_id, needed=False)
    named = hub_project is not None or project_id is not None
    if accession is not None and not named:
        raise click.UsageError("--accession needs --hub-project or --project-id.")
    with _connected(server) as uploader:
        found = uploader.check(hub_project, accession, project_id=project_id)
    output.tell(str(found), _json(_readiness(found)))
    if found.ok:
        return ExitStatus.DONE
    missing = (named and not found.project_id) or (accession is not None and found.accession is None)
    return ExitStatus.NOT_FOUND if missing else ExitStatus.NOT_PERMITTED


@commands.command(
    short_help="List the scans and resources of a session.",
    help="List the scans of a session, and the resources of each and of the session itself.\n" + _LOGIN,
    epilog="Example: xnat-upload ls --hub-project 3fa85f64 --accession FAK09131796",
)
@options.project
@click.option("--accession", required=True, metavar="ID", help="Label of the session.")
@options.telling
def ls(hub_project: str | None, project_id: str | None, accession: str, server: str | None, output: Output) -> int:
    """List what a session holds."""
    options.check_project(hub_project, project_id)
    with _connected(server) as uploader:
        found = uploader.locate(accession, hub_project_id=hub_project, project_id=project_id)
    own = ", ".join(resource.label for resource in found.resources) or "none"
    output.tell(f"{found.scans}\nResources of the session itself: {own}", _json(_session(found)))
    return ExitStatus.DONE


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


def _connected(
    server: str | None, *, images_dir: Path | None = None, settings: TransferSettings = _DEFAULTS
) -> Uploader:
    user = password = None
    try:
        find_credentials(server, user=None, password=None, headers=None)
    except AuthenticationError as error:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        try:
            user = click.prompt(f"User at {error.url}", default=os.environ.get("XNAT_USER"), err=True)
            password = click.prompt("Password", hide_input=True, err=True)
        except click.Abort:  # Ctrl-D, or Ctrl-C: nothing was begun
            click.echo(err=True)
            raise click.exceptions.Exit(ExitStatus.NOT_LOGGED_IN) from None
    return Uploader.connect(server, user=user, password=password, images_dir=images_dir, settings=settings)


def _run_cohort(uploader: Uploader, manifest: Path, *, scheduler: str | None, **more: Any) -> Report:
    if scheduler is None:
        return uploader.upload_cohort(manifest, **more)
    try:
        import distributed
    except ImportError:
        raise MissingDependencyError("A cluster needs dask: pip install 'xnat-upload[dask]'.") from None
    try:
        client = distributed.Client(scheduler)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"No dask scheduler answers at {scheduler}: {error}") from error
    with client:
        return uploader.upload_cohort(manifest, client=client, **more)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _readiness(found: Readiness) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "server": found.server,
        "user": found.user,
        "version": found.version,
        "generation": found.generation,
        "project_id": found.project_id,
        "role": found.role,
        "accession": None if found.accession is None else _session(found.accession),
        "obstacles": list(found.obstacles),
        "doubts": list(found.doubts),
    }


def _session(found: Accession) -> dict[str, Any]:
    return {
        "project_id": found.project_id,
        "accession_id": found.label,
        "experiment_id": found.experiment_id,
        "session_type": found.session_type,
        "scans": [
            {
                "scan_id": scan.scan_id,
                "data_type": scan.data_type,
                "type": scan.type,
                "description": scan.description,
                "resources": [resource.label for resource in scan.resources],
            }
            for scan in found.scans
        ],
        "resources": [resource.label for resource in found.resources],
    }
