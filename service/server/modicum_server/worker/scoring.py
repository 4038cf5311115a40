"""SCORE shards: one version scores the subsets that the others found, and its answers go to their findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modicum_server.domain.audits import OUT_OF_DISTRIBUTION, AuditItem, AuditSpecification, Shard
from modicum_server.domain.findings import Finding, FindingReason, FoundSubset, Transfer, TransferFinding
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import Fill
from modicum_server.domain.tasks import GivenSubset, ScoreWork, SubsetScore, Task, TaskScores, TaskStarted
from modicum_server.errors import TaskFailed
from modicum_server.ports import Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.inputs import framing_of
from modicum_server.worker.carrying_out import carried_out
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.donors import donors_of
from modicum_server.worker.parameters import started_parameters
from modicum_server.worker.planning import device_of, parts_of
from modicum_server.worker.predicting import predict
from modicum_server.worker.running import task_events
from modicum_server.worker.stages import end_shard
from modicum_server.worker.transferring import audited_versions, sources_of
from modicum_server.worker.writing import transfer_writer


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """A task, and for each version whose subsets it scores the scorer's index of each of that version's classes."""

    task: Task
    work: ScoreWork
    classes: Mapping[str, tuple[int, ...]]


async def score(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on a SCORE shard to one of its ends.

    Raises:
        ShardInterrupted: the shard is no longer wanted; what was scored until then is stored, unless it was lost.
    """
    if claim.shard.search_index == OUT_OF_DISTRIBUTION:
        return await predict(equipment, claim)
    plan = await plan_score(equipment.store, claim.shard, equipment.settings)
    if plan is None:
        return await end_shard(equipment, claim)
    return await carried_out(equipment, claim, plan.task, _run(equipment, claim, plan), ScoresLeft(claim.shard))


async def _run(equipment: Equipment, claim: Claim, plan: ScorePlan) -> None:
    async with transfer_writer(equipment, claim) as writer:
        async for event in task_events(equipment.model_server, claim, plan.task):
            if isinstance(event, TaskStarted):
                donors = [donor.image_digest for donor in plan.work.donors]
                writer.note(started_parameters(event, donors, plan.work.max_image_pixels))
            scores = event.scores if isinstance(event, TaskScores) else ()
            await writer.add([_transfer(one, plan, claim.shard.model_version) for one in scores])


def _transfer(score: SubsetScore, plan: ScorePlan, scorer: str) -> Transfer:
    """The answer in the words of the finding: its version's classes, its search's threshold."""
    given, predicted = score.given, score.predicted_class
    if score.reason is not None or predicted is None:
        return Transfer(given.position, given.source, TransferFinding(scorer, reason=score.reason))
    classes = plan.classes[given.source]
    if predicted not in classes:
        raise TaskFailed("OUTPUT_SHAPE", f"the model predicts class {predicted}, which is none", model_at_fault=True)
    answer = TransferFinding(
        scorer, score.confidence, score.confidence >= plan.work.threshold, classes.index(predicted)
    )
    return Transfer(given.position, given.source, answer)


async def plan_score(store: Store, shard: Shard, settings: Settings) -> ScorePlan | None:
    """Plan what is left of the shard; None when nothing is left or the audit has ended."""
    async with store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return None
        audit = await transaction.audits.get(shard.audit)
        if audit is None or audit.state.terminal:
            return None
        versions = await audited_versions(transaction, audit.specification)
        left = await subsets_left(transaction, shard, versions)
        if not left:
            return None
        scorer = _scorer(shard, versions)
        classes = sources_of(scorer, versions)
        work = replace(
            await _work(transaction, shard, audit.specification, versions, settings),
            items=await _items(transaction, shard, left),
            subsets=tuple(_given(one, classes[one.model_version]) for one in left),
        )
        task = Task(
            id=str(shard.id),
            attempt=shard.attempt,
            model_version=scorer,
            work=work,
            parts=await parts_of(transaction, scorer),
            device=device_of(audit.specification, settings),
        )
    return ScorePlan(task, work, classes)


async def _work(
    transaction: Transaction,
    shard: Shard,
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    settings: Settings,
) -> ScoreWork:
    """What is the same for all subsets of a shard."""
    search = specification.searches[shard.search_index]
    donors: tuple[AuditItem, ...] = ()
    if search.fill is Fill.MARGINAL:
        dataset = await transaction.datasets.get(specification.dataset)
        assert dataset is not None, "a data set that an audit refers to is not deleted"
        donors = await donors_of(transaction, dataset, seed=specification.seed)
    return ScoreWork(
        canvas=specification.canvas,
        fill=search.fill,
        threshold=search.threshold,
        seed=specification.seed,
        items=(),
        subsets=(),
        donors=donors,
        framing=framing_of(specification.canvas, versions),
        max_image_pixels=settings.max_image_pixels,
    )


async def subsets_left(
    transaction: Transaction, shard: Shard, versions: Sequence[ModelVersion]
) -> tuple[FoundSubset, ...]:
    """What the shard's version has not answered for, by position; of versions that share its classes."""
    sources = sources_of(_scorer(shard, versions), versions)
    left = await transaction.findings.unscored_subsets(
        shard.audit, shard.model_version, shard.search_index, shard.positions
    )
    return tuple(one for one in left if one.model_version in sources)


def _scorer(shard: Shard, versions: Sequence[ModelVersion]) -> ModelVersion:
    return next(version for version in versions if version.name == shard.model_version)


async def _items(transaction: Transaction, shard: Shard, left: Sequence[FoundSubset]) -> tuple[AuditItem, ...]:
    positions = sorted({one.position for one in left})
    rows = await transaction.audits.items(shard.audit, positions)
    return tuple(AuditItem(position, item.item, item.image_digest, None) for position, item in rows)


def _given(found: FoundSubset, classes: Sequence[int]) -> GivenSubset:
    return GivenSubset(found.position, found.model_version, classes[found.target_class], found.subset)


async def _left(transaction: Transaction, shard: Shard) -> tuple[FoundSubset, ...]:
    audit = await transaction.audits.get(shard.audit)
    if audit is None:
        return ()
    return await subsets_left(transaction, shard, await audited_versions(transaction, audit.specification))


@dataclass(frozen=True, slots=True)
class ScoresLeft:
    """What is left of a SCORE shard whose model ended; `deaths.Remains`."""

    shard: Shard
    missing: tuple[str, str] = ("SCORES_MISSING", "score")

    async def left(self, transaction: Transaction) -> tuple[int, ...]:
        """Positions with a subset that has no answer, rising."""
        return tuple(sorted({one.position for one in await _left(transaction, self.shard)}))

    async def bury(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Give their subsets the reason for an answer; no finding is new."""
        left = [one for one in await _left(transaction, self.shard) if one.position in positions]
        answer = TransferFinding(self.shard.model_version, reason=reason)
        transfers = [Transfer(one.position, one.model_version, answer) for one in left]
        await transaction.findings.add_transfers(self.shard.audit, self.shard.search_index, transfers)
        return ()
