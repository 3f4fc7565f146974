"""The faults that are in, and whom they strike."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from types import TracebackType

from xnat_upload.sandbox.faults import Fault


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

    @property
    def injected(self) -> tuple[InjectedFault, ...]:
        """All of them, in the order in which they were put in."""
        with self._lock:
            return tuple(self._injected)

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
