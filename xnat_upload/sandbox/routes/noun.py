"""What can be done with one kind of path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.undone import Asks

Handler = Callable[[Request], Answer]

ITEM = ("text/html", "text/xml")
LIST = ("application/json", "text/html", "text/xml")
PLAIN = ("text/plain",)
JSON = ("application/json",)
FILE = ("application/json", "text/html", "text/xml", "image/jpeg")


@dataclass(frozen=True)
class Noun:
    """What can be done with one kind of path.

    `variants` are what its GET offers, best first; `tailed` are the writing methods
    that know what to do with a longer path; `undone` are the parameters that are
    refused by name, of whoever reads and of whoever writes.
    """

    handlers: Mapping[str, Handler]
    variants: tuple[str, ...] = ("text/html",)
    tailed: frozenset[str] = frozenset()
    undone: tuple[Mapping[str, Asks], Mapping[str, Asks]] = ({}, {})

    @property
    def allow(self) -> str:
        """The value of the Allow header."""
        return ", ".join(sorted(self.handlers))
