"""The metrics of a worker: work done, its time, failures, and the state of its TorchServe.

Labels have values from short fixed lists: no project, audit, model or image. Where the setting `metrics_names` shows
names, exemplars have those of audits, which lead from a spike to an audit.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modicum_server.domain.audits import Audit, Shard
from modicum_server.domain.findings import Finding, FindingReason, Prediction, Transfer
from modicum_server.domain.spots import SpotRow
from modicum_server.metrics.corrupt_artifacts import corrupt_artifacts
from modicum_server.metrics.kept_artifacts import KeptCollector
from modicum_server.metrics.text_format import Exemplars, exemplar, unnamed
from modicum_server.metrics.zeros import counter_from_zero
from modicum_server.model_server import Isolation, ModelServerHealth

#: A shard is planned to take a minute. Checks and summaries take a second, a large model on a CPU many minutes.
SHARD_BUCKETS = (0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600)
#: An audit takes minutes to hours from its creation to its end. A shard may wait as long behind others.
AUDIT_BUCKETS = (5, 15, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
WAIT_BUCKETS = (0.1, 0.5, 1, 2.5, *AUDIT_BUCKETS)
#: Shown as 0 from the start, so that the first of its kind is a rise.
AUDIT_OUTCOMES = ("succeeded", "failed")
DEATH_REASONS = ("model_died", "model_hung", "model_out_of_memory")


def image_outcome(finding: Finding) -> str:
    """Return the outcome of an image by which its finding is counted."""
    if finding.failed:
        return "failed"
    if finding.reason is FindingReason.NOT_ELIGIBLE:
        return "not_eligible"
    if finding.reason is FindingReason.NOT_FOUND:
        return "not_found"
    return "baseline_confident" if finding.baseline_confident else "subset"


class PassMetrics:
    """Images with a finding, and the passes of everything that was stored."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._images = Counter(
            "modicum_worker_images", "Images with a stored finding, by outcome.", ["outcome"], registry=registry
        )
        self._forward = Counter(
            "modicum_worker_forward_passes",
            "Forward passes of stored findings, controls included.",
            registry=registry,
        )
        self._backward = Counter(
            "modicum_worker_backward_passes",
            "Backward passes of stored findings, controls included.",
            registry=registry,
        )

    def findings_stored(self, findings: Iterable[Finding]) -> None:
        """Count images and the passes spent on them."""
        for finding in findings:
            self._images.labels(image_outcome(finding)).inc()
            controls = finding.controls.passes
            self._forward.inc(finding.passes.forward + controls.forward)
            self._backward.inc(finding.passes.backward + controls.backward)

    def transfers_stored(self, transfers: Iterable[Transfer]) -> None:
        """Count the passes by which a version scored others' subsets."""
        self._forward.inc(sum(transfer.result.reason is None for transfer in transfers))

    def spots_stored(self, rows: Iterable[SpotRow]) -> None:
        """Count the passes of spot tests."""
        self._forward.inc(sum(row.passes for row in rows))

    def predictions_stored(self, predictions: Iterable[Prediction]) -> None:
        """Count the passes on whole images of out-of-distribution and counterfactual data sets."""
        self._forward.inc(sum(prediction.reason is None for prediction in predictions))


