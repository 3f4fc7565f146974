"""One at a time: locks for the writers of sessions and resources, and questions that one thread asks for all."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from xnat_upload.errors import ServerUnavailableError, XnatUploadError
from xnat_upload.places.hierarchy import Accession, Resource


class Locks:
    """One lock for each session and each resource of a server, for all threads of this process.

    They keep the rule of one writer in a resource also where a service makes an uploader for each of its requests.

    Parameters
    ----------
    server : str
        The archive's address.
    """

    def __init__(self, server: str) -> None:
        self._server = server

    @contextmanager
    def hold(self, place: Accession | Resource) -> Iterator[None]:
        """Wait until nobody else holds the place, and hold it."""
        lock = _OF_THIS_PROCESS.of(self._server, place)  # kept while it is held, or it would be forgotten
        with lock.lock:
            yield


class _Lock:
    """A lock that can be forgotten once nobody holds it or waits for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _ProcessLocks:
    """All locks of this process; a child that was forked begins with none, since nobody there would release them."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[tuple[str, Accession | Resource], _Lock] = WeakValueDictionary()

    def of(self, server: str, place: Accession | Resource) -> _Lock:
        with self._guard:
            return self._locks.setdefault((server, place), _Lock())


_OF_THIS_PROCESS = _ProcessLocks()


_Found = TypeVar("_Found")
_Error = TypeVar("_Error", bound=XnatUploadError)


class SharedQuestion(Generic[_Found]):
    """A question that one thread asks for all who want to know it at that time; what it gets they get, a failure too.

    Parameters
    ----------
    seconds : float
        How long a thread waits for another one's answer.
    doing : str
        What is asked, for the message.
    """

    def __init__(self, seconds: float, *, doing: str) -> None:
        self._seconds = min(seconds, threading.TIMEOUT_MAX)
        self._doing = doing
        self._lock = threading.Lock()
        self._asked = 0
        self._failure: XnatUploadError | None = None

    def ask(self, known: Callable[[], _Found | None], find: Callable[[], _Found]) -> _Found:
        """Give what is known, or else find it, or wait for who does.

        Raises
        ------
        ServerUnavailableError
            Another thread is still waiting for the answer.
        XnatUploadError
            What `find` raised, here or in the thread that was waited for.
        """
        asked_before = self._asked
        if not self._lock.acquire(timeout=self._seconds):
            raise ServerUnavailableError(
                f"While {self._doing}: another thread has waited for the archive for more than {self._seconds:g} s. "
                "Check that the archive is up and reachable, then try again.",
                may_have_arrived=False,
            )
        try:
            found = known()
            if found is not None:
                return found
            if self._asked != asked_before and self._failure is not None:
                raise anew(self._failure)
            return self._find(find)
        finally:
            self._lock.release()

    def _find(self, find: Callable[[], _Found]) -> _Found:
        self._failure = None
        try:
            return find()
        except XnatUploadError as error:
            self._failure = anew(error)
            raise
        finally:
            self._asked += 1


def anew(error: _Error) -> _Error:
    """Make the same error once more: one that is raised again and again keeps every frame that it has passed."""
    return copy.copy(error)
