"""The lease on a shard, renewed in a task of its own while the shard is worked on.

It says whether the work is still wanted. The store fences every write by the shard's attempt, so a lease that is
believed for too long costs time, never a wrong row.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

import structlog

from modicum_server.domain.audits import LeaseState, Shard
from modicum_server.errors import Unavailable
from modicum_server.ports import Store

#: After this many lease times without a renewal the shard is given up: the database is away, or we are cut off from it.
GIVE_UP_LEASES = 4

_log = structlog.get_logger(__name__)


class ShardInterrupted(Exception):
    """The work on a shard ends early: its lease was lost, its audit has ended, or the worker stops."""


class Lease:
    """Holds one attempt of a shard. It is also the `model_server.Cancellation` of the shard's task."""

    def __init__(self, store: Store, shard: Shard, *, lease_seconds: float, renew_seconds: float) -> None:
        self._store = store
        self._shard = shard
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._renewal: asyncio.Task[None] | None = None
        self._stopping = False
        self.state = LeaseState.HELD
        self.passes_done = 0
        self.interrupted = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._renewal = asyncio.create_task(self._renew_until_ended(), name=f"lease-{self._shard.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._renewal is not None
        self._renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._renewal

    @property
    def lost(self) -> bool:
        """Whether another attempt may hold the shard, so that nothing may be written any more."""
        return self.state is LeaseState.LOST

    @property
    def stopping(self) -> bool:
        """Whether the worker stops, so that the shard is to be handed back."""
        return self._stopping

    def is_set(self) -> bool:
        """Whether the work is no longer wanted."""
        return self.interrupted.is_set()

    def check(self) -> None:
        """Raise ShardInterrupted when the work is no longer wanted."""
        if self.is_set():
            raise ShardInterrupted

    def end(self, state: LeaseState) -> None:
        """Take note that the shard is LOST, or that its audit has ended (CANCELLED)."""
        if not self.lost:
            self.state = state
        self.interrupted.set()

    def stop(self) -> None:
        """Ask for the shard to be handed back, because the worker stops."""
        self._stopping = True
        self.interrupted.set()

    async def _renew_until_ended(self) -> None:
        clock = asyncio.get_running_loop().time
        renewed = clock()
        while self.state is LeaseState.HELD:
            await asyncio.sleep(self._renew_seconds)
            try:
                async with asyncio.timeout(self._lease_seconds):
                    state = await self._renew()
                renewed = clock()
            except (Unavailable, TimeoutError):
                _log.warning("lease_not_renewed", shard=self._shard.id, attempt=self._shard.attempt)
                given_up = clock() - renewed > GIVE_UP_LEASES * self._lease_seconds
                state = LeaseState.LOST if given_up else LeaseState.HELD
            if state is not LeaseState.HELD:
                self.end(state)

    async def _renew(self) -> LeaseState:
        async with self._store.transaction() as transaction:
            return await transaction.shards.renew(
                self._shard, lease_seconds=self._lease_seconds, passes_done=self.passes_done
            )
