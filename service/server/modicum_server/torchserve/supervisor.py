"""Keeps one TorchServe running: starts it, restarts it after a pause when it ends, stops it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog

from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.java_process import tail
from modicum_server.torchserve.server import RunningServer

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
#: After a server has run for this long, the next pause is the shortest again.
SETTLED_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Supervisor:
    """One TorchServe at a time, started by `start_one`."""

    def __init__(self, start_one: Callable[[], Awaitable[RunningServer]]) -> None:
        """Take the function that starts one and registers its models."""
        self._start_one = start_one
        self._server: RunningServer | None = None
        self._up = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        #: How many starts succeeded.
        self.starts = 0

    @property
    def running(self) -> RunningServer | None:
        """The one that runs, if any."""
        return self._server if self._server is not None and self._server.process.alive else None

    async def start(self) -> None:
        """Start the first one, and keep one running from now on. Raises ModelServerDown."""
        self._set(await self._start_one())
        self._keeping = asyncio.create_task(self._keep(), name="torchserve-supervisor")

    async def stop(self) -> None:
        """Stop it, and start no other one."""
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
            self._keeping = None
        server, self._server = self._server, None
        self._up.clear()
        if server is not None:
            await server.stop()

    async def ready(self, timeout_seconds: float) -> RunningServer:
        """Return the running one, or wait for the next. Raises ModelServerDown."""
        if self._keeping is None:
            raise ModelServerDown("TorchServe has not been started, or was stopped")
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._server is None or not self._server.process.alive:
                    self._up.clear()
                    await self._up.wait()
        except TimeoutError:
            raise ModelServerDown(f"TorchServe did not restart within {timeout_seconds:g} s") from None
        return self._server

    async def replace(self, server: RunningServer) -> None:
        """Stop this one, which does not reply; the next is started automatically."""
        if server is self._server:
            log.warning("torchserve_replaced", pid=server.process.pid)
            await server.process.stop()

    def _set(self, server: RunningServer) -> None:
        self._server = server
        self.starts += 1
        self._up.set()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            if self._server is not None and await self._end_of(self._server) > SETTLED_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                self._set(await self._start_one())
            except (ModelServerDown, OSError) as error:
                log.warning("torchserve_not_started", error=str(error), next_try_seconds=pause)

    async def _end_of(self, server: RunningServer) -> float:
        """Wait until this one ends, delete what it leaves, and return for how many seconds it ran."""
        began = time.monotonic()
        status = await server.process.ended()
        log.error("torchserve_ended", status=status, console=tail(server.folder.console))
        self._server = None
        await server.stop()
        return time.monotonic() - began
