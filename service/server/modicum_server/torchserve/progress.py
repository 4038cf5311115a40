"""Checks a stream: the sequence of its chunks, and whether its task makes progress."""

from collections.abc import Callable

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.tasks import CheckWork, TaskEvent, TaskHeartbeat, Work
from modicum_server.generated import worker_pb2
from modicum_server.model_server import ModelDied

#: A task counts as hung after this many times the measured time of a pass, if that is longer than the limit.
PASSES_TO_HANG = 3
#: Not after more than this many times the limit: a program can claim any time.
LIMITS_TO_HANG = 3
#: A check that reports progress is given up after this many times the limit: it loads the model and makes a few passes.
LIMITS_OF_CHECK = 30
#: Far more than any shard takes.
SHARD_SECONDS = 6 * 3600.0


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
    """Detects a task that hangs. A heartbeat counts as progress only if what it reports has changed.

    A program can report a little progress for ever, so the whole task has a limit as well.
    """

    def __init__(
        self, limit_seconds: float, clock: Callable[[], float], *, most_seconds: float = SHARD_SECONDS
    ) -> None:
        """Take the longest time without progress, and the longest time of the task."""
        self._limit = limit_seconds
        self._most = most_seconds
        self._clock = clock
        self._began = self._last = clock()
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
        """Start the time without progress again."""
        self._last = self._clock()

    def begin(self) -> None:
        """Start all time again: the task has not begun yet."""
        self._began = self._last = self._clock()

    def excuse(self, seconds: float) -> None:
        """Leave these seconds out, because nobody read the stream."""
        self._last += seconds
        self._began += seconds

    @property
    def overdue(self) -> bool:
        """Whether there was no progress for too long."""
        return self._clock() - self._last > self._limit

    @property
    def endless(self) -> bool:
        """Whether the task has taken too long, with all its progress."""
        return self._clock() - self._began > self._most


def total_seconds(hang: float, work: Work) -> float:
    """Return the longest time of a task whose time without progress is limited by `hang`."""
    return LIMITS_OF_CHECK * hang if isinstance(work, CheckWork) else SHARD_SECONDS


def hang_seconds(configured: float, version: ModelVersion) -> float:
    """Return the time without progress after which a task of this version counts as hung."""
    measured = version.check.pass_milliseconds / 1000 if version.check else 0.0
    return min(max(configured, PASSES_TO_HANG * measured), LIMITS_TO_HANG * configured)
