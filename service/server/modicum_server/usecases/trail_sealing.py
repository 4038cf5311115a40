"""Seals the trail: chains entries by hash, project by project, after they were written.

Writers do not wait for each other: only whoever seals takes turns. What was written when a process died is sealed by
the next one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from modicum_server.domain.trail import BEGINNING, Seal, TrailEntry, chain_hash
from modicum_server.ports import Store

BATCH = 1000
#: How often a process looks for entries without a seal.
SEAL_SECONDS = 2.0


async def seal_waiting(store: Store, *, limit: int = BATCH) -> int:
    """Seal the entries that wait, up to a number of them; returns how many. 0 while another process seals.

    Raises:
        DependencyUnavailable
    """
    async with store.transaction() as transaction:
        trail = transaction.trail
        if not await trail.take_turn():
            return 0
        waiting = await trail.waiting(limit)
        if waiting:
            projects = dict.fromkeys(entry.project for entry in waiting)
            heads = {project: await trail.head(project) for project in projects}
            await trail.seal([seal for project, head in heads.items() for seal in _seals(head, project, waiting)])
        return len(waiting)


async def keep_sealing(
    store: Store, on_failed: Callable[[Exception], None], *, pause_seconds: float = SEAL_SECONDS
) -> None:
    """Seal for ever: runs until it is cancelled. What fails is told and tried again."""
    while True:
        full = False
        try:
            full = await seal_waiting(store) == BATCH
        except Exception as error:  # noqa: BLE001 - whatever it is, the next entries have to be sealed
            on_failed(error)
        if not full:
            await asyncio.sleep(pause_seconds)


def _seals(head: Seal | None, project: str, waiting: Sequence[TrailEntry]) -> Iterator[Seal]:
    """Yield the seals of a project's entries behind the last one of its chain."""
    sequence, previous = (0, BEGINNING) if head is None else (head.sequence, head.hash)
    for entry in waiting:
        if entry.project == project:
            sequence, previous = sequence + 1, chain_hash(previous, sequence + 1, entry)
            yield Seal(project, sequence, entry.id, previous)
