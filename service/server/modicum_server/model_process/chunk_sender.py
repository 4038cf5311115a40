"""Sends the model process's chunks within the limits of a stream of TorchServe: on size, rate and silence.

Two threads use an `Outbox`: the one that computes, and the `pulse` that sends heartbeats meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from modicum_server.generated.worker_pb2 import (
    CheckAnswer,
    Chunk,
    Failure,
    Findings,
    Finished,
    Heartbeat,
    Phase,
    Scores,
    SpotRow,
    Spots,
    Started,
)
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.threads_beside import thread_beside

CHUNK_BYTES = 48 * 1024
"""Largest chunk, except for a single finding with a larger mask."""
ENVELOPE_BYTES = 64
"""Bytes for attempt, sequence, passes and tags."""
CHUNK_GAP_SECONDS = 0.2
"""Least time between chunks: a flood blocks an event loop that all slots share. The last chunk of a task does not wait,
because for one small image the wait would take most of the task's time."""
HEARTBEAT_SECONDS = 5.0
"""Silence before a heartbeat. TorchServe kills a process that is silent for its response timeout."""
PULSE_SECONDS = 0.25

log = logging.getLogger(__name__)

Entry = Findings.Entry | Scores.Entry | SpotRow
"""Entries that wait for the next chunk. A task has entries of one kind."""
Body = Started | Heartbeat | Findings | Scores | Spots | CheckAnswer | Finished | Failure
FIELDS: dict[type[Body], str] = {
    Started: "started",
    Heartbeat: "heartbeat",
    Findings: "findings",
    Scores: "scores",
    Spots: "spots",
    CheckAnswer: "check",
    Finished: "finished",
    Failure: "failure",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of the outbox; tests use their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Outbox:
    """Numbers the chunks, collects findings and scores until the next chunk may be sent, and closes after the last."""

    def __init__(
        self, emit: Callable[[Chunk], None], progress: ProgressCounts, *, attempt: int, clock: Clock | None = None
    ) -> None:
        self._emit, self._progress, self._attempt, self._clock = emit, progress, attempt, clock or Clock()
        self._lock = threading.RLock()
        self._sequence, self._sent_at, self._closed = 0, float("-inf"), False
        self._pending: list[Entry] = []
        self._pending_bytes = 0

    def say(self, body: Started | CheckAnswer) -> None:
        """Send one chunk."""
        with self._lock:
            self._pace()
            self._send(body)

    def add(self, entry: Entry) -> None:
        """Send a finding, a score or a row, now or together with later ones."""
        size = entry.ByteSize() + 8  # its tag and length
        with self._lock:
            if self._pending_bytes + size > CHUNK_BYTES - ENVELOPE_BYTES:
                self._pace()
                self._flush()
            self._pending.append(entry)
            self._pending_bytes += size
            if self._due():
                self._flush()

    def tick(self) -> None:
        """Send what waits, or a heartbeat after a long silence. The pulse calls this."""
        with self._lock:
            if self._closed or not self._due():
                return
            if self._pending:
                self._flush()
            elif self._clock.now() - self._sent_at >= HEARTBEAT_SECONDS:
                self._send(Heartbeat(passes_done=self._progress.passes_done, phase=self._progress.phase))

    def close(self, body: Finished | Failure, phases: Sequence[Phase] = ()) -> None:
        """Send what waits, and the last chunk. Nothing can be sent afterwards. `phases` go with the last chunk."""
        with self._lock:
            if not self._closed:
                self._flush()
                self._send(body, phases)
                self._closed = True

    def _due(self) -> bool:
        return self._clock.now() - self._sent_at >= CHUNK_GAP_SECONDS

    def _pace(self) -> None:
        """Wait until the next chunk may be sent."""
        if not self._due():
            self._clock.sleep(CHUNK_GAP_SECONDS - (self._clock.now() - self._sent_at))

    def _flush(self) -> None:
        if not self._pending:
            return
        self._send(_joined(self._pending, self._progress.passes_done))
        self._pending, self._pending_bytes = [], 0

    def _send(self, body: Body, phases: Sequence[Phase] = ()) -> None:
        if self._closed:
            return
        chunk = Chunk(attempt=self._attempt, sequence=self._sequence + 1, phases=phases)
        getattr(chunk, FIELDS[type(body)]).CopyFrom(body)
        self._emit(chunk)
        self._sequence, self._sent_at = chunk.sequence, self._clock.now()


def _joined(entries: Sequence[Entry], passes_done: int) -> Findings | Scores | Spots:
    """The chunk's body. All entries are of one kind: that of the first."""
    match entries[0]:
        case Findings.Entry():
            return Findings(entries=entries, passes_done=passes_done)  # type: ignore[arg-type]  # of one kind
        case Scores.Entry():
            return Scores(entries=entries, passes_done=passes_done)  # type: ignore[arg-type]
        case SpotRow():
            return Spots(entries=entries, passes_done=passes_done)  # type: ignore[arg-type]


@contextmanager
def pulse(outbox: Outbox) -> Iterator[None]:
    """Call `tick` of an outbox from another thread while the block computes."""

    def beat(done: threading.Event) -> None:
        while not done.wait(PULSE_SECONDS):
            try:
                outbox.tick()
            except OSError:  # the server is gone; the computing thread notices when it sends, or by its lease
                return
            except Exception:  # without heartbeats TorchServe would kill a process that computes
                log.exception("a progress message could not be sent; the next one will be tried")

    with thread_beside("pulse", beat):
        yield
