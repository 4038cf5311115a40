"""What a worker works with, what it holds, and how holding a shard can end."""

from dataclasses import dataclass
from enum import StrEnum

from modicum_server.domain.audits import Shard
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServer
from modicum_server.ports import ArtifactStore, Store
from modicum_server.settings import Settings
from modicum_server.worker.leasing import Lease


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every kind of shard is worked on with."""

    store: Store
    artifact_store: ArtifactStore
    model_server: ModelServer
    settings: Settings
    metrics: WorkerMetrics


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard that this worker holds, in one of the model server's slots."""

    shard: Shard
    slot: int
    lease: Lease


class Outcome(StrEnum):
    """How the work on a claim ended."""

    DONE = "done"
    LOST = "lost"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    SPLIT = "split"
    REJECTED = "rejected"
    FAILED = "failed"
