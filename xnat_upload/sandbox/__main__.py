"""``python -m xnat_upload.sandbox``: the sandbox as a process of its own."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.sandbox import MISSING_EXTRA, Sandbox
from xnat_upload.sandbox.site import Profile
from xnat_upload.sandbox.store.dicom import NotDicomError, PydicomMissingError

try:
    import click
except ImportError:
    sys.exit(MISSING_EXTRA)

_Pairs = tuple[tuple[str, str], ...]


def _split_at(split: Callable[[str], tuple[str, str, str]]) -> Callable[..., _Pairs]:
    """Read options that are two texts with a colon between them."""

    def read(_: click.Context, option: click.Option, values: tuple[str, ...]) -> _Pairs:
        pairs = []
        for value in values:
            first, _colon, second = split(value)
            if not (first and second):
                raise click.BadParameter(f"{value!r} is not {option.metavar}")
            pairs.append((first, second))
        return tuple(pairs)

    return read


def fill(sandbox: Sandbox, places: Iterable[tuple[str, str]], accounts: Iterable[str]) -> None:
    """Make the sessions that were asked for, and their projects."""
    projects: dict[str, str] = {}
    for hub_project_id, accession_id in places:
        if hub_project_id not in projects:
            project_id = sandbox.add_project(f"PROJECT{len(projects) + 1}", secondary_id=hub_project_id)
            projects[hub_project_id] = project_id
            for account in accounts:
                sandbox.add_member(project_id, account)
        sandbox.add_session(projects[hub_project_id], accession_id, xsi_type="xnat:ctSessionData")


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
    epilog="Example: python -m xnat_upload.sandbox --port 8080 --account ada:secret",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port; 0 takes a free one.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Keep the archive here, and not for this run only."
)
@click.option("--user", default="admin", help="Name of the site administrator.")
@click.option("--password", default="admin", help="The administrator's password.")
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="NAME:PASSWORD",
    callback=_split_at(lambda value: value.partition(":")),
    help="A further account without site roles; may be repeated.",
)
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="HUB_PROJECT_ID:ACCESSION_ID",
    callback=_split_at(lambda value: value.rpartition(":")),
    help="A CT session to upload into, in a project that every account may edit; may be repeated.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH",
    help="A YAML file, or a folder in the shape of XNAT's archive, to fill it from; may be repeated.",
)
@click.option("--context-path", default="", metavar="PATH", help="Servlet context, such as /xnat.")
@click.option("--profile", type=click.Choice(get_args(Profile)), default="1.8", help="Whose answers to give.")
@click.option("--latency-ms", type=float, default=0, metavar="N", help="Round-trip time of the network.")
@click.option("--bandwidth-mbps", type=float, metavar="N", help="Megabits per second, each way.")
def main(
    host: str,
    port: int,
    data: Path | None,
    user: str,
    password: str,
    accounts: _Pairs,
    sessions: _Pairs,
    seeds: tuple[Path, ...],
    context_path: str,
    profile: Profile,
    latency_ms: float,
    bandwidth_mbps: float | None,
) -> None:
    """Start an XNAT-compatible archive on this machine, to try and to test uploads without a server."""

    def sow(sandbox: Sandbox) -> None:
        for path in seeds:
            try:
                sandbox.add_from(path)
            except (OSError, ValueError, ImportError, NotDicomError, PydicomMissingError) as error:
                raise ValueError(f"--seed {path}: {error}") from error
        try:
            fill(sandbox, sessions, [name for name, _ in accounts])
        except ValueError as error:
            raise ValueError(f"{error} Leave out --session.") from error

    sandbox = Sandbox(
        data=data,
        host=host,
        port=port,
        user=user,
        password=password,
        accounts=dict(accounts),
        context_path=context_path,
        profile=profile,
        latency_ms=latency_ms,
        bandwidth_mbps=bandwidth_mbps,
        seed=sow,
    )
    leaving = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())
    try:
        sandbox.start()
    except (ImportError, ValueError) as error:
        sys.exit(str(error))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {port} is taken on {host}: choose another with --port, or 0 for a free one.")
        sys.exit(f"Cannot listen on {host}:{port}: {error}")
    try:
        print(f"listening on {sandbox.url}", flush=True)
        leaving.wait()
    finally:
        sandbox.stop()


if __name__ == "__main__":
    main(prog_name="python -m xnat_upload.sandbox")
