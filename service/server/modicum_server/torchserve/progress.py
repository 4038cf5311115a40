"""What may be believed of a stream: its order, and whether the task behind it still gets on."""

from collections.abc import Callable

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.tasks import TaskEvent, TaskHeartbeat
from modicum_server.errors import ModelDied
from modicum_server.wire import worker_pb2

#: A pass that is known to take long may take this many times as long before it counts as hung.
PASSES_TO_HANG = 3


class Order:
    """Lets through the chunks of one attempt, in sequence."""

    def __init__(self, attempt: int) -> None:
        """Take the attempt whose chunks are ours."""
        self._attempt = attempt
        self._last = 0

    def admits(self, chunk: worker_pb2.Chunk) -> bool:
        """Whether the chunk is ours and new.

        Raises:
            ModelDied: the sequence starts again or has a gap. TorchServe restarts a running task on another process
                inside the same stream without a word; what was found before would be counted twice.
        """
        if chunk.attempt != self._attempt:
            return False
        if chunk.sequence != self._last + 1:
            raise ModelDied(f"the stream went from chunk {self._last} to chunk {chunk.sequence}")
        self._last = chunk.sequence
        return True


class Progress:
    """Tells a task that computes from one that only says so: heartbeats count when what they report has changed."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float]) -> None:
        """Take the time without progress that is too long."""
        self._limit = limit_seconds
        self._clock = clock
        self._last = clock()
        self._seen: tuple[int, str] = (-1, "")

    def note(self, event: TaskEvent) -> None:
        """Look at what came."""
        if isinstance(event, TaskHeartbeat):
            reported = (event.passes_done, event.phase)
            if reported == self._seen:
                return
            self._seen = reported
        self._last = self._clock()

    def restart(self) -> None:
        """Count from now: the task has not begun yet."""
        self._last = self._clock()

    def excuse(self, seconds: float) -> None:
        """Do not count these seconds: nobody listened."""
        self._last += seconds

    @property
    def overdue(self) -> bool:
        """Whether nothing was done for too long."""
        return self._clock() - self._last > self._limit


def hang_seconds(configured: float, version: ModelVersion) -> float:
    """Return the time without progress after which a task of this version counts as hung."""
    measured = version.check.pass_milliseconds / 1000 if version.check else 0.0
    return max(configured, PASSES_TO_HANG * measured)
