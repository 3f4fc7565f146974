"""``python -m xnat_upload.sandbox.cassettes``: record a server, answer in its place, hold the sandbox against it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.sandbox import MISSING_EXTRA
from xnat_upload.sandbox.site import Profile

try:
    import click

    from xnat_upload.sandbox.cassettes import Cassette, Recorded, Replayed, differences
    from xnat_upload.sandbox.sandbox import Sandbox
except ModuleNotFoundError:
    sys.exit(MISSING_EXTRA)

existing = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100})
def main() -> None:
    """Record a real XNAT, answer in its place, and hold the sandbox against it."""


@main.command()
@click.argument("server")
@click.argument("cassette", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8081, help="Where clients talk to; 0 takes a free one.")
@click.option("--certificates", type=existing, metavar="FILE", help="Authorities to trust beside the system's.")
def record(server: str, cassette: Path, port: int, certificates: Path | None) -> None:
    """Record what is asked of SERVER, until Ctrl-C, into the file CASSETTE.

    Passwords, cookies, tokens and the server's address are removed. Everything else that is sent and answered is kept,
    names of patients included: use a project with made-up data.
    """
    if cassette.exists():
        sys.exit(f"{cassette} is there already: give another name, or remove it.")
    try:
        with Recorded(server, port=port, certificates=certificates) as recorded:
            print(f"recording at {recorded.url}", flush=True)
            _wait()
        recorded.cassette.write(cassette)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    print(f"{len(recorded.cassette.takes)} requests in {cassette}")


@main.command()
@click.argument("cassette", type=existing)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Where to listen; 0 takes a free one.")
def replay(cassette: Path, port: int) -> None:
    """Give the answers of CASSETTE until Ctrl-C."""
    try:
        with Replayed(Cassette.read(cassette), port=port) as replayed:
            print(f"listening on {replayed.url}", flush=True)
            _wait()
    except (OSError, ValueError) as error:
        sys.exit(str(error))


@main.command()
@click.argument("cassette", type=existing)
@click.option("--profile", type=click.Choice(get_args(Profile)), default="1.8", help="Whose answers the sandbox gives.")
@click.option(
    "--seed", type=click.Path(exists=True, path_type=Path), multiple=True, metavar="PATH", help="What it holds before."
)
def hold(cassette: Path, profile: Profile, seed: tuple[Path, ...]) -> None:
    """Ask a new sandbox what CASSETTE has recorded, and print where it answers otherwise; status 1 if it does."""
    try:
        recorded = Cassette.read(cassette)
        with Sandbox(profile=profile, context_path=recorded.context_path) as sandbox:
            for path in seed:
                sandbox.add_from(path)
            found = differences(recorded, sandbox)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for difference in found:
        print(difference)
    otherwise = len({difference.number for difference in found})
    print(f"{len(recorded.takes) - otherwise} of {len(recorded.takes)} requests are answered alike.")
    sys.exit(1 if found else 0)


def _wait() -> None:
    leaving = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leaving.set())
    with contextlib.suppress(KeyboardInterrupt):
        leaving.wait()


if __name__ == "__main__":
    main(prog_name="python -m xnat_upload.sandbox.cassettes")
