"""The loop of a fleet: it reads how much work there is, and resizes the workers. If it cannot know, they stay."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from modicum_server.errors import Unavailable
from modicum_server.processes.work_until_stop import until_stop
from modicum_server.usecases.fleet_size import FleetSize

POLL_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Workers(Protocol):
    """Workers whose number can be changed."""

    def resize(self, wanted: int) -> None:
        """Begin to make it this many."""

    async def stop(self) -> None:
        """Stop all."""


async def keep_fleet(
    workers: Workers,
    size: FleetSize,
    read_work: Callable[[], Awaitable[int]],
    stop: asyncio.Event,
    *,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Keep as many workers as there is work for until `stop` is set. Then stop them all."""
    clock = asyncio.get_running_loop().time
    try:
        while not stop.is_set():
            try:
                work = await read_work()
            except Unavailable as error:
                _log.warning("fleet_work_unknown", error=str(error))
            else:
                workers.resize(size.at(clock(), work))
            await until_stop(stop, poll_seconds)
    finally:
        await workers.stop()
