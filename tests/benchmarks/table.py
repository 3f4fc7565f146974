"""The measurements as a table for people and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise

from tabulate import tabulate

from tests.benchmarks.cases import GROWTH, MIB, Case
from tests.benchmarks.runs import Line

Measurements = dict[str, tuple[Case, Sequence[Line]]]

HEADER = ("client", "requests", "ready s", "wall s", "× floor", "CPU s", "memory MiB", "disk MiB", "runs")


def table(case: Case, lines: Sequence[Line]) -> str:
    """Align one case for a terminal."""
    rows = [HEADER, *(_row(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    aligned = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    incomplete = [f"{line.client} did not store all files." for line in lines if not line.complete]
    return "\n".join([case.title, *aligned, *incomplete])


def growth(measured: Measurements) -> str:
    """Say what one file more costs each client, between the cases that differ in nothing but their number."""
    cases = [measured[name] for name in GROWTH if name in measured]
    rows = []
    for (fewer, some), (more, many) in pairwise(cases):
        for before, after in zip(some, many, strict=True):
            slope = (after.wall_seconds - before.wall_seconds) / (more.files - fewer.files)
            rows.append((before.client, f"{fewer.files:,} to {more.files:,}", f"{1000 * slope:.2f}"))
    table: str = tabulate(
        rows, ("client", "files", "ms for one more"), tablefmt="plain", stralign="left", numalign="right"
    )
    return table


def as_json(measured: Measurements) -> str:
    """Write all cases, and on what they were measured."""
    found = {
        "machine": {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()},
        "versions": {name: version(name) for name in ("pyxnat", "xnat", "xnatctl", "requests", "urllib3")},
        "cases": {
            name: {**asdict(case), "lines": [asdict(line) for line in lines]}
            for name, (case, lines) in measured.items()
        },
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Measurements:
    """Read what an earlier run has written."""
    return {
        name: (
            Case(**{key: value for key, value in found.items() if key != "lines"}),
            [Line(**line) for line in found["lines"]],
        )
        for name, found in json.loads(text)["cases"].items()
    }


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.client,
        f"{line.request_count:,}",
        f"{line.ready_seconds:.2f}",
        f"{line.wall_seconds:.2f}",
        f"{line.times_floor:.2f}",
        f"{line.cpu_seconds:.2f}",
        f"{line.extra_memory_bytes / MIB:.1f}",
        f"{line.disk_bytes / MIB:.0f}",
        str(line.runs),
    )
