"""Writes results as they come, with what influenced them: bounded, batched, each batch fenced by the attempt.

Must not know what a result is: findings, other versions' answers to them, and predictions go the same way.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import structlog

from modicum_server.domain.audits import LeaseState
from modicum_server.domain.findings import Finding, Prediction, Transfer
from modicum_server.errors import ModelServerError, Unavailable
from modicum_server.ports import Transaction
from modicum_server.worker.claims import Claim, Equipment
from modicum_server.worker.leasing import ShardInterrupted
from modicum_server.worker.parameters import merged, note_parameters

#: Results that wait to be written before the stream that brings them is held up.
BUFFERED_RESULTS = 512
#: Results that one transaction writes.
BATCH_RESULTS = 256
#: Seconds between two transactions of a shard: progress goes out at most twice a second.
WRITE_SECONDS = 0.5
#: Seconds until a transaction is tried again when the database is away.
RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


T = TypeVar("T")


def finding_writer(equipment: Equipment, claim: Claim) -> "ResultWriter[Finding]":
    """Return what writes the findings of a search."""

    async def store(transaction: Transaction, findings: Sequence[Finding]) -> None:
        await transaction.findings.add(claim.shard.audit, findings)

    return ResultWriter(equipment, claim, store=store, stored=equipment.metrics.findings_stored)


def transfer_writer(equipment: Equipment, claim: Claim) -> "ResultWriter[Transfer]":
    """Return what writes a version's answers to other versions' subsets."""

    async def store(transaction: Transaction, transfers: Sequence[Transfer]) -> None:
        await transaction.findings.add_transfers(claim.shard.audit, claim.shard.search_index, transfers)

    return ResultWriter(equipment, claim, store=store, stored=equipment.metrics.transfers_stored)


def prediction_writer(equipment: Equipment, claim: Claim) -> "ResultWriter[Prediction]":
    """Return what writes a version's predictions on whole images."""

    async def store(transaction: Transaction, predictions: Sequence[Prediction]) -> None:
        await transaction.predictions.add(claim.shard.audit, claim.shard.model_version, predictions)

    return ResultWriter(equipment, claim, store=store, stored=equipment.metrics.predictions_stored)


class ResultWriter(Generic[T]):
    """Takes results and passes of one claim, in a task of its own; leaving the context writes what is left.

    `store` writes some of them in a transaction, `stored` is told when that has ended.
    """

    def __init__(
        self,
        equipment: Equipment,
        claim: Claim,
        *,
        store: Callable[[Transaction, Sequence[T]], Awaitable[None]],
        stored: Callable[[Sequence[T]], None],
    ) -> None:
        self._equipment = equipment
        self._claim = claim
        self._store = store
        self._stored = stored
        self._buffer: deque[T] = deque()
        self._noted: dict[str, object] = {}
        self._passes_written = 0
        self._changed = asyncio.Condition()
        self._hurry = asyncio.Event()
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
            # A task that failed or was stopped has still found what it found.
            if kind is None or issubclass(kind, ModelServerError | ShardInterrupted):
                await self._drain()
        finally:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def add(self, results: Sequence[T] = ()) -> None:
        """Take results (or only look at the lease's passes again); waits while the buffer is full."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._buffer) < BUFFERED_RESULTS or self._failure)
            self._raise_failure()
            self._buffer.extend(results)
            self._changed.notify_all()

    def note(self, parameters: Mapping[str, object]) -> None:
        """Keep with the audit what influences its result: goes with the next batch, at the latest with the last one."""
        self._noted = merged(self._noted, parameters)

    @property
    def _work_waits(self) -> bool:
        last = self._hurry.is_set() and self._noted
        return bool(self._buffer or last) or self._claim.lease.passes_done > self._passes_written

    async def _drain(self) -> None:
        self._hurry.set()
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
                # Before the writing, so that all of a short task goes with one batch.
                # Not `wait_for`: before Python 3.12 it can swallow a cancellation that comes as the event is set.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WRITE_SECONDS):
                        await self._hurry.wait()
                await self._write_batch()
        except Exception as failure:  # noqa: BLE001 - raised again where findings are handed in
            self._failure = failure
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _write_batch(self) -> None:
        """Write the oldest results, again and again while the database is away and the shard may be ours."""
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
        await self._tell()

    async def _write(self, batch: Sequence[T], noted: Mapping[str, object], passes: int) -> None:
        shard, lease = self._claim.shard, self._claim.lease
        async with self._equipment.store.transaction() as transaction:
            # A renewal is the fence here: it locks the shard's row, tells the passes, and sees an audit that has ended.
            state = await transaction.shards.renew(
                shard, lease_seconds=self._equipment.settings.lease_seconds, passes_done=passes
            )
            if state is LeaseState.HELD:
                if noted:
                    await note_parameters(transaction, shard.audit, noted)
                await self._store(transaction, batch)
                await transaction.audits.add_progress(shard.audit, passes_done=passes)
        if state is LeaseState.HELD:
            self._stored(batch)
        else:
            lease.end(state)
