"""``python -m tests.benchmarks``: measure, print the tables, write ``docs/benchmark.json`` and its chart."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks.cases import CASES
from tests.benchmarks.chart import draw
from tests.benchmarks.clients import CLIENTS
from tests.benchmarks.runs import run_case
from tests.benchmarks.table import as_json, table

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"all, or some of {', '.join(CASES)}")
    parser.add_argument("--client", action="append", help=f"all, or some of {', '.join(CLIENTS)}; may be repeated")
    options = parser.parse_args()
    measured = {}
    for name in options.cases or CASES:
        case = CASES[name]
        lines = run_case(case, clients=options.client or list(CLIENTS), say=lambda text: print(text, file=sys.stderr))
        measured[name] = (case, lines)
        print(table(case, lines), end="\n\n", flush=True)
    if options.cases or options.client:
        print("Not all was measured, so nothing is written to docs.")
        return
    (DOCS / "benchmark.json").write_text(as_json(measured), encoding="utf-8")
    draw(measured, DOCS / "benchmark.svg")


if __name__ == "__main__":
    main()
