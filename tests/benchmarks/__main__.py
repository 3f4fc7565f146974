"""``python -m tests.benchmarks``: measure, print the tables, write them and their chart to ``docs``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks.cases import CASES, DRAWN
from tests.benchmarks.chart import draw
from tests.benchmarks.clients import CLIENTS, PEERS
from tests.benchmarks.runs import run_case
from tests.benchmarks.table import Measurements, as_json, from_json, growth, table

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of {', '.join(CASES)}; the others are kept")
    parser.add_argument("--client", action="append", help=f"all, or some of {', '.join(CLIENTS)}; may be repeated")
    options = parser.parse_args()
    written = DOCS / "benchmark.json"
    before = from_json(written.read_text(encoding="utf-8")) if written.exists() else {}
    measured = {}
    for name in options.cases or CASES:
        case = CASES[name]
        lines = run_case(
            case, clients=options.client or case.clients or PEERS, say=lambda text: print(text, file=sys.stderr)
        )
        measured[name] = (case, lines)
        print(table(case, lines), end="\n\n", flush=True)
        if not options.client:
            _write({name: {**before, **measured}[name] for name in CASES if name in {**before, **measured}})
    if options.client:
        print("Not all clients were measured, so nothing is written to docs.")


def _write(found: Measurements) -> None:
    written = DOCS / "benchmark.json"
    written.write_text(as_json(found), encoding="utf-8")
    tables = [*(table(case, lines) for case, lines in found.values()), growth(found)]
    (DOCS / "benchmark.txt").write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    drawn = {name: found[name] for name in DRAWN if name in found}
    draw(drawn, DOCS / "benchmark.svg")
    draw(drawn, DOCS / "benchmark-narrow.svg", narrow=True)


if __name__ == "__main__":
    main()
