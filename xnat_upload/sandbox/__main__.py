"""``python -m xnat_upload.sandbox``: the sandbox as a process of its own."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.sandbox import Sandbox
from xnat_upload.sandbox.site import Profile


def account(value: str) -> tuple[str, str]:
    """Split ``NAME:PASSWORD``."""
    name, colon, password = value.partition(":")
    if not (name and colon and password):
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME:PASSWORD")
    return name, password


def place(value: str) -> tuple[str, str]:
    """Split ``HUB_PROJECT_ID:ACCESSION_ID``."""
    hub_project_id, colon, accession_id = value.rpartition(":")
    if not (hub_project_id and colon and accession_id):
        raise argparse.ArgumentTypeError(f"{value!r} is not HUB_PROJECT_ID:ACCESSION_ID")
    return hub_project_id, accession_id


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m xnat_upload.sandbox",
        description="An XNAT-compatible archive for one machine, to try and to test uploads without a server.",
        epilog="Example: python -m xnat_upload.sandbox --port 8080 --account ada:secret",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the archive here (default: temporary)")
    parser.add_argument("--user", default="admin", help="name of the site administrator (default: %(default)s)")
    parser.add_argument("--password", default="admin", help="the administrator's password (default: %(default)s)")
    parser.add_argument(
        "--account", type=account, action="append", default=[], metavar="NAME:PASSWORD",
        help="a further account without site roles; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--session", type=place, action="append", default=[], metavar="HUB_PROJECT_ID:ACCESSION_ID",
        help="a CT session to upload into, in a project that every account may edit; may be repeated",
    )  # fmt: skip
    parser.add_argument("--context-path", default="", metavar="PATH", help="servlet context, such as /xnat")
    parser.add_argument("--profile", choices=get_args(Profile), default="1.8", help="whose answers to give")
    parser.add_argument("--latency-ms", type=float, default=0, metavar="N", help="round-trip time of the network")
    parser.add_argument("--bandwidth-mbps", type=float, metavar="N", help="megabits per second, each way")
    return parser


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or Ctrl-C."""
    options = parser().parse_args(arguments)
    sandbox = Sandbox(
        data=options.data,
        host=options.host,
        port=options.port,
        user=options.user,
        password=options.password,
        accounts=dict(options.account),
        context_path=options.context_path,
        profile=options.profile,
        latency_ms=options.latency_ms,
        bandwidth_mbps=options.bandwidth_mbps,
    )
    leaving = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())
    try:
        sandbox.start()
    except (ImportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            print(
                f"Port {options.port} is taken on {options.host}: choose another with --port, or 0 for a free one.",
                file=sys.stderr,
            )
        else:
            print(f"Cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    try:
        fill(sandbox, options.session, [name for name, _ in options.account])
        print(f"listening on {sandbox.url}", flush=True)
        leaving.wait()
    except ValueError as error:
        print(f"{error} Leave out --session.", file=sys.stderr)
        return 1
    finally:
        sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
