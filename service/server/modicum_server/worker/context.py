"""What a worker works with, and what it works on."""

from dataclasses import dataclass

from modicum_server.domain.audits import Shard
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServer
from modicum_server.ports import NO_SPAN, NO_TRACES, ArtifactStore, KeptArtifacts, Span, Store, Traces
from modicum_server.settings import Settings
from modicum_server.worker.ahead import Ahead
from modicum_server.worker.lease import Lease
from modicum_server.worker.pauses import PAUSES, Pauses


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What every kind of shard needs. `kept` is what this worker keeps on its disk; None where it keeps nothing.

    Such a worker fetches nothing ahead either.
    """

    store: Store
    artifact_store: ArtifactStore
    model_server: ModelServer
    settings: Settings
    metrics: WorkerMetrics
    pauses: Pauses = PAUSES
    kept: KeptArtifacts | None = None
    ahead: Ahead | None = None
    traces: Traces = NO_TRACES


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard that this worker holds, in one of the model server's slots."""

    shard: Shard
    slot: int
    lease: Lease
    span: Span = NO_SPAN
