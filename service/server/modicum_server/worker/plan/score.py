"""The task of a SCORE shard of a search: one version scores the subsets that the others found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit, AuditItem, Shard
from modicum_server.domain.classes import scorable_sources
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import FoundSubset
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import Fill
from modicum_server.domain.tasks import GivenSubset, ScoreWork, Task
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.input_specifications import framing_of
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import EndShard
from modicum_server.worker.plan.donors import donors_of
from modicum_server.worker.plan.tasks import device_of, task_of
from modicum_server.worker.stored_work import audited_versions, held_audit, parts_of, scorer_of, unscored_subsets


@dataclass(frozen=True, slots=True)
class StoredSubsets:
    """What the task of a SCORE shard is made from; `items` are the images of the subsets, by position."""

    audit: Audit
    versions: Sequence[ModelVersion]
    parts: tuple[ModelVersion, ...]
    subsets: Sequence[FoundSubset]
    items: Sequence[tuple[int, DatasetItem]]
    donors: tuple[AuditItem, ...]


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """A task, and how its scores are read.

    Attributes:
        threshold: the confidence from which a subset suffices.
        classes: for each version whose subsets are scored, the scorer's index of each of its classes.
    """

    task: Task
    threshold: float
    classes: Mapping[str, tuple[int, ...]]


async def plan_score(context: WorkerContext, shard: Shard) -> ScorePlan | EndShard:
    """Plan what is left of the shard."""
    async with context.store.transaction() as transaction:
        stored = await _load(transaction, shard)
    return EndShard() if stored is None else score_plan(shard, stored, context.settings)


async def _load(transaction: Transaction, shard: Shard) -> StoredSubsets | None:
    """Gather the inputs; None where nothing is left, the shard is no longer held or its audit has ended."""
    audit = await held_audit(transaction, shard)
    if audit is None:
        return None
    versions = await audited_versions(transaction, audit.specification)
    subsets = await unscored_subsets(transaction, shard, versions)
    if not subsets:
        return None
    marginal = audit.specification.searches[shard.search_index].fill is Fill.MARGINAL
    return StoredSubsets(
        audit,
        versions,
        parts=await parts_of(transaction, scorer_of(shard, versions)),
        subsets=subsets,
        items=await transaction.audits.items(shard.audit, sorted({one.position for one in subsets})),
        donors=await donors_of(transaction, audit) if marginal else (),
    )


def score_plan(shard: Shard, stored: StoredSubsets, settings: Settings) -> ScorePlan:
    """Return the task on the subsets that are not scored yet."""
    specification, scorer = stored.audit.specification, scorer_of(shard, stored.versions)
    search = specification.searches[shard.search_index]
    classes = scorable_sources(scorer, stored.versions)
    work = ScoreWork(
        canvas=specification.canvas,
        fill=search.fill,
        threshold=search.threshold,
        seed=specification.seed,
        items=tuple(AuditItem(position, item.item, item.image_digest, None) for position, item in stored.items),
        subsets=tuple(_given(one, classes[one.model_version]) for one in stored.subsets),
        donors=stored.donors,
        framing=framing_of(specification.canvas, stored.versions),
        max_image_pixels=settings.max_image_pixels,
    )
    task = task_of(shard, work, version=scorer, parts=stored.parts, device=device_of(specification, settings))
    return ScorePlan(task, search.threshold, classes)


def _given(found: FoundSubset, classes: Sequence[int]) -> GivenSubset:
    return GivenSubset(found.position, found.model_version, classes[found.target_class], found.subset)
