"""The spans of a task: how long its artifacts were staged, the call of TorchServe, and what the model's process did.

A model's process is confined and not trusted, so it sends no spans. It says what its time was spent on, in a chunk.
"""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from modicum_server.domain.tasks import Task
from modicum_server.generated.worker_pb2 import Phase
from modicum_server.ports import ArtifactSource, Span, Traces, spanned
from modicum_server.torchserve.slots import Slot

#: The phases that a model's process may name.
PHASES = frozenset({"load", "prepare", "compute"})
MOST_PHASES = 8
NANOSECONDS = 1_000_000_000


@asynccontextmanager
async def staged(traces: Traces, place: Slot, task: Task, artifacts: ArtifactSource) -> AsyncIterator[None]:
    """Stage the task for the length of the context, with a span around the staging alone."""
    async with AsyncExitStack() as stack:
        with spanned(traces, "staging", task.traceparent):
            await stack.enter_async_context(place.staged(task, artifacts))
        yield


@dataclass(frozen=True, slots=True)
class HandlerSpans:
    """Makes spans of the phases of one call. They lie within it, whatever the model's process says."""

    traces: Traces
    call: Span
    begun: float = field(default_factory=time.time)

    def add(self, phases: Iterable[Phase]) -> None:
        """Add a span for the handler and, below it, one for each phase."""
        known = [phase for phase in phases if phase.name in PHASES][:MOST_PHASES]
        if not known or not self.call.traceparent:
            return
        starts, ends = zip(*(self._within_call(phase) for phase in known), strict=True)
        handler = self.traces.begin("handler", self.call.traceparent, at=min(starts))
        for phase, start, end in zip(known, starts, ends, strict=True):
            self.traces.begin(phase.name, handler.traceparent, at=start).end(at=end)
        handler.end(at=max(ends))

    def _within_call(self, phase: Phase) -> tuple[float, float]:
        now = time.time()
        start = min(max(phase.start_nanoseconds / NANOSECONDS, self.begun), now)
        return start, min(max(phase.end_nanoseconds / NANOSECONDS, start), now)
