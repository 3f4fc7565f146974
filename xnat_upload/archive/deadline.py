"""The end of one exchange as a whole, however steadily the other side drips.

The timeouts of a socket bound the time between two bytes. A status line, headers, `100 Continue`, chunk trailers or a
body that come in drops would keep a call for ever within them. So a timer shuts the exchange's socket down when its
time is up, whatever is being read or written then: the TLS handshake, a proxy's answer, a body that nobody takes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

# A modem's pace. Who moves less for longer than the time that is allowed besides does not work, but drips.
_SLOWEST_BYTES_PER_SECOND = 10_000

_this_thread = threading.local()


class Deadline:
    """Shuts down the sockets of one exchange when it has taken too long; a context for the thread that has it.

    Parameters
    ----------
    seconds : float
        How long it may take besides what its bytes are given, from the moment at which it has a connection.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._seconds = seconds
        self._lock = threading.Lock()
        self._started = 0.0
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None
        self._over = False
        self._outer: Deadline | None = None

    def __enter__(self) -> Self:
        self._outer = current()
        _this_thread.deadline = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _this_thread.deadline = self._outer
        with self._lock:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
            self._forget_socket()

    def watch(self, fileno: int) -> None:
        """From now on this socket is the one to be shut down; the clock starts with the first one."""
        with self._lock:
            self._forget_socket()
            # A second descriptor of its own: the first may be closed, and its number be another's, at any moment.
            self._socket = socket.socket(fileno=os.dup(fileno))
            if self.passed:
                self._shut_down()
            elif self._timer is None:
                self._started = time.monotonic()
                self._set_timer(self._seconds)

    def earn(self, moved_bytes: int) -> None:
        """Allow the time that so many bytes may need."""
        with self._lock:
            self._seconds += moved_bytes / _SLOWEST_BYTES_PER_SECOND

    def _look(self) -> None:
        with self._lock:
            left = self._started + self._seconds - time.monotonic()
            if self._over:
                return
            if left > 0:
                self._set_timer(left)
                return
            self.passed = True
            self._shut_down()

    def _set_timer(self, seconds: float) -> None:
        # Longer waits than this are an OverflowError to a lock.
        self._timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._look)
        self._timer.daemon = True
        self._timer.start()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the other side has gone already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _forget_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def current() -> Deadline | None:
    """Give the deadline of the exchange that this thread is in."""
    deadline: Deadline | None = getattr(_this_thread, "deadline", None)
    return deadline
