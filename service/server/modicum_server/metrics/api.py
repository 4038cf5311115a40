"""The metrics of the API: calls, watches, bytes, created audits, and a snapshot of the store.

Labels of what is counted here have values from short fixed lists: no project, audit, model or principal. The workers
count what audits cost and how they end. As exemplars, a counter has the request that it counted last and a histogram
one request for each bucket, which lead from a spike to a line of the log.
"""

import threading
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from modicum_server.domain.trust import ExchangeOutcome
from modicum_server.domain.verdicts import OVERALL, VerdictOutcome
from modicum_server.errors import ResourceExhausted
from modicum_server.metrics.corrupt_artifacts import corrupt_artifacts
from modicum_server.metrics.store_metrics import Snapshot, SnapshotCollector
from modicum_server.metrics.text_format import exemplar, exposed_text
from modicum_server.metrics.zeros import counter_from_zero
from modicum_server.usecases import limit_errors as _limit_errors  # noqa: F401 - its reasons are counted, too

#: Most calls take milliseconds, uploads and reports take seconds, and watches last as long as audits.
RPC_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

#: Reasons why no method served a request, by transport: `rest` is below /v1, `http` is everything else on that port.
UNROUTED = (
    ("grpc", "path_unknown"),
    *((transport, reason) for transport in ("http", "rest") for reason in ("path_unknown", "method_not_allowed")),
)


class ApiMetrics:
    """The metrics of one API process, in a registry of their own unless one is given."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        counted = partial(counter_from_zero, self.registry)
        self._rpcs = Counter(
            "modicum_rpcs", "Calls that ended, by method and gRPC code.", ["method", "code"], registry=self.registry
        )
        self._limits = counted(
            "modicum_limits_reached",
            "Calls that were refused because a limit was reached, by reason.",
            ["reason"],
            [(kind().reason,) for kind in ResourceExhausted.__subclasses__()],
        )
        self._rpc_seconds = _rpc_seconds(self.registry)
        self._unrouted, self._unrouted_by_former_name = _unrouted_requests(self.registry)
        self._watchers = Gauge("modicum_watchers", "Open watches of audits.", registry=self.registry)
        self._upload_bytes = Counter(
            "modicum_upload_bytes", "Bytes of artifacts that were uploaded.", registry=self.registry
        )
        self._corrupt = corrupt_artifacts(self.registry)
        self._audits, self._audits_by_former_name = _audit_creations(self.registry)
        self._verdicts = counted(
            "modicum_verdicts", "Verdicts that were stored, by outcome.", ["outcome"], [(one,) for one in OVERALL]
        )
        self._exchanges = counted(
            "modicum_token_exchanges",
            "Identity tokens of jobs that were exchanged or refused, by outcome.",
            ["outcome"],
            [(one,) for one in ExchangeOutcome],
        )
        self._stored = SnapshotCollector()
        self.registry.register(self._stored)
        self._exposing = threading.Lock()

    def rpc_ended(self, method: str, code: str, seconds: float, *, request_id: str = "") -> None:
        """Count a call and take its time; `method` is one that the server has."""
        request = exemplar(request_id=request_id)
        self._rpcs.labels(method, code).inc(exemplar=request)
        self._rpc_seconds.labels(method).observe(seconds, exemplar=request)

    def limit_reached(self, reason: str) -> None:
        """Count a call that was refused because a limit was reached."""
        self._limits.labels(reason).inc()

    def artifact_corrupt(self) -> None:
        """Count a call that failed because stored bytes were damaged."""
        self._corrupt.inc()

    def request_unrouted(self, transport: str, reason: str) -> None:
        """Count a request that no method serves."""
        assert (transport, reason) in UNROUTED, "labels come from a bounded list, never from a caller"
        self._unrouted.labels(transport, reason).inc()
        self._unrouted_by_former_name.labels(transport, reason).inc()

    def count_watchers(self, count: Callable[[], int]) -> None:
        """Take the number of open watches from here at every scrape."""
        self._watchers.set_function(count)

    def uploaded(self, size_bytes: int) -> None:
        """Count bytes that came in."""
        self._upload_bytes.inc(size_bytes)

    def audit_created(self, *, reused: bool) -> None:
        """Count a created audit."""
        outcome = "reused" if reused else "queued"
        self._audits.labels(outcome).inc()
        self._audits_by_former_name.labels(outcome).inc()

    def verdict_stored(self, outcome: VerdictOutcome) -> None:
        """Count a stored verdict."""
        self._verdicts.labels(outcome).inc()

    def token_exchanged(self, outcome: ExchangeOutcome) -> None:
        """Count an identity token that was exchanged or refused."""
        self._exchanges.labels(outcome).inc()

    def expose(self, snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
        """Return the text for Prometheus, and its media type by the Accept header. Blocks; any thread may call it."""
        with self._exposing:  # two scrapes may see different names
            self._stored.snapshot = snapshot
            return exposed_text(self.registry, accept)


def _rpc_seconds(registry: CollectorRegistry) -> Histogram:
    return Histogram(
        "modicum_rpc_duration_seconds",
        "Time from the start of a call to its end, by method.",
        ["method"],
        buckets=RPC_BUCKETS,
        registry=registry,
    )


def _audit_creations(registry: CollectorRegistry) -> tuple[Counter, Counter]:
    """Return the counter of created audits, and the same under its former name."""
    outcomes = [("queued",), ("reused",)]
    creations = counter_from_zero(
        registry,
        "modicum_audit_creations",
        "Audits that were created, by outcome: queued, or a stored result was reused.",
        ["outcome"],
        outcomes,
    )
    by_former_name = counter_from_zero(
        registry,
        "modicum_audits_acknowledged",
        "The former name of modicum_audit_creations. The next release removes it.",
        ["answer"],
        outcomes,
    )
    return creations, by_former_name


def _unrouted_requests(registry: CollectorRegistry) -> tuple[Counter, Counter]:
    """Return the counter of requests that reached no method, and the same under its former name."""
    unrouted = counter_from_zero(
        registry,
        "modicum_requests_unrouted",
        "Requests that reached no method, by transport and reason.",
        ["transport", "reason"],
        UNROUTED,
    )
    by_former_name = counter_from_zero(
        registry,
        "modicum_requests_lost",
        "The former name of modicum_requests_unrouted. The next release removes it.",
        ["door", "reason"],
        UNROUTED,
    )
    return unrouted, by_former_name
