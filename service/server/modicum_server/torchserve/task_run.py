"""One task on one slot of a running TorchServe, from the call to its end.

Cancelling a call does not stop a model's process. So an unwanted task is asked to stop; its process is killed if it
does not stop in time. `events` ends only when the process is free for the next task.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

import grpc
import grpc.aio
import structlog

from modicum_server.domain.tasks import Task, TaskEvent, TaskFinished, TaskStarted
from modicum_server.errors import ModelServerError
from modicum_server.generated.worker_pb2 import Chunk
from modicum_server.model_server import (
    Cancellation,
    ModelDied,
    ModelHung,
    ModelOutOfMemory,
    ModelServerDown,
    TaskFailed,
)
from modicum_server.torchserve.health import is_ready, revive
from modicum_server.torchserve.memory import memory_kills
from modicum_server.torchserve.messages import chunk_of, event_of
from modicum_server.torchserve.progress import ChunkSequence, Progress
from modicum_server.torchserve.relay import Relay
from modicum_server.torchserve.server import RunningServer
from modicum_server.torchserve.slots import Slot
from modicum_server.torchserve.stream import Stream, open_stream
from modicum_server.torchserve.stream_errors import HANDLER_BUG, busy, failure_of
from modicum_server.torchserve.supervisor import Supervisor
from modicum_server.torchserve.task_spans import HandlerSpans

#: How long one read of the stream waits; between two reads, the cancellation, the progress and the usage are looked at.
TICK_SECONDS = 0.25
#: When this much time has passed since the last look, this process or its machine was suspended.
ABSENT_SECONDS = 2.0
#: Between two calls while no process of the slot is free.
BUSY_PAUSE_SECONDS = 0.2
#: How long none may be free: a dead process is restarted within seconds, or later where libraries load slowly.
BUSY_SECONDS = 90.0
#: A process that TorchServe reports as ready for this long, without taking our task, is stuck.
WEDGED_SECONDS = 15.0
#: How long the stream of a process that was killed may take to end.
STREAM_END_SECONDS = 5.0
CANCELLED = "CANCELLED"
LIMIT_EXCEEDED = "MODEL_LIMIT_EXCEEDED"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a task is given up.

    Without progress for `hang_seconds` it counts as hung, and after `total_seconds` with progress as well. A task that
    is asked to stop has `grace_seconds` before its process is killed. A process with more than `memory_bytes` of memory
    is killed at once.
    """

    hang_seconds: float
    total_seconds: float
    grace_seconds: float
    memory_bytes: int


