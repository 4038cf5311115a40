"""Turns what a scrape read from the store and the dependencies into metric families. Counts nothing.

When facts are unknown, because the database is away, their family has no samples: a gap, not a zero. The labels of
models are names that users chose; the setting `metrics_models` bounds their number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modicum_server.domain.audits import AuditState
from modicum_server.domain.gauges import ProjectUse, Sight
from modicum_server.metrics.versions import VersionReading, VersionReadings

#: Facts of the store, with their help texts. Each is a gauge.
FACT_GAUGES: Mapping[str, tuple[str, str]] = {
    "queued": ("modicum_queue_shards_queued", "Shards waiting for a worker."),
    "held": ("modicum_queue_shards_held", "Shards held by workers, including those with an expired lease."),
    "leases_overdue": (
        "modicum_queue_leases_overdue",
        "Shards with an expired lease that no worker has claimed again.",
    ),
    "oldest_queued_seconds": ("modicum_queue_age_seconds", "How long the oldest waiting shard has waited."),
    "last_claim": ("modicum_queue_last_claim_timestamp_seconds", "Unix time of the last claim of a shard by a worker."),
    "audits_stalled": ("modicum_audits_stalled", "RUNNING audits without a shard held by a worker."),
    "erasures_running": ("modicum_erasures_running", "Erasures of pictures that are not done."),
    "erasure_age_seconds": (
        "modicum_erasure_age_seconds",
        "Age of the oldest erasure that is not done, in seconds; 0 without one.",
    ),
    "principal_stored_bytes": (
        "modicum_principal_stored_bytes",
        "Bytes of artifacts that one principal uploaded to all projects together; the largest such number.",
    ),
    "principal_queued_audits": (
        "modicum_principal_queued_audits",
        "Audits of one principal in all projects together that no worker has begun; the largest such number.",
    ),
    "database_bytes": ("modicum_database_size_bytes", "Size of the database."),
    "collectable_bytes": (
        "modicum_artifact_store_collectable_bytes",
        "Bytes without a reference that the newest collection did not delete, because it was a dry run.",
    ),
}
COLLECTED = (
    "modicum_artifact_store_collected_bytes",
    "Bytes of artifacts that collections deleted, since the database was created.",
)
EXPIRED = ("modicum_queue_leases_expired", "Leases that expired, since the database was created.")
VERSION_LABELS = ("project", "model", "version")
#: Rates compare only where all of these are equal. The canvas is channels x height x width.
TERMS = ("method", "threshold", "alpha", "fill", "canvas", "passes")
RATE = "modicum_model_overinterpretation_rate"
HEADLINE_GAUGES: Mapping[str, tuple[str, str]] = {
    "rate": (RATE, "Overinterpretation rate in the version's newest audit."),
    "rate_low": (f"{RATE}_low", "Lower end of the interval of the overinterpretation rate."),
    "rate_high": (f"{RATE}_high", "Upper end of the interval of the overinterpretation rate."),
    "companion": (
        f"{RATE}_class_targeted",
        "The same share for a random other class, which shows what masks can do without the class.",
    ),
    "companion_low": (f"{RATE}_class_targeted_low", "Lower end of the interval of the class-targeted share."),
    "companion_high": (f"{RATE}_class_targeted_high", "Upper end of the interval of the class-targeted share."),
    "subset_fraction_median": (
        "modicum_model_subset_fraction_median",
        "Median subset fraction in the version's newest audit.",
    ),
    "images": ("modicum_model_audited_images", "Number of images in the overinterpretation rate."),
}


#: Of what is limited: what each project uses.
PROJECT_GAUGES: Mapping[str, tuple[str, str]] = {
    "stored_bytes": ("modicum_project_stored_bytes", "Bytes of the project's artifacts, results included."),
    "queued_audits": ("modicum_project_queued_audits", "Audits of the project that no worker has begun."),
    "passes_left": (
        "modicum_project_passes_left",
        "Passes that are planned for the project's audits and not made yet, in pass-equivalents.",
    ),
    "principal_stored_bytes": (
        "modicum_project_principal_stored_bytes",
        "Bytes of the project's artifacts that one principal uploaded; the largest such number.",
    ),
    "principal_queued_audits": (
        "modicum_project_principal_queued_audits",
        "Audits of one principal in the project that no worker has begun; the largest such number.",
    ),
    "principal_passes_left": (
        "modicum_project_principal_passes_left",
        "Passes that are planned for one principal's audits in the project and not made yet; the largest such number.",
    ),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read from the store: facts, audits by state, failed audits by reason, and what projects use."""

    facts: Mapping[str, float]
    audits: Mapping[AuditState, int]
    failed: Mapping[str, int]
    projects: Sequence[ProjectUse] = ()

    def within(self, sight: Sight) -> "Stored":
        """Return it with the projects in sight only."""
        return replace(self, projects=[use for use in self.projects if sight.covers(use.project)])


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of a folder, in bytes."""

    free: int
    size: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a scrape shows besides what the process counts. None and missing keys mean unknown."""

    dependencies: Mapping[str, bool] = field(default_factory=dict)
    stored: Stored | None = None
    versions: VersionReadings = field(default_factory=VersionReadings)
    disk: Disk | None = None

    def within(self, sight: Sight) -> "Snapshot":
        """Return this snapshot without the series that have names of projects beyond the sight."""
        stored = None if self.stored is None else self.stored.within(sight)
        return replace(self, stored=stored, versions=self.versions.within(sight))


