"""Fetches what the next shard will probably need while the present one computes, so that it is on the disk by then.

Nothing is claimed, and nothing is written to the database. Another worker may claim that shard: then the bytes were
fetched in vain, and make room for others when these are needed.
"""

import asyncio
from collections.abc import Callable

import structlog

from modicum_server.domain.audits import Shard, Stage
from modicum_server.domain.buildable import LeftToOthers
from modicum_server.ports import KeptArtifacts, Store

#: Fewer than a task stages at once, so that another slot that waits for its own artifacts gets on.
FETCHES_AT_ONCE = 4

_log = structlog.get_logger(__name__)


class Ahead:
    """Fetches for the slots of a worker. `left` is what this worker does not claim."""

    def __init__(self, store: Store, kept: KeptArtifacts, left: Callable[[], LeftToOthers]) -> None:
        self._store, self._kept, self._left = store, kept, left
        self._running: dict[int, asyncio.Task[None]] = {}

    def begin(self, slot: int, shard: Shard) -> None:
        """Fetch for the shard after this one, unless the slot still fetches for an earlier one."""
        running = self._running.get(slot)
        if running is None or running.done():
            self._running[slot] = asyncio.create_task(self._fetch_for_next(shard), name=f"ahead-{slot}")

    async def stop(self) -> None:
        """Give up what is being fetched."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _fetch_for_next(self, shard: Shard) -> None:
        try:
            await self._fetch(await self._digests_after(shard))
        except Exception as error:  # noqa: BLE001 - the shard that needs them says what is wrong
            _log.info("not_fetched_ahead", shard=shard.id, error=str(error))

    async def _digests_after(self, shard: Shard) -> list[str]:
        """The images of the shard that this slot will probably claim next, with their boxes and masks.

        Only searches are looked at. Weights and donors are the same for all shards of an audit: they are kept already.
        """
        async with self._store.transaction() as transaction:
            upcoming = await transaction.shards.upcoming(shard, left=self._left())
            if upcoming is None or upcoming.stage is not Stage.SEARCH:
                return []
            items = await transaction.audits.items(upcoming.audit, upcoming.positions)
        digests = (digest for _, item in items for digest in (item.image_digest, item.boxes_digest, item.mask_digest))
        return list(dict.fromkeys(filter(None, digests)))

    async def _fetch(self, digests: list[str]) -> None:
        room = asyncio.Semaphore(FETCHES_AT_ONCE)

        async def prepare(digest: str) -> None:
            async with room:
                await self._kept.prepare(digest)

        async with asyncio.TaskGroup() as group:
            for digest in digests:
                group.create_task(prepare(digest))
