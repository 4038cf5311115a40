"""uvicorn on our own event loop: port, certificate, stop. The command handles the signals."""

import asyncio
import asyncio.sslproto
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from modicum_server.processes.file_limits import most_open_files
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.certificates import certificates_of
from modicum_server.transports.http.connections import (
    ACCEPTED_AT_ONCE,
    BACKLOG,
    IDLE_SECONDS,
    LARGEST_HEAD_BYTES,
    TLS_READ_BYTES,
    Connection,
    OpenConnections,
)

STARTED_POLL_SECONDS = 0.005


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, state: OpenConnections) -> None:
        super().__init__(config)
        self.server_state = state

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The HTTP server of one API process."""

    def __init__(self, app: Starlette, settings: Settings, bounds: Bounds) -> None:
        self._settings = settings
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            backlog=ACCEPTED_AT_ONCE,
            timeout_keep_alive=IDLE_SECONDS,
            h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # `addresses` decides whose header names the caller
            server_header=False,
            timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        )
        self._state = OpenConnections(most_connections(settings, bounds), bounds)
        self._server = _Uvicorn(config, self._state)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Serve; returns the port that is listened on.

        Raises:
            OSError: the port is taken, or the certificate or its key cannot be read.
        """
        self._state.certificates = certificates_of(self._settings)
        # asyncio takes a quarter of a megabyte for each connection, and fills it with zeros at the handshake. It has no
        # option for one server: this bounds the TLS connections of the whole process.
        asyncio.sslproto.SSLProtocol.max_size = TLS_READ_BYTES
        host, port = self._settings.host, self._settings.http_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            message = f"cannot listen for HTTP on {host}:{port} ({reason}); choose another port"
            raise OSError(error.errno, message) from error
        # asyncio does this only for sockets that name their protocol. Without it, the end of a short response waits
        # until the caller has acknowledged its beginning: 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound: int = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise OSError(f"HTTP did not start on {host}:{bound}")
            await asyncio.sleep(STARTED_POLL_SECONDS)
        listening.listen(BACKLOG)  # asyncio's one number is both how many it accepts at once and how many wait
        return bound

    async def stop(self) -> None:
        """Let requests end, then leave."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def most_connections(settings: Settings, bounds: Bounds) -> int:
    """Return how many connections may be open at once: at most half of the open files."""
    return min(settings.max_watchers + bounds.spare_connections, most_open_files() // 2)
