"""What can be made to go wrong, by name.

Each fault is a value that says what happens and to which requests: by method, by a
regular expression searched in the raw path, from the n-th match on, `times` times
(``None``: until it is removed), or to a reproducible share of them.

    >>> from xnat_upload.sandbox.faults import LoseAnswer
    >>> LoseAnswer(method="PUT", path="/files/", nth=3)
    LoseAnswer(method='PUT', path='/files/', nth=3, times=1, share=None, seed=0)
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(frozen=True)
class Fault:
    """To which requests something happens.

    Parameters
    ----------
    method : str, optional
        Only requests with this method.
    path : str, optional
        Only requests in whose raw path this regular expression is found.
    nth : int, optional
        Only from the n-th of the matching requests on, counted from 1.
    times : int, optional
        How often; ``None`` until the fault is removed.
    share : float, optional
        Only this share of the matching requests, drawn with `seed`.
    seed : int
        Start of the random numbers behind `share`.
    """

    method: str | None = field(default=None, kw_only=True)
    path: str | None = field(default=None, kw_only=True)
    nth: int | None = field(default=None, kw_only=True)
    times: int | None = field(default=1, kw_only=True)
    share: float | None = field(default=None, kw_only=True)
    seed: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Refuse(Fault):
    """Answer with `status` instead of doing anything; the body is not read."""

    status: int
    message: str = ""
    retry_after: str | None = None


@dataclass(frozen=True)
class DropBefore(Fault):
    """Close the connection as soon as the request line is there."""


@dataclass(frozen=True)
class DropDuring(Fault):
    """Close the connection when `after_bytes` of the body have been read; they may be on disk."""

    after_bytes: int


@dataclass(frozen=True)
class DropAfter(Fault):
    """Read the whole body, do nothing with it, and close the connection without an answer."""


@dataclass(frozen=True)
class AnswerLate(Fault):
    """Do the work at once, and answer after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class LoseAnswer(Fault):
    """Do the work, and close the connection instead of answering."""


@dataclass(frozen=True)
class StoreFewer(Fault):
    """Lose the last `bytes_missing` bytes of the first file on their way to disk."""

    bytes_missing: int


@dataclass(frozen=True)
class FlipByte(Fault):
    """Alter the first byte of the first file on its way to disk: the archive's digest is of what is there."""


@dataclass(frozen=True)
class ForgetSession(Fault):
    """Forget the session that the request presents."""


@dataclass(frozen=True)
class CatalogConflict(Fault):
    """Let somebody else write the catalog just before this request does."""


@dataclass(frozen=True)
class DiskFull(Fault):
    """Have no space left once `after_bytes` of this request are on disk."""

    after_bytes: int


@dataclass(frozen=True)
class SlowLink(Fault):
    """Carry matching requests over a link of this latency and bandwidth; each has its own."""

    latency_ms: float = 0
    bandwidth_mbps: float | None = None


class InjectedFault:
    """The handle of a fault that was put in: counts it and takes it out again."""

    def __init__(self, fault: Fault, forget: Callable[[InjectedFault], None]) -> None:
        self.fault = fault
        self.matched = 0
        self.struck = 0
        self._forget = forget
        self._pattern = re.compile(fault.path) if fault.path is not None else None
        self._random = random.Random(fault.seed)  # noqa: S311 - reproducible on purpose

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether this request is hit, and count it."""
        fault = self.fault
        if fault.method not in (None, method) or (self._pattern and not self._pattern.search(path)):
            return False
        self.matched += 1
        drawn = fault.share is None or self._random.random() < fault.share
        if not drawn or self.matched < (fault.nth or 1):
            return False
        if fault.times is not None and self.struck >= fault.times:
            return False
        self.struck += 1
        return True

    def remove(self) -> None:
        """Take the fault out; nothing happens if it is out already."""
        self._forget(self)

    def __enter__(self) -> InjectedFault:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class FaultPlan:
    """All faults that are in."""

    def __init__(self) -> None:
        self._injected: list[InjectedFault] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> InjectedFault:
        """Put a fault in."""
        injected = InjectedFault(fault, self._remove)
        with self._lock:
            self._injected.append(injected)
        return injected

    def _remove(self, injected: InjectedFault) -> None:
        with self._lock:
            if injected in self._injected:
                self._injected.remove(injected)

    def striking(self, method: str, path: str) -> list[Fault]:
        """Give the faults that hit this request, in the order in which they were put in."""
        with self._lock:
            return [one.fault for one in self._injected if one.strikes(method, path)]
