"""Checks a stream: the sequence of its chunks, and whether its task makes progress."""

from collections.abc import Callable

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.tasks import TaskEvent, TaskHeartbeat
from modicum_server.generated import worker_pb2
from modicum_server.model_server import ModelDied

#: A task counts as hung after this many times the measured time of a pass, if that is longer than the limit.
PASSES_TO_HANG = 3
#: Not after more than this many times the limit: a program can claim any time.
LIMITS_TO_HANG = 3


class ChunkSequence:
    """Admits the chunks of one attempt, in sequence."""

    def __init__(self, attempt: int) -> None:
        """Take the number of the attempt."""
        self._attempt = attempt
        self._last = 0

    def admits(self, chunk: worker_pb2.Chunk) -> bool:
        """Return whether a chunk is of this attempt, and new.

        Raises:
            ModelDied: the sequence starts again or has a gap. TorchServe can restart a running task on another process
                inside the same stream, without a message. The earlier findings would then count twice.
        """
        if chunk.attempt != self._attempt:
            return False
        if chunk.sequence != self._last + 1:
            raise ModelDied(f"the stream skipped from chunk {self._last} to chunk {chunk.sequence}")
        self._last = chunk.sequence
        return True


class Progress:
    """Detects a task that hangs. A heartbeat counts as progress only if what it reports has changed."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float]) -> None:
        """Take the longest time without progress."""
        self._limit = limit_seconds
        self._clock = clock
        self._last = clock()
        self._seen: tuple[int, str] = (-1, "")

    def note(self, event: TaskEvent) -> None:
        """Take note of a chunk."""
        if isinstance(event, TaskHeartbeat):
            reported = (event.passes_done, event.phase)
            if reported == self._seen:
                return
            self._seen = reported
        self._last = self._clock()

    def restart(self) -> None:
        """Start the time again: the task has not begun yet."""
        self._last = self._clock()

    def excuse(self, seconds: float) -> None:
        """Leave these seconds out, because nobody read the stream."""
        self._last += seconds

    @property
    def overdue(self) -> bool:
        """Whether there was no progress for too long."""
        return self._clock() - self._last > self._limit


def hang_seconds(configured: float, version: ModelVersion) -> float:
    """Return the time without progress after which a task of this version counts as hung."""
    measured = version.check.pass_milliseconds / 1000 if version.check else 0.0
    return min(max(configured, PASSES_TO_HANG * measured), LIMITS_TO_HANG * configured)
