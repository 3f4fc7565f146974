"""``python -m tests.foreign [SUITE…] [--record] [-- pytest arguments]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.foreign import numbers
from tests.foreign.environments import HERE, prepare
from tests.foreign.running import run
from tests.foreign.suites import SUITES

BUILD = HERE.parent.parent / "build" / "foreign"


def main() -> int:
    """Run the suites that are asked for, and hold them against the numbers."""
    arguments, rest = sys.argv[1:], tuple[str, ...]()
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, rest = arguments[:cut], tuple(arguments[cut + 1 :])
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description=main.__doc__)
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(suite.name for suite in SUITES)}; all by default")
    parser.add_argument("--record", action="store_true", help="raise the numbers to those of this run")
    options = parser.parse_args(arguments)
    unknown = set(options.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    BUILD.mkdir(parents=True, exist_ok=True)
    held = numbers.read()
    is_bad = False
    for suite in SUITES:
        if options.suites and suite.name not in options.suites:
            continue
        log = BUILD / f"{suite.name}.log"
        outcomes = run(suite, prepare(suite, BUILD), log, rest)
        print(f"{suite.package}: {sum(outcomes.values())} of {len(outcomes)} pass; see {_shown(log)}", flush=True)
        if rest:
            continue
        if options.record:
            held[suite.name] = numbers.raised(held.get(suite.name), suite.package, outcomes)
            numbers.write(held)
        for complaint in numbers.complaints(held.get(suite.name), outcomes):
            is_bad = True
            print(f"  {complaint}", flush=True)
    return int(is_bad)


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    raise SystemExit(main())
