"""One task on one slot of a running TorchServe, from the call to its end, whatever that is.

Cancelling the call does not stop a model's process. So a task that is no longer wanted is asked to stop, listened to
for a while, and then its process is killed; a slot is given back only when its process is free for the next task.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog

from modicum_server.domain.tasks import Task, TaskEvent, TaskFinished
from modicum_server.errors import ModelHung, ModelServerDown, TaskFailed
from modicum_server.ports import Cancellation
from modicum_server.torchserve.failures import HANDLER_BUG, busy, failure_of
from modicum_server.torchserve.messages import chunk_of, event_of
from modicum_server.torchserve.progress import Order, Progress
from modicum_server.torchserve.server import RunningServer
from modicum_server.torchserve.slots import Slot
from modicum_server.wire import inference_pb2

#: Far beyond any shard; what really ends a stream is the watch over its progress.
DEADLINE_SECONDS = 6 * 3600.0
TICK_SECONDS = 0.25
BUSY_PAUSE_SECONDS = 0.2
#: A process that dies is back within seconds; one whose library is slow to load takes longer.
BUSY_SECONDS = 90.0
CANCELLED = "CANCELLED"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Times, in seconds: without progress until a task is hung, from the wish to stop until it is killed."""

    hang_seconds: float
    grace_seconds: float


class Run:
    """A task under way."""

    def __init__(
        self, server: RunningServer, slot: Slot, task: Task, *, cancelled: Cancellation, limits: Limits
    ) -> None:
        """Take where and what; the task is staged in the slot already."""
        self._server = server
        self._slot = slot
        self._task = task
        self._cancelled = cancelled
        self._limits = limits
        self._call: Any = None
        self._reading: asyncio.Future[Any] | None = None
        self._stop_by: float | None = None
        self._process_free = True

    async def events(self) -> AsyncIterator[TaskEvent]:
        """Yield what comes back, TaskFinished last.

        Raises:
            ModelServerError: how else it ended.
        """
        order = Order(self._task.attempt)
        progress = Progress(self._limits.hang_seconds, time.monotonic)
        finished: TaskFinished | None = None
        try:
            while (data := await self._message(progress)) is not None:
                chunk = chunk_of(data) if data else None
                if chunk is None or not order.admits(chunk):
                    continue
                event = event_of(chunk, self._task)
                progress.note(event)
                if isinstance(event, TaskFinished):
                    finished = event  # the stream is read to its end, so that the process is free
                else:
                    yield event
        except grpc.aio.AioRpcError as error:
            self._process_free = True
            raise self._explained(error) from error
        finally:
            await asyncio.shield(self._end())
        if finished is None:
            raise TaskFailed(HANDLER_BUG, "the stream ended before the task did", model_at_fault=False)
        yield finished
