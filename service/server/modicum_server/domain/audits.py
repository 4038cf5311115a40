"""Audits: what was requested, their state, and the shards of their work."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from modicum_server.domain.searches import Canvas, ControlPlan, Search
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.domain.stopping import Stopping
from modicum_server.domain.traces import NO_CAUSE, Cause


class AuditState(StrEnum):
    """The state of an audit."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        """Whether the audit has ended."""
        return self in {AuditState.SUCCEEDED, AuditState.FAILED, AuditState.CANCELLED}


class Stage(StrEnum):
    """The stage of an audit, and the kind of a shard.

    CHECK loads a version once and belongs to no audit. SWAP belongs to a swap of a spot, whose name stands in place
    of an audit's.
    """

    CHECK = "CHECK"
    SWAP = "SWAP"
    SEARCH = "SEARCH"
    SCORE = "SCORE"
    SUMMARISE = "SUMMARISE"


@dataclass(frozen=True, slots=True)
class AuditSpecification:
    """What an audit is to do, with every default filled in.

    `sample` 0 means all items. An empty `out_of_distribution_dataset` or `counterfactual_dataset` means none. Without
    `stopping`, the audit ends only when all its images are done.
    """

    model_versions: tuple[str, ...]
    dataset: str
    canvas: Canvas
    searches: tuple[Search, ...]
    controls: tuple[ControlPlan, ...]
    seed: int
    sample: int
    device: str
    out_of_distribution_dataset: str = ""
    statistics: Statistics = DEFAULTS
    counterfactual_dataset: str = ""
    stopping: Stopping | None = None

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of its data sets."""
        named = (self.dataset, self.out_of_distribution_dataset, self.counterfactual_dataset)
        return tuple(name for name in named if name)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON.

        Fields that are newer than the first audits are left out while they have their default value, so that old audits
        keep their digest: statistics, the counterfactual data set, `stopping`, the method of a control, the class of a
        limit.
        """
        values = asdict(self)
        if self.statistics == DEFAULTS:
            del values["statistics"]
        if not self.counterfactual_dataset:
            del values["counterfactual_dataset"]
        if self.stopping is None:
            del values["stopping"]
        for limit in values.get("stopping", {}).get("limits", ()):
            if not limit["class_label"]:
                del limit["class_label"]
        for plan in values["controls"]:
            if plan["method"] is None:
                del plan["method"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """How far an audit is. Images count findings: items times versions times searches."""

    images_done: int = 0
    images_total: int = 0
    images_failed: int = 0
    passes_done: int = 0
    passes_planned: int = 0
    mean_subset_fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Unended:
    """What a project has of audits that have not ended: those queued and passes left, in all and of one principal."""

    queued: int
    queued_by_principal: int
    passes: int
    passes_by_principal: int


@dataclass(frozen=True, slots=True)
class AuditFailure:
    """Why an audit failed. `detail` is safe to show to callers."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """What a result says of the version with the worst outcome: for lists, which read no document.

    `spots` is the outcome of its spot test, `mitigation` that of the first check of an ensemble. A text is empty where
    the result has none.
    """

    model_version: str
    outcome: str
    headline: str
    spots: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit as it stands. Audits of equal `reuse_key` have equal results.

    `erased` counts its pictures, over all of its data sets, that were erased after it ended. `outcome` is None until it
    succeeds, and where an earlier release wrote the result. The two `delete_time`s say when the retention of its
    project deleted its findings, and its result; None while they are kept.
    """

    name: str
    specification: AuditSpecification
    reuse_key: str
    item_count: int
    state: AuditState
    sequence: int
    principal: str
    create_time: datetime
    stage: Stage | None = None
    progress: AuditProgress = AuditProgress()
    failure: AuditFailure | None = None
    result_digest: str = ""
    reused_from: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    erased: int = 0
    outcome: AuditOutcome | None = None
    findings_delete_time: datetime | None = None
    report_delete_time: datetime | None = None

    def wants(self, stage: Stage) -> bool:
        """Whether work of this stage is still wanted."""
        return not self.state.terminal and self.stage in {None, stage}


@dataclass(frozen=True, slots=True)
class AuditItem:
    """One image of an audit. `position` is its place among the audit's items, `label` a class index.

    `boxes_digest` or `mask_digest` name its objects. Both are empty if it has none.
    """

    position: int
    item: str
    image_digest: str
    label: int | None
    boxes_digest: str = ""
    mask_digest: str = ""


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """How many images of an audit have a label, boxes, a mask. All that were drawn count, also where it ended early."""

    with_labels: int
    with_boxes: int
    with_masks: int


OUT_OF_DISTRIBUTION = -1
"""Search index of SCORE shards that are of no search: positions are items of the out-of-distribution data set."""


SPOTS = -2
"""Search index of SCORE shards of the spot test: positions are numbers of rows."""


COUNTERFACTUAL = -3
"""Search index of SCORE shards of the counterfactual data set: positions are those of the paired items of the audit."""


RETESTS = -10
"""Search index of SCORE shards that test the spots of the version at index i of the audit on another: RETESTS - i."""


def retested_version(search_index: int) -> int | None:
    """Return the index of the version whose spots a shard tests on another; None for all other shards."""
    return RETESTS - search_index if search_index <= RETESTS else None


class Scoring(StrEnum):
    """What the SCORE stage does, by kind. A result names the kinds that were left out."""

    TRANSFER = "transfer"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    COUNTERFACTUAL = "counterfactual"
    SPOT = "spot"
    SPOT_COMPARISON = "spot_comparison"


_SCORING_OF_NO_SEARCH = {
    OUT_OF_DISTRIBUTION: Scoring.OUT_OF_DISTRIBUTION,
    SPOTS: Scoring.SPOT,
    COUNTERFACTUAL: Scoring.COUNTERFACTUAL,
}


def scoring_of(search_index: int) -> Scoring:
    """Return of which kind a SCORE shard is."""
    if retested_version(search_index) is not None:
        return Scoring.SPOT_COMPARISON
    return _SCORING_OF_NO_SEARCH.get(search_index, Scoring.TRANSFER)


@dataclass(frozen=True, slots=True)
class NewShard:
    """Work to be queued: items of one version and one search, about 60 s of planned passes.

    A CHECK has no items, and those of a SWAP are its pictures.
    """

    stage: Stage
    model_version: str
    search_index: int = 0
    positions: tuple[int, ...] = ()
    passes_planned: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """Work that a worker holds.

    `attempt` guards every write. `failed_tries` counts the tries that failed, because the model's
    process died, hung or refused the task, or because the server's own code failed.
    """

    id: int
    project: str
    audit: str
    stage: Stage
    model_version: str
    search_index: int
    positions: tuple[int, ...]
    attempt: int
    failed_tries: int
    passes_planned: int
    waited_seconds: float = field(default=0.0, compare=False)
    """Time from when it could have been claimed to this claim."""
    away_seconds: float = field(default=0.0, compare=False)
    """How long it has waited for something that is away; 0 if it does not wait."""
    cause: Cause = field(default=NO_CAUSE, compare=False)
    """The call that it was queued for; shards that follow it have the same."""


class LeaseState(StrEnum):
    """The result of a renewal."""

    HELD = "HELD"
    LOST = "LOST"
    CANCELLED = "CANCELLED"
