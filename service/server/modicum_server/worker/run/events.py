"""The events of a task on the model server, for as long as its shard is wanted."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from modicum_server.domain.tasks import (
    TaskEvent,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
    TaskStarted,
)
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ExpectedResults
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.lease import Lease, ShardInterrupted

#: Seconds that a task which is no longer wanted gets to end by itself before its stream is closed.
LEAVE_SECONDS = 3.0


async def task_events(context: WorkerContext, claim: Claim, expected: ExpectedResults) -> AsyncGenerator[TaskEvent]:
    """Run the task and yield what it reports. The lease takes note of its passes, and the metrics of its time.

    Once it is staged and has started, what the next shard will need is fetched beside it.

    A task that is no longer wanted has LEAVE_SECONDS to end. What it reports meanwhile is yielded too, unless the lease
    was lost.

    Raises:
        ShardInterrupted: the shard is no longer wanted; the stream is closed.
        ModelServerError: as `ModelServer.run`, or the task reports something that it was not asked for.
    """
    task = replace(expected.task, traceparent=claim.span.traceparent)
    stream = context.model_server.run(claim.slot, task, claim.lease)
    time_over = asyncio.create_task(_time_over(claim.lease))
    clock, started = asyncio.get_running_loop().time, None
    try:
        while (event := await _next(stream, time_over)) is not None:
            _note_passes(event, claim)
            if isinstance(event, TaskStarted) and started is None:
                started = clock()
                if context.ahead is not None:
                    context.ahead.begin(claim.slot, claim.shard)
            yield expected.accept(event)
        claim.lease.check()
    except ModelServerError:
        # A task that is no longer wanted may report that as a failure. It is not one.
        claim.lease.check()
        raise
    finally:
        time_over.cancel()
        if started is not None:
            context.metrics.computing_seconds.inc(clock() - started)
        await _close(stream)


async def _time_over(lease: Lease) -> None:
    """Return when the stream must be closed, even if the task has not ended."""
    await lease.interrupted.wait()
    if not lease.lost:
        await asyncio.sleep(LEAVE_SECONDS)


async def _next(stream: AsyncIterator[TaskEvent], time_over: asyncio.Task[None]) -> TaskEvent | None:
    """The next event; None at the end."""
    coming = asyncio.ensure_future(_anext(stream))
    try:
        await asyncio.wait({coming, time_over}, return_when=asyncio.FIRST_COMPLETED)
        if time_over.done():
            raise ShardInterrupted
        return coming.result()
    finally:
        if not coming.done():
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, ModelServerError):
                await coming


async def _anext(stream: AsyncIterator[TaskEvent]) -> TaskEvent | None:
    try:
        return await anext(stream)
    except StopAsyncIteration:
        return None


async def _close(stream: AsyncIterator[TaskEvent]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


def _note_passes(event: TaskEvent, claim: Claim) -> None:
    if isinstance(event, TaskHeartbeat | TaskFindings | TaskScores | TaskSpots | TaskFinished):
        claim.lease.passes_done = max(claim.lease.passes_done, event.passes_done)
