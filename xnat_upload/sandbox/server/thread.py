"""uvicorn in a thread of its own: ready when `start` returns, gone when `stop` does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from xnat_upload.sandbox.server.connection import TomcatConnection

KEEP_ALIVE_SECONDS = 20  # Tomcat's connectionTimeout
ROUNDS_TO_A_REQUEST = 10  # of the loop, from a connection in the queue to its first request; three or four are used
GRACE_SECONDS = 0.5  # for requests that see their connection gone; those that merely sleep are not waited for


class _Server(uvicorn.Server):
    """Starts and stops without polling."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Event | None = None

    async def main_loop(self) -> None:
        """Keep the Date header fresh until told to leave."""
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        self._ready.set()
        while not self._leaving.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), timeout=1.0)
            await self.on_tick(0)  # uvicorn refreshes the header at every tenth tick, and at this one

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop all connections and wait for the requests on them: their threads see a client that went away."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        tasks = list(self.server_state.tasks)
        if tasks:
            # A task that is cancelled leaves its thread behind, which then asks a loop that has ended.
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def take_in(self) -> None:
        """Return, in another thread, when what had arrived on any socket has been read."""

        async def some_rounds() -> None:
            for _ in range(ROUNDS_TO_A_REQUEST):
                await asyncio.sleep(0)

        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(some_rounds(), self._loop).result()

    def leave(self) -> None:
        """Ask the loop to end, from another thread."""
        if self._loop is not None and self._leaving is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)


class ServerThread:
    """An ASGI application on a listening socket."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._ready = threading.Event()
        config = uvicorn.Config(
            app,
            http=TomcatConnection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = _Server(config, self._ready)
        self._thread = threading.Thread(target=self._run, name="xnat-sandbox", daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._listener]))
        finally:
            self._ready.set()

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        self._thread.start()
        self._ready.wait()

    def take_in(self) -> None:
        """Return when what had arrived on any socket has been read."""
        self._server.take_in()

    def stop(self) -> None:
        """Stop, and return when nothing runs any more."""
        self._server.leave()
        self._thread.join()
        self._listener.close()