class Run:
    """A task that runs. It is staged in the slot already."""

    def __init__(
        self,
        supervisor: Supervisor,
        server: RunningServer,
        slot: Slot,
        task: Task,
        *,
        cancelled: Cancellation,
        limits: Limits,
        relay: Relay | None = None,
        spans: HandlerSpans | None = None,
    ) -> None:
        """Take the server, the slot, the task, its limits and, for a task with an endpoint, the relay to that.

        `spans` take what the handler says of its time.
        """
        self._supervisor = supervisor
        self._server = server
        self._slot = slot
        self._task = task
        self._cancelled = cancelled
        self._limits = limits
        self._relay = relay
        self._spans = spans
        self._progress = Progress(limits.hang_seconds, time.monotonic, most_seconds=limits.total_seconds)
        self._memory_kills = memory_kills()
        self._busy_until = time.monotonic() + BUSY_SECONDS
        self._take_by = time.monotonic() + WEDGED_SECONDS
        self._usage_due = 0.0
        self._stop_by: float | None = None
        self._kill = False
        self._stream: Stream | None = None

    async def events(self) -> AsyncGenerator[TaskEvent]:
        """Yield the task's events, TaskFinished last.

        Raises:
            ModelServerError: it ended in another way.
        """
        finished: TaskFinished | None = None
        try:
            async with aclosing(self._heard()) as heard:
                async for event in heard:
                    if isinstance(event, TaskStarted) and self._relay is not None:
                        self._relay.begin(self._progress.restart)
                    if isinstance(event, TaskFinished):
                        finished = event  # yielded when the stream was read to its end and the process is free
                    else:
                        yielded = time.monotonic()
                        yield event
                        self._progress.excuse(time.monotonic() - yielded)
            if finished is None:
                raise TaskFailed(HANDLER_BUG, "the stream ended before the task", model_at_fault=False)
        except ModelServerError as error:
            self._log(error)
            raise
        finally:
            await uninterrupted(self._leave())
        yield finished

    async def _heard(self) -> AsyncGenerator[TaskEvent]:
        sequence = ChunkSequence(self._task.attempt)
        while (data := await self._next()) is not None:
            chunk = chunk_of(data) if data else None  # the handler's last message may be empty
            if chunk is not None and sequence.admits(chunk):
                if self._spans is not None:
                    self._spans.add(chunk.phases)
                event = await self._event_of(chunk)
                self._progress.note(event)
                yield event

    async def _event_of(self, chunk: Chunk) -> TaskEvent:
        """Return the chunk's event. What fails beyond a limit fails by the limit, whatever it says."""
        try:
            return event_of(chunk, self._task)
        except TaskFailed:
            self._usage_due = 0.0
            await self._look_at_usage()
            raise

    async def _next(self) -> bytes | None:
        looked = time.monotonic()
        while True:
            looked = self._excuse_absence(looked)
            self._look_around()
            await self._look_at_usage()
            if self._stream is None:
                self._stream = self._open()
            try:
                return await self._stream.read(TICK_SECONDS)
            except TimeoutError:
                continue
            except grpc.aio.AioRpcError as error:
                await self._try_again_or_raise(error)

    def _excuse_absence(self, looked: float) -> float:
        """Leave out the time in which nobody read the stream; return the present time."""
        now = time.monotonic()
        if now - looked > ABSENT_SECONDS:
            log.warning("stream_not_read", slot=self._slot.name, task=self._task.id, seconds=round(now - looked, 1))
            self._progress.excuse(now - looked)
        return now

    def _look_around(self) -> None:
        """Raise when the task must be given up."""
        now = time.monotonic()
        if self._stop_by is None and self._cancelled.is_set():
            self._slot.ask_to_stop()
            self._stop_by = now + self._limits.grace_seconds
        if self._stop_by is not None and (self._stream is None or now >= self._stop_by):
            self._give_up(TaskFailed(CANCELLED, "the task was cancelled", model_at_fault=False))
        if self._progress.overdue or self._progress.endless:
            self._give_up(ModelHung())

    async def _look_at_usage(self) -> None:
        """Raise when the process exceeds a limit."""
        if time.monotonic() < self._usage_due:
            return
        usage = await asyncio.to_thread(self._server.usage, self._slot.name)
        self._usage_due = time.monotonic() + TICK_SECONDS
        if excess := usage.excess():
            self._give_up(TaskFailed(LIMIT_EXCEEDED, excess, model_at_fault=True))
        if usage.memory_bytes > self._limits.memory_bytes:
            self._give_up(ModelOutOfMemory())

    def _give_up(self, error: ModelServerError) -> NoReturn:
        """End the task with an error. Its process is killed at once, without being asked to stop."""
        self._kill = True
        raise error

    async def _try_again_or_raise(self, error: grpc.aio.AioRpcError) -> None:
        """Wait when no process was free, which counts as no attempt. Read the keys again when they were refused."""
        self._stream = None
        if error.code() is grpc.StatusCode.PERMISSION_DENIED and time.monotonic() < self._busy_until:
            self._server.keys.reread()
        elif not busy(error):
            raise self._failure(error) from error
        elif time.monotonic() >= self._busy_until:
            await self._replace("slot_never_free", f"no process of {self._slot.name} was free for {BUSY_SECONDS:g} s")
        else:
            await self._free_where_wedged()
        self._progress.begin()
        await asyncio.sleep(BUSY_PAUSE_SECONDS)

    async def _free_where_wedged(self) -> None:
        """Kill the process of a slot that has been ready for long without taking a task; one that loads gets time.

        Raises:
            ModelServerDown: the process is gone, TorchServe has not noticed, and was replaced.
        """
        process = self._server.model_process(self._slot.name)
        if process is None or not await is_ready(self._server, self._slot):
            self._take_by = time.monotonic() + WEDGED_SECONDS
        elif time.monotonic() >= self._take_by:
            if not process.alive:
                why = f"TorchServe reports the process of {self._slot.name} as ready, but the process has ended"
                await self._replace("torchserve_wedged", why)
            log.warning("model_process_killed", slot=self._slot.name, task=self._task.id, pid=process.pid, wedged=True)
            process.kill()
            self._take_by = time.monotonic() + WEDGED_SECONDS

    async def _replace(self, event: str, why: str) -> NoReturn:
        log.warning(event, slot=self._slot.name, task=self._task.id, why=why)
        await self._supervisor.replace(self._server)
        raise ModelServerDown(why)

    def _failure(self, error: grpc.aio.AioRpcError) -> ModelServerError:
        failure = failure_of(error)
        if isinstance(failure, ModelDied) and memory_kills() > self._memory_kills:
            return ModelOutOfMemory()
        return failure

    def _open(self) -> Stream:
        return open_stream(
            self._server.inference,
            self._server.keys,
            model=self._slot.name,
            folder=self._slot.folder,
            attempt=self._task.attempt,
            shard=self._task.id,
        )

    async def _leave(self) -> None:
        """Return when the slot's process is free: it ended the stream, or was killed and restarted."""
        stream = self._stream
        if stream is None or stream.over:
            return
        if not self._kill:
            self._slot.ask_to_stop()
            if await stream.drain(self._limits.grace_seconds):
                return
        process = self._server.model_process(self._slot.name)
        if process is not None:
            log.warning("model_process_killed", slot=self._slot.name, task=self._task.id, pid=process.pid)
            process.kill()
        await stream.drain(STREAM_END_SECONDS)
        await stream.cancel()
        await revive(self._supervisor, self._server, self._slot)

    def _log(self, error: ModelServerError) -> None:
        facts = {"task": self._task.id, "attempt": self._task.attempt, "slot": self._slot.name}
        if isinstance(error, TaskFailed):
            log.info("task_failed", reason=error.task_reason, detail=str(error), **facts)
        else:
            log.warning("task_lost", reason=error.reason, model_log=self._server.model_log(self._slot.name), **facts)


async def uninterrupted(work: Coroutine[object, object, None]) -> None:
    """Await something to its end, even if this task is cancelled meanwhile; then let the cancellation through."""
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    task.result()
    if interruption is not None:
        raise interruption
