"""The events of a task on the model server, for as long as its shard is wanted."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from modicum_server.domain.tasks import TaskEvent, TaskFindings, TaskFinished, TaskHeartbeat, TaskScores
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ExpectedResults, ModelServer
from modicum_server.worker.context import Claim
from modicum_server.worker.lease import ShardInterrupted

#: Seconds that a task which is no longer wanted gets to end by itself before its stream is closed.
LEAVE_SECONDS = 3.0


async def task_events(model_server: ModelServer, claim: Claim, expected: ExpectedResults) -> AsyncGenerator[TaskEvent]:
    """Run the task and yield what it reports. The lease takes note of its passes.

    Raises:
        ShardInterrupted: the shard is no longer wanted; the stream is closed.
        ModelServerError: as `ModelServer.run`, or the task reports something that it was not asked for.
    """
    stream = model_server.run(claim.slot, expected.task, claim.lease)
    interrupted = asyncio.create_task(claim.lease.interrupted.wait())
    try:
        while True:
            event = await _next(stream, interrupted, claim)
            if event is None:
                return
            _note_passes(event, claim)
            yield expected.accept(event)
    finally:
        interrupted.cancel()
        await _close(stream)


async def _next(stream: AsyncIterator[TaskEvent], interrupted: asyncio.Task[bool], claim: Claim) -> TaskEvent | None:
    """The next event; None at the end."""
    coming = asyncio.ensure_future(_anext(stream))
    try:
        await asyncio.wait({coming, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.done():
            await _leave(coming, stream, claim)
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


async def _leave(coming: asyncio.Future[TaskEvent | None], stream: AsyncIterator[TaskEvent], claim: Claim) -> None:
    """Give the task time to see that it is not wanted and to end; without the lease there is no time to give."""
    if claim.lease.lost:
        return
    with contextlib.suppress(ModelServerError, TimeoutError):
        async with asyncio.timeout(LEAVE_SECONDS):
            event = await coming
            while event is not None:
                event = await _anext(stream)


async def _close(stream: AsyncIterator[TaskEvent]) -> None:
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()


def _note_passes(event: TaskEvent, claim: Claim) -> None:
    if isinstance(event, TaskHeartbeat | TaskFindings | TaskScores | TaskFinished):
        claim.lease.passes_done = max(claim.lease.passes_done, event.passes_done)
