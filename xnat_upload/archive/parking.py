"""Connections that outlive their uploader for some seconds, for the next one of the same login.

A service may make an uploader for each of its requests, and a connection costs a round trip, with TLS two more. No two
uploaders use one pool at a time, so none waits for another's; and cookies are not the pool's but each login's own.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xnat_upload.archive.adapter import PoolAdapter

# Servers and proxies keep an idle connection for 5 to 75 seconds, and one that they have closed is not used again.
_PARKED_SECONDS = 10.0
_MOST_PARKED = 16
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_SALT = secrets.token_bytes(16)


@dataclass(frozen=True)
class Kind:
    """What pools have in common of which one may stand in for another.

    Parameters
    ----------
    server : str
        The archive's address.
    login : bytes
        A digest: there are gateways that let in a connection, and not each request on it.
    tls : tuple
        How the server's certificate is verified, and what is shown to it.
    connections, sending_seconds
        As those of `PoolAdapter`.
    """

    server: str
    login: bytes = field(repr=False)
    tls: tuple[object, ...]
    connections: int
    sending_seconds: float

    def new_pool(self) -> PoolAdapter:
        """Make a pool, without a connection yet."""
        return PoolAdapter(connections=self.connections, sending_seconds=self.sending_seconds)


def login_digest(*credentials: object) -> bytes:
    """Give what is the same for the same credentials, in this process alone."""
    return hashlib.blake2b(repr(credentials).encode(errors="surrogatepass"), key=_SALT, digest_size=16).digest()


def tls_of(session: Any) -> tuple[object, ...]:
    """Give how a session of requests verifies certificates, and which it shows."""
    environment: Mapping[str, str] = os.environ if session.trust_env else {}
    return (repr(session.verify), repr(session.cert), *(environment.get(name) for name in _CERTIFICATES))


@dataclass(frozen=True)
class _Place:
    kind: Kind
    pool: PoolAdapter
    until: float


class _Parking:
    """The parked pools of this process; a child that was forked begins with none, since they are its parent's."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.clear)

    def _begin(self) -> None:
        self._guard = threading.Lock()
        self._places: list[_Place] = []
        self._timer: threading.Timer | None = None

    def take(self, kind: Kind) -> PoolAdapter:
        """Give a pool that nobody uses, the one that was used last, or a new one."""
        with self._guard:
            for place in reversed(self._places):
                if place.kind == kind:
                    self._places.remove(place)
                    return place.pool
        return kind.new_pool()

    def park(self, kind: Kind, pool: PoolAdapter) -> None:
        """Keep a pool that its uploader does not need any more, for a while."""
        with self._guard:
            self._places.append(_Place(kind, pool, time.monotonic() + _PARKED_SECONDS))
            left = self._places[:-_MOST_PARKED]
            del self._places[:-_MOST_PARKED]
            self._watch()
        _close(left)

    def clear(self) -> None:
        """Close all."""
        with self._guard:
            left, self._places = self._places, []
        _close(left)

    def _watch(self) -> None:
        if self._timer is None and self._places:
            self._timer = threading.Timer(max(0.0, self._places[0].until - time.monotonic()), self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        with self._guard:
            now = time.monotonic()
            left = [place for place in self._places if place.until <= now]
            self._places = [place for place in self._places if place.until > now]
            self._timer = None
            self._watch()
        _close(left)


def _close(places: list[_Place]) -> None:
    for place in places:
        place.pool.close()


PARKING = _Parking()
