"""One writer at a time: locks for sessions and resources."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from xnat_upload.places.hierarchy import Accession, Resource


class Locks:
    """One lock for each session and each resource, for all threads that share a login.

    They keep the rule of one writer in a resource also where a service calls one uploader from many threads.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[Accession | Resource, _Lock] = WeakValueDictionary()

    @contextmanager
    def hold(self, place: Accession | Resource) -> Iterator[None]:
        """Wait until nobody else holds the place, and hold it."""
        with self._guard:
            lock = self._locks.setdefault(place, _Lock())
        with lock.lock:
            yield


class _Lock:
    """A lock that can be forgotten once nobody holds it or waits for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
