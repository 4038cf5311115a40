"""A worker says that it is there, and what it can build, so that what no worker can build is refused at the door."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

import structlog

from modicum_server.domain.buildable import LEAVES_NOTHING, Families, LeftToOthers, left_to_others
from modicum_server.errors import Unavailable
from modicum_server.ports import Store
from modicum_server.processes.work_until_stop import until_stop
from modicum_server.worker.pauses import Pauses

_log = structlog.get_logger(__name__)


class _Builder(Protocol):
    async def buildable(self) -> Families | None: ...


class Presence:
    """The row of a worker among those that are there.

    `left` is what this worker does not claim, because others build it and this one cannot.
    """

    def __init__(self, store: Store, name: str, builder: _Builder, pauses: Pauses) -> None:
        self._store, self._name, self._builder, self._pauses = store, name, builder, pauses
        self._own: Families | None = None
        self.left: LeftToOthers = LEAVES_NOTHING

    async def keep(self, stop: asyncio.Event) -> None:
        """Be seen until the stop, and then leave. Cancelled, it ends without a word, as a killed worker does."""
        looking = asyncio.create_task(self._look(), name="buildable")
        try:
            while not stop.is_set():
                await self._guarded(self._be_seen())
                await until_stop(stop, self._pauses.seen)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        await self._guarded(self._leave())

    async def _look(self) -> None:
        """Find out what can be built here, once the worker has had time for the work that it was started for."""
        await asyncio.sleep(self._pauses.look)
        self._own = await self._builder.buildable()
        if self._own is not None:
            await self._guarded(self._publish(self._own))

    async def _be_seen(self) -> None:
        async with self._store.transaction() as transaction:
            await transaction.workers.seen(self._name)
            if self._own is not None:
                self.left = left_to_others(self._own, await transaction.workers.buildable())

    async def _publish(self, families: Families) -> None:
        async with self._store.transaction() as transaction:
            await transaction.workers.publish(self._name, families)
            self.left = left_to_others(families, await transaction.workers.buildable())

    async def _leave(self) -> None:
        async with self._store.transaction() as transaction:
            await transaction.workers.leave(self._name)

    async def _guarded(self, change: Awaitable[None]) -> None:
        try:
            await change
        except Exception as error:  # noqa: BLE001 - a worker works on without being seen
            _log.warning("presence_failed", error=str(error), exc_info=not isinstance(error, Unavailable))