class ShardMetrics:
    """How long shards waited and took, and how many were lost."""

    def __init__(self, registry: CollectorRegistry, named: Exemplars) -> None:
        self._named = named
        self._seconds = Histogram(
            "modicum_worker_shard_duration_seconds",
            "Time from the claim of a shard to the end of the work on it, by stage and outcome.",
            ["stage", "outcome"],
            buckets=SHARD_BUCKETS,
            registry=registry,
        )
        self._wait_seconds = Histogram(
            "modicum_worker_queue_wait_seconds",
            "Time that a shard waited for its claim, by stage.",
            ["stage"],
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self._lease_losses = Counter(
            "modicum_worker_lease_losses",
            "Shards that another attempt took over while this worker worked on them.",
            registry=registry,
        )

    def claimed(self, shard: Shard) -> None:
        """Record how long a shard waited."""
        waited = self._wait_seconds.labels(shard.stage.value.lower())
        waited.observe(shard.waited_seconds, exemplar=self._named(audit=shard.audit))

    def ended(self, shard: Shard, outcome: str, seconds: float) -> None:
        """Record how long a shard took."""
        took = self._seconds.labels(shard.stage.value.lower(), outcome)
        took.observe(seconds, exemplar=self._named(audit=shard.audit))
        if outcome == "lost":
            self._lease_losses.inc()


class AuditMetrics:
    """Audits that this worker ended, and their time."""

    def __init__(self, registry: CollectorRegistry, named: Exemplars) -> None:
        self._named = named
        self._audits = counter_from_zero(
            registry,
            "modicum_worker_audits_ended",
            "Audits that this worker ended, by outcome.",
            ["outcome"],
            [(outcome,) for outcome in AUDIT_OUTCOMES],
        )
        self._seconds = Histogram(
            "modicum_worker_audit_duration_seconds",
            "Time from the creation of an audit to its end, by outcome.",
            ["outcome"],
            buckets=AUDIT_BUCKETS,
            registry=registry,
        )

    def ended(self, audit: Audit, outcome: str) -> None:
        """Count an audit (as it was before it ended) and record its time."""
        named = self._named(audit=audit.name)
        self._audits.labels(outcome).inc(exemplar=named)
        seconds = (datetime.now(UTC) - audit.create_time).total_seconds()
        self._seconds.labels(outcome).observe(seconds, exemplar=named)


class ModelMetrics:
    """How models are confined, how often their processes died, and the state of the model server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deaths = counter_from_zero(
            registry,
            "modicum_worker_model_deaths",
            "Deaths of a model's process during a task, by reason.",
            ["reason"],
            [(reason,) for reason in DEATH_REASONS],
        )
        self._confinement = Gauge(
            "modicum_worker_confinement",
            "Always 1. The labels say how this worker confines models and whether it runs programs.",
            ["level", "programs"],
            registry=registry,
        )
        self._server = ModelServerCollector()
        registry.register(self._server)

    def watch_server(self, look: Callable[[], ModelServerHealth]) -> None:
        """Read the state of the model server from here at every scrape."""
        self._server.look = look

    def confined(self, isolation: Isolation) -> None:
        """Show how models are confined."""
        programs = "run" if isolation.encloses_code else "refused"
        self._confinement.labels(isolation.level, programs).set(1)

    def died(self, reason: str) -> None:
        """Count a death: MODEL_DIED, MODEL_HUNG or MODEL_OUT_OF_MEMORY."""
        self._deaths.labels(reason.lower()).inc()


class WorkerMetrics:
    """The metrics of one worker process, in a registry of their own unless one is given.

    `names`: whether exemplars name audits.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, names: bool = False) -> None:
        self.registry = registry or CollectorRegistry()
        named = exemplar if names else unnamed
        self.passes = PassMetrics(self.registry)
        self.shards = ShardMetrics(self.registry, named)
        self.audits = AuditMetrics(self.registry, named)
        self.models = ModelMetrics(self.registry)
        self.artifacts_corrupt = corrupt_artifacts(self.registry)
        self.kept = KeptCollector()
        self.registry.register(self.kept)
        self.computing_seconds = Counter(
            "modicum_worker_computing_seconds",
            "Time in which the processes of models worked on tasks, over all slots.",
            registry=self.registry,
        )
        self.slots_busy = Gauge(
            "modicum_worker_slots_busy", "Slots that are working on a shard.", registry=self.registry
        )
        self.slots = Gauge("modicum_worker_slots", "Slots of this worker.", registry=self.registry)
        ProcessCollector(registry=self.registry)  # mainly for its start time, which shows restarts


class ModelServerCollector(Collector):
    """Reads the model server at a scrape. Before one is set, it shows a model server that is down."""

    def __init__(self) -> None:
        self.look: Callable[[], ModelServerHealth] = ModelServerHealth

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        health, name = self.look(), "modicum_worker_torchserve"
        yield GaugeMetricFamily(f"{name}_up", "Whether this worker's TorchServe runs.", value=float(health.up))
        yield CounterMetricFamily(f"{name}_starts", "Successful starts of TorchServe.", health.starts)
        memory = GaugeMetricFamily(
            "modicum_worker_model_memory_bytes", "Resident memory of each slot's model process.", labels=["slot"]
        )
        for slot, size in health.memory_bytes.items():
            memory.add_metric([slot], size)
        yield memory
