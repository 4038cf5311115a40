"""SCORE shards of no search: one version predicts whole images of the out-of-distribution data set, a pass each.

To the model's process they are subsets that keep every pixel: nothing is masked, so no fill is seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import AuditItem, AuditSpecification, Shard
from modicum_server.domain.findings import Finding, FindingReason, Prediction, whole_subset
from modicum_server.domain.searches import Fill
from modicum_server.domain.tasks import GivenSubset, ScoreWork, SubsetScore, Task, TaskScores, TaskStarted
from modicum_server.ports import Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.inputs import framing_of
from modicum_server.worker.carrying_out import carried_out
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.parameters import started_parameters
from modicum_server.worker.planning import device_of, parts_of
from modicum_server.worker.running import task_events
from modicum_server.worker.stages import end_shard
from modicum_server.worker.transferring import audited_versions
from modicum_server.worker.writing import prediction_writer

ANY_CLASS = 0
"""Its confidence is asked and not looked at: there is always a first class."""


async def predict(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on such a shard to one of its ends.

    Raises:
        ShardInterrupted: the shard is no longer wanted; what was predicted until then is stored, unless it was lost.
    """
    task = await plan_prediction(equipment.store, claim.shard, equipment.settings)
    if task is None:
        return await end_shard(equipment, claim)
    return await carried_out(equipment, claim, task, _run(equipment, claim, task), PredictionsLeft(claim.shard))


async def _run(equipment: Equipment, claim: Claim, task: Task) -> None:
    async with prediction_writer(equipment, claim) as writer:
        async for event in task_events(equipment.model_server, claim, task):
            if isinstance(event, TaskStarted):
                writer.note(started_parameters(event, [], equipment.settings.max_image_pixels))
            scores = event.scores if isinstance(event, TaskScores) else ()
            await writer.add([_prediction(one) for one in scores])


def _prediction(score: SubsetScore) -> Prediction:
    if score.reason is not None:
        return Prediction(score.given.position, reason=score.reason)
    return Prediction(score.given.position, score.predicted_class)


async def plan_prediction(store: Store, shard: Shard, settings: Settings) -> Task | None:
    """Plan what is left of the shard; None when nothing is left or the audit has ended."""
    async with store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return None
        audit = await transaction.audits.get(shard.audit)
        version = await transaction.models.version(shard.model_version)
        if audit is None or audit.state.terminal or version is None:
            return None
        left = await positions_left(transaction, shard)
        if not left:
            return None
        return Task(
            id=str(shard.id),
            attempt=shard.attempt,
            model_version=version,
            work=await _work(transaction, shard, audit.specification, left, settings),
            parts=await parts_of(transaction, version),
            device=device_of(audit.specification, settings),
        )


async def _work(
    transaction: Transaction,
    shard: Shard,
    specification: AuditSpecification,
    positions: Sequence[int],
    settings: Settings,
) -> ScoreWork:
    canvas = specification.canvas
    everything = whole_subset(canvas.height, canvas.width)
    items = await transaction.datasets.items_at(specification.out_of_distribution_dataset, positions)
    return ScoreWork(
        canvas=canvas,
        fill=Fill.MEAN,
        threshold=1.0,
        seed=specification.seed,
        items=tuple(
            AuditItem(position, item.item, item.image_digest, None)
            for position, item in zip(positions, items, strict=True)
        ),
        subsets=tuple(GivenSubset(position, shard.model_version, ANY_CLASS, everything) for position in positions),
        framing=framing_of(canvas, await audited_versions(transaction, specification)),
        max_image_pixels=settings.max_image_pixels,
    )


async def positions_left(transaction: Transaction, shard: Shard) -> tuple[int, ...]:
    """The shard's positions without a stored prediction, rising."""
    done: Mapping[int, int | None] = await transaction.predictions.of(shard.audit, shard.model_version)
    return tuple(sorted(set(shard.positions) - done.keys()))


@dataclass(frozen=True, slots=True)
class PredictionsLeft:
    """What is left of such a shard whose model ended; `deaths.Remains`."""

    shard: Shard
    missing: tuple[str, str] = ("SCORES_MISSING", "prediction")

    async def left(self, transaction: Transaction) -> tuple[int, ...]:
        """Positions without a prediction, rising."""
        return await positions_left(transaction, self.shard)

    async def bury(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Give them the reason for an answer; no finding is new."""
        answers = [Prediction(position, reason=reason) for position in positions]
        await transaction.predictions.add(self.shard.audit, self.shard.model_version, answers)
        return ()
