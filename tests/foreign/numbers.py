"""How many tests of each suite pass, kept in one file that may only rise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "numbers.json"


@dataclass(frozen=True)
class Number:
    """What is held of a suite: so many tests pass of so many, and why the others do not."""

    package: str
    passes: int
    of: int
    fails: Mapping[str, str]


def read() -> dict[str, Number]:
    """Give the numbers by the name of their suite."""
    return {name: Number(**values) for name, values in json.loads(FILE.read_text()).items()}


def write(numbers: Mapping[str, Number]) -> None:
    """Keep them."""
    FILE.write_text(json.dumps({name: vars(one) for name, one in numbers.items()}, indent=2) + "\n")


def complaints(held: Number | None, outcomes: Mapping[str, bool]) -> list[str]:
    """Say where a run falls behind what is held, and what of the list is no longer true."""
    if held is None:
        return ["no numbers are held of it yet; --record writes them down"]
    found = []
    passes = sum(outcomes.values())
    if len(outcomes) != held.of:
        found.append(f"{len(outcomes)} tests ran, where {held.of} are expected")
    if passes < held.passes:
        found.append(f"{passes} tests pass, where {held.passes} did")
    found += [
        f"fails, and no reason is listed: {name}"
        for name, passed in outcomes.items()
        if not passed and name not in held.fails
    ]
    found += [f"listed as failing, but passes: {name}" for name in held.fails if outcomes.get(name)]
    return found


def raised(held: Number | None, package: str, outcomes: Mapping[str, bool]) -> Number:
    """Give the numbers of a better run; those of a worse one are refused."""
    passes = sum(outcomes.values())
    if held and passes < held.passes:
        raise ValueError(f"{package}: {passes} tests pass, where {held.passes} did; the number may only rise.")
    reasons = held.fails if held else {}
    fails = {name: reasons.get(name, "") for name, passed in sorted(outcomes.items()) if not passed}
    return Number(package, passes, len(outcomes), fails)
