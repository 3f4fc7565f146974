"""A pool of exactly so many connections, made under one timeout and written to under another.

urllib3 has one timeout for connecting and for sending: an archive that pauses while it takes a body would be given up
after the ten seconds that are enough to find out that nobody answers.
"""

from __future__ import annotations

from typing import Any

import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool


class PoolAdapter(requests.adapters.HTTPAdapter):
    """Keeps `connections` to one host; each further thread waits for one of them.

    Parameters
    ----------
    connections : int
        How many.
    sending_seconds : float
        How long the other side may take no byte of what is sent.
    """

    def __init__(self, *, connections: int, sending_seconds: float) -> None:
        self._pool_classes = {
            "http": _pool_class(
                urllib3.connectionpool.HTTPConnectionPool, urllib3.connection.HTTPConnection, sending_seconds
            ),
            "https": _pool_class(
                urllib3.connectionpool.HTTPSConnectionPool, urllib3.connection.HTTPSConnection, sending_seconds
            ),
        }
        # Without pool_block each thread beyond ten would open, and throw away, a connection for every request.
        super().__init__(pool_connections=1, pool_maxsize=connections, pool_block=True)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools of direct connections be of our classes."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pool_classes

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Let those through a proxy be so too, unless the proxy speaks SOCKS and has classes of its own."""
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is urllib3.ProxyManager:
            manager.pool_classes_by_scheme = self._pool_classes
        return manager


class _Sending:
    """What makes a connection of urllib3 wait longer for the other side to take something than for it to be there."""

    sock: Any
    sending_seconds: float

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self.sock.settimeout(self.sending_seconds)
        super().send(data)  # type: ignore[misc]


def _pool_class(pool: type, connection: type, sending_seconds: float) -> Any:
    patient = type(connection.__name__, (_Sending, connection), {"sending_seconds": sending_seconds})
    return type(pool.__name__, (pool,), {"ConnectionCls": patient})
