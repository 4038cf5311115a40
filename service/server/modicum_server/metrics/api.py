"""What the API tells Prometheus: calls, watches, bytes, audits acknowledged, and the queue as the store has it.

Labels take values from short fixed lists only: no project, audit, model or principal. What audits cost and how they
end is told by the workers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from modicum_server.domain.audits import AuditState

#: Most calls take milliseconds; uploads and reports take seconds; watches last as long as audits.
RPC_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

#: The facts of the store that are shown, and what they say.
QUEUE_GAUGES: Mapping[str, tuple[str, str]] = {
    "queued": ("modicum_queue_shards_queued", "Shards that wait for a worker."),
    "held": ("modicum_queue_shards_held", "Shards that workers hold."),
    "oldest_queued_seconds": ("modicum_queue_age_seconds", "Time that the oldest waiting shard has waited."),
    "expired_total": ("modicum_queue_leases_expired", "Leases that ended without a renewal, since the database began."),
}


UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says at a scrape: facts of the queue, and how many audits stand where."""

    queue: Mapping[str, float]
    audits: Mapping[AuditState, int]


class ApiMetrics:
    """The metrics of one API process, in a registry of their own unless one is given."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._rpcs = Counter(
            "modicum_rpcs", "Calls that ended, by method and gRPC code.", ["method", "code"], registry=self.registry
        )
        self._rpc_seconds = Histogram(
            "modicum_rpc_duration_seconds",
            "Time from the start of a call to its end, by method.",
            ["method"],
            buckets=RPC_BUCKETS,
            registry=self.registry,
        )
        self._watchers = Gauge("modicum_watchers", "Watches of audits that are open.", registry=self.registry)
        self._upload_bytes = Counter(
            "modicum_upload_bytes", "Bytes of artifacts that were taken in.", registry=self.registry
        )
        self._audits = Counter(
            "modicum_audits_acknowledged",
            "Audits that were acknowledged, by whether a stored answer was reused.",
            ["answer"],
            registry=self.registry,
        )
        self._audit_states = Gauge(
            "modicum_audits", "Audits that are stored, by state.", ["state"], registry=self.registry
        )
        self._up = Gauge("modicum_database_up", "Whether the database answered this scrape.", registry=self.registry)
        self._queue = {fact: Gauge(name, text, registry=self.registry) for fact, (name, text) in QUEUE_GAUGES.items()}

    def rpc_ended(self, method: str, code: str, seconds: float) -> None:
        """Count a call and take its time; `method` is one that the server has."""
        self._rpcs.labels(method, code).inc()
        self._rpc_seconds.labels(method).observe(seconds)

    def count_watchers(self, count: Callable[[], int]) -> None:
        """Take the number of open watches from here at every scrape."""
        self._watchers.set_function(count)

    def uploaded(self, size_bytes: int) -> None:
        """Count bytes that came in."""
        self._upload_bytes.inc(size_bytes)

    def audit_acknowledged(self, *, reused: bool) -> None:
        """Count an audit."""
        self._audits.labels("reused" if reused else "queued").inc()

    def expose(self, stored: Stored | None) -> bytes:
        """Return the text for Prometheus; without what is stored, the database is away and nothing of it is known."""
        self._up.set(stored is not None)
        for fact, gauge in self._queue.items():
            gauge.set(UNKNOWN if stored is None else stored.queue.get(fact, 0.0))
        for state in AuditState:
            self._audit_states.labels(state).set(UNKNOWN if stored is None else stored.audits.get(state, 0))
        return generate_latest(self.registry)