class SnapshotCollector(Collector):
    """Shows the snapshot that was set last."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        snapshot = self.snapshot
        yield _by_label(
            "modicum_dependency_up",
            "Whether a dependency of the API is available.",
            "dependency",
            {name: float(up) for name, up in snapshot.dependencies.items()},
        )
        yield from _stored(snapshot.stored)
        yield from _disk(snapshot.disk)
        yield from _versions(snapshot.versions)


def _stored(stored: Stored | None) -> Iterator[Metric]:
    facts = {} if stored is None else stored.facts
    for fact, (name, text) in FACT_GAUGES.items():
        yield GaugeMetricFamily(name, text, value=facts.get(fact))
    yield CounterMetricFamily(*EXPIRED, value=facts.get("expired_total"))
    yield CounterMetricFamily(*COLLECTED, value=facts.get("collected_bytes_total"))
    audits = {} if stored is None else {state.value: stored.audits.get(state, 0) for state in AuditState}
    yield _by_label("modicum_audits", "Stored audits, by state.", "state", audits)
    failed = {} if stored is None else stored.failed
    yield _by_label("modicum_audits_failed", "Stored FAILED audits, by reason.", "reason", failed)
    projects = () if stored is None else stored.projects
    for field_name, (name, text) in PROJECT_GAUGES.items():
        used = {_last(use.project): float(getattr(use, field_name)) for use in projects}
        yield _by_label(name, text, "project", used)


def _disk(disk: Disk | None) -> Iterator[Metric]:
    free, size = (None, None) if disk is None else (disk.free, disk.size)
    name = "modicum_artifact_store"
    yield GaugeMetricFamily(f"{name}_free_bytes", "Free space of the artifact folder's file system.", value=free)
    yield GaugeMetricFamily(f"{name}_size_bytes", "Size of the artifact folder's file system.", value=size)


def _versions(versions: VersionReadings) -> Iterator[Metric]:
    for field_name, (name, text) in HEADLINE_GAUGES.items():
        family = GaugeMetricFamily(name, text, labels=VERSION_LABELS)
        for reading in versions.readings:
            value = getattr(reading.headline, field_name)
            if value is not None:
                family.add_metric(_names(reading), float(value))
        yield family
    yield from _audits_of_versions(versions)
    yield from _verdicts_of_versions(versions)
    yield GaugeMetricFamily(
        "modicum_models_left_out",
        "Audited versions without series here, to limit their number.",
        value=versions.left_out,
    )


def _audits_of_versions(versions: VersionReadings) -> Iterator[Metric]:
    ended = GaugeMetricFamily(
        "modicum_model_last_audit_timestamp_seconds", "End of the version's newest audit.", labels=VERSION_LABELS
    )
    described = GaugeMetricFamily(
        "modicum_model_last_audit_info",
        "Always 1. The labels are the version's newest audit, its data set and the search of the measures. Rates "
        "compare only where data set and search are equal.",
        labels=(*VERSION_LABELS, "audit", "dataset", *TERMS),
    )
    found = GaugeMetricFamily(
        "modicum_model_last_audit_found_info",
        "Always 1. The labels are the version's newest audit, the worst outcome of its controls that decide, and what "
        "was found, in words.",
        labels=(*VERSION_LABELS, "audit", "found", "headline"),
    )
    for reading in versions.readings:
        ended.add_metric(_names(reading), reading.audit.end_time.timestamp())
        described.add_metric([*_names(reading), *_terms(reading)], 1.0)
        said = reading.headline.outcome, reading.headline.sentence
        found.add_metric([*_names(reading), _last(reading.audit.audit), *said], 1.0)
    yield from (ended, described, found)


def _verdicts_of_versions(versions: VersionReadings) -> Iterator[Metric]:
    judged = GaugeMetricFamily(
        "modicum_model_last_verdict_timestamp_seconds",
        "When the newest verdict on an audit of the version was made.",
        labels=VERSION_LABELS,
    )
    described = GaugeMetricFamily(
        "modicum_model_last_verdict_info",
        "Always 1. The labels are the newest verdict on an audit of the version, that audit and the verdict's outcome.",
        labels=(*VERSION_LABELS, "audit", "verdict", "outcome"),
    )
    for reading in versions.readings:
        if (verdict := reading.verdict) is not None:
            judged.add_metric(_names(reading), verdict.create_time.timestamp())
            described.add_metric([*_names(reading), _last(verdict.audit), _last(verdict.verdict), verdict.outcome], 1.0)
    yield from (judged, described)


def _terms(reading: VersionReading) -> tuple[str, ...]:
    audit, headline = reading.audit, reading.headline
    limits = (f"{limit:g}" for limit in (headline.threshold, headline.alpha))
    names = (_last(audit.audit), _last(audit.dataset), headline.method.lower())
    return (*names, *limits, headline.fill.lower(), headline.canvas, str(headline.passes))


def _names(reading: VersionReading) -> list[str]:
    """projects/P/models/M/versions/V -> P, M, V."""
    return reading.audit.model_version.split("/")[1::2]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _by_label(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
