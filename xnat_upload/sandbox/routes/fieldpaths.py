"""Paths of fields as requests spell them, and values as they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from xnat_upload.sandbox.routes.datatypes import CONCRETE, Element, data_type

STEP = re.compile(r"(?P<name>[A-Za-z_][\w.:-]*)(?P<predicates>(?:\[[^\]]*\])*)$")
PREDICATE = re.compile(r"\[([^\]]*)\]")
TYPE_FIELD = "xsi:type"


@dataclass(frozen=True)
class Step:
    """One step of a path: a name, and what picks one of several."""

    name: str
    picks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name + "".join(f"[{key}={value}]" if key else f"[{value}]" for key, value in self.picks.items())


def steps(path: str) -> list[Step] | None:
    """Split a path at the slashes outside of brackets; ``None`` for what is no path."""
    found = []
    parts = re.findall(r"(?:\[[^\]]*\]|[^/\[\]])+", path)
    if "/".join(parts) != path:
        return None  # a bracket is missing, as where an equals sign in it was not encoded
    for part in parts:
        match = STEP.match(part)
        if match is None:
            return None
        picks = {}
        for predicate in PREDICATE.findall(match["predicates"]):
            key, equals, value = predicate.partition("=")
            picks[key.lstrip("@").strip() if equals else ""] = (value if equals else key).strip().strip("'\"")
        found.append(Step(match["name"], picks))
    return found


def proper(xsi_type: str, path: str) -> str:
    """Spell a path as the schema does: XFT ignores case, and what repeats is told apart by its key."""
    parts = steps(path)
    if not parts:
        return path
    place = data_type(xsi_type)
    spelled: list[str] = []
    for number, part in enumerate(parts):
        element = place.element(part.name)
        if element is None:
            name = place.attribute(part.name) or (part.name if part.name.lower() != place.text.lower() else place.text)
            return "/".join([*spelled, name, *map(str, parts[number + 1 :])])
        picks = {key: value for key, value in part.picks.items() if key != TYPE_FIELD}
        spelled.append(str(Step(element.name, picks if element.repeats else {})))
        place = element if not element.item else data_type(part.picks.get(TYPE_FIELD) or concrete(element.item))
        if number == len(parts) - 1 and element.item and place.text:
            spelled.append(place.text)
    return "/".join(spelled)


def concrete(xsi_type: str) -> str:
    """Give the type that is made where an abstract one is declared."""
    return CONCRETE.get(xsi_type, xsi_type)


def kind_of(xsi_type: str, path: str) -> str:
    """Give what the field at a path holds: ``string`` unless the schema says otherwise."""
    place: Element = data_type(xsi_type)
    for part in steps(path) or []:
        element = place.element(part.name)
        if element is None:
            if place.text == part.name:
                return place.kind
            return next((kind for name, kind in place.attributes if name == part.name), "string")
        place = data_type(concrete(element.item)) if element.item else element
    return place.kind or "string"


def is_field(xsi_type: str, path: str) -> bool:
    """Tell whether the schema has a field at a path, which is spelled as the schema does."""
    place: Element = data_type(xsi_type)
    parts = steps(path) or []
    for number, part in enumerate(parts):
        element = place.element(part.name)
        if element is None:
            is_last = number == len(parts) - 1
            return is_last and (place.text == part.name or place.attribute(part.name) is not None)
        place = data_type(concrete(element.item)) if element.item else element
    return bool(place.kind)


def normalised(xsi_type: str, path: str, value: str) -> str:
    """Write a value as XNAT keeps it, whatever it was sent as.

    Raises
    ------
    ValueError
        Where it is none of the kind that the field holds: XFT's validator refuses it.
    """
    kind = kind_of(xsi_type, path)
    if not value.strip() or kind not in READERS:
        return value
    try:
        return READERS[kind](value.strip())
    except ValueError:
        raise ValueError(f"{path}: {value!r} is no {kind}") from None


def _moment(value: str, patterns: Mapping[str, str], written: str) -> str:
    """Read a moment as Java's SimpleDateFormat does, which takes the longest beginning that fits."""
    for shape, pattern in patterns.items():
        match = re.match(shape, value)
        if match:
            return datetime.strptime(match[0], pattern).strftime(written)
    raise ValueError


def _number(value: str) -> str:
    """Write a number as the database gives it back: 42 in a field of fractions is 42.0."""
    return str(float(value))


DATES = {
    r"\d{4}-\d{1,2}-\d{1,2}": "%Y-%m-%d",
    r"\d{1,2}/\d{1,2}/\d{4}": "%m/%d/%Y",
    r"\d{1,2}\.\d{1,2}\.\d{4}": "%m.%d.%Y",
    r"\d{8}": "%Y%m%d",
}
TIMES = {r"\d{1,2}:\d{2}:\d{2}": "%H:%M:%S", r"\d{6}": "%H%M%S"}
READERS: dict[str, Callable[[str], str]] = {
    "date": lambda value: _moment(value, DATES, "%Y-%m-%d"),
    "time": lambda value: _moment(value, TIMES, "%H:%M:%S"),
    **dict.fromkeys(("integer", "long", "int"), lambda value: str(int(value))),
    **dict.fromkeys(("float", "double"), _number),
}
