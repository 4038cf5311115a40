"""Compares an artifact store with its database: which bytes are missing, corrupt or orphaned. It changes nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from modicum_server.domain.datasets import HeldArtifact
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DependencyUnavailable
from modicum_server.ports import ArtifactStore, Store

PAGE_RECORDS = 1000


class State(StrEnum):
    """What an artifact is found to be.

    UNREADABLE bytes are there, and the disk or the driver fails on them. ORPHANED bytes are held by no project: they
    cost space, and do no harm.
    """

    WHOLE = "WHOLE"
    MISSING = "MISSING"
    CORRUPT = "CORRUPT"
    UNREADABLE = "UNREADABLE"
    ORPHANED = "ORPHANED"


@dataclass(frozen=True, slots=True)
class Checked:
    """One artifact: its state, its recorded size (0 for ORPHANED), and the projects that hold it."""

    digest: str
    state: State
    size_bytes: int = 0
    projects: tuple[str, ...] = ()


class Throttle:
    """Holds reading to a rate: sleeps after each piece until its time has come."""

    def __init__(
        self,
        bytes_per_second: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Take the rate; None reads as fast as it goes. `sleep` is called after each piece, and may end the reading."""
        self._rate, self._clock, self._sleep = bytes_per_second, clock, sleep
        self._began = clock()
        self._read = 0

    async def passed(self, count: int) -> None:
        """Wait after this many bytes."""
        self._read += count
        due = 0.0 if self._rate is None else self._began + self._read / self._rate - self._clock()
        await self._sleep(max(0.0, due))


async def verify(
    store: Store,
    artifacts: ArtifactStore,
    *,
    after: str = "",
    bytes_per_second: float | None = None,
    page: int = PAGE_RECORDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[Checked]:
    """Yield every artifact behind the digest `after`, in the order of their digests. Uploads may go on meanwhile.

    Raises:
        DependencyUnavailable
    """
    throttle = Throttle(bytes_per_second, clock, sleep)
    records, places = _records(store, after, page), artifacts.stored(after)
    async with aclosing(records), aclosing(places):
        record, place = await anext(records, None), await anext(places, None)
        while record is not None or place is not None:
            if record is None or (place is not None and place < record.digest):
                assert place is not None, "one of them is left"
                yield await _unrecorded(store, artifacts, place, throttle)
                place = await anext(places, None)
                continue
            there = place == record.digest
            if (checked := await _recorded(store, artifacts, record, throttle)) is not None:
                yield checked
            record = await anext(records, None)
            if there:
                place = await anext(places, None)


async def _recorded(store: Store, artifacts: ArtifactStore, record: HeldArtifact, throttle: Throttle) -> Checked | None:
    """Check bytes that a project holds; None where they were deleted together with their record meanwhile."""
    state = await _state(artifacts, record.digest, throttle)
    if state is State.MISSING and not await _is_held(store, record.digest):
        return None
    return Checked(record.digest, state, record.size_bytes, record.projects)


async def _unrecorded(store: Store, artifacts: ArtifactStore, digest: str, throttle: Throttle) -> Checked:
    """Check bytes that had no record. An upload may have ended meanwhile."""
    if not await _is_held(store, digest):
        return Checked(digest, State.ORPHANED)
    return Checked(digest, await _state(artifacts, digest, throttle))


async def _state(artifacts: ArtifactStore, digest: str, throttle: Throttle) -> State:
    try:
        async with aclosing(artifacts.read(digest)) as pieces:
            async for piece in pieces:
                await throttle.passed(len(piece))
    except ArtifactNotFound:
        return State.MISSING
    except ArtifactCorrupt:
        return State.CORRUPT
    except DependencyUnavailable:
        await artifacts.store_id()  # raises the same where the whole store is away
        return State.UNREADABLE
    return State.WHOLE


async def _is_held(store: Store, digest: str) -> bool:
    """Whether a project holds it, after whoever brings or deletes it now has ended."""
    async with store.transaction() as transaction:
        return await transaction.artifacts.lock(digest)


async def _records(store: Store, after: str, page: int) -> AsyncGenerator[HeldArtifact]:
    while True:
        async with store.transaction() as transaction:
            records = await transaction.artifacts.all_held(after=after, limit=page)
        for record in records:
            yield record
        if len(records) < page:
            return
        after = records[-1].digest
