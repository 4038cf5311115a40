"""Writes results as they come, with what influenced them: bounded, in batches, each fenced by the shard's attempt.

All kinds of results are written in the same way; see `results`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Generic, Self

import structlog

from modicum_server.domain.audits import LeaseState
from modicum_server.errors import ModelServerError, Unavailable
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.lease import ShardInterrupted
from modicum_server.worker.run.provenance import merged, note_parameters
from modicum_server.worker.run.results import ResultKind, T

#: Results that wait to be written before the stream that brings them is held up.
BUFFERED_RESULTS = 512
#: Results that one transaction writes.
BATCH_RESULTS = 256
#: Seconds until a transaction is tried again when the database is away.
RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class ResultWriter(Generic[T]):
    """Writes the results and the passes of one claim, in a task of its own. Leaving the context writes what is left."""

    def __init__(self, context: WorkerContext, claim: Claim, kind: ResultKind[T]) -> None:
        self._context = context
        self._claim = claim
        self._kind = kind
        self._buffer: deque[T] = deque()
        self._noted: dict[str, object] = {}
        self._passes_written = 0
        self._changed = asyncio.Condition()
        self._flushing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._write_forever(), name=f"results-{self._claim.shard.id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        try:
            # What a failed or stopped task found is valid all the same.
            if kind is None or issubclass(kind, ModelServerError | ShardInterrupted):
                await self._drain()
        finally:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def add(self, results: Sequence[T]) -> None:
        """Take results; wait while the buffer is full."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._buffer) < BUFFERED_RESULTS or self._failure)
            self._raise_failure()
            self._buffer.extend(results)
            self._changed.notify_all()

    async def passes_changed(self) -> None:
        """Look at the lease's passes again, and write them if they have grown. Waits like `add`."""
        await self.add(())

    def record_parameters(self, parameters: Mapping[str, object]) -> None:
        """Keep with the audit what influences its result. It is written with the next batch, or with the last one."""
        if not parameters:
            return
        self._noted = merged(self._noted, parameters)

    @property
    def _work_waits(self) -> bool:
        last = self._flushing.is_set() and self._noted
        return bool(self._buffer or last) or self._claim.lease.passes_done > self._passes_written

    async def _drain(self) -> None:
        self._flushing.set()
        async with self._changed:
            self._changed.notify_all()
            await self._changed.wait_for(lambda: not (self._buffer or self._noted) or self._failure)
            self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _write_forever(self) -> None:
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._work_waits)
                # Wait before the write: all results of a short task then go into one batch.
                # Not with `wait_for`: before Python 3.12 it can lose a cancellation that comes as the event is set.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._context.pauses.write):
                        await self._flushing.wait()
                await self._write_batch()
        except Exception as failure:  # noqa: BLE001 - raised again where results are handed in
            self._failure = failure
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _write_batch(self) -> None:
        """Write the oldest results. While the database is away, try again for as long as the lease may hold."""
        batch = [self._buffer[index] for index in range(min(len(self._buffer), BATCH_RESULTS))]
        noted, passes = self._noted, self._claim.lease.passes_done
        while not self._claim.lease.lost:
            try:
                await self._write(batch, noted, passes)
                break
            except Unavailable as error:
                facts = {"reason": error.reason, "waiting": len(self._buffer)}
                _log.warning("findings_not_written", audit=self._claim.shard.audit, **facts)
                await asyncio.sleep(RETRY_SECONDS)
        self._passes_written = passes
        if self._noted is noted:  # nothing was noted meanwhile
            self._noted = {}
        for _ in batch:
            self._buffer.popleft()
        await self._notify()

    async def _write(self, batch: Sequence[T], noted: Mapping[str, object], passes: int) -> None:
        shard, lease = self._claim.shard, self._claim.lease
        async with self._context.store.transaction() as transaction:
            # The renewal is the fence: it locks the shard's row, stores its passes, and sees an audit that has ended.
            state = await transaction.shards.renew(
                shard, lease_seconds=self._context.settings.lease_seconds, passes_done=passes
            )
            if state is LeaseState.HELD:
                if noted:
                    await note_parameters(transaction, shard.audit, noted)
                await self._kind.store(transaction, batch)
                await transaction.audits.add_progress(shard.audit, passes_done=passes)
        if state is LeaseState.HELD:
            self._kind.count(batch)
        else:
            lease.end(state)
