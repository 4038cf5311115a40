"""The kinds of results of tasks: what an event brings of them, how they are stored, and how they are counted."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from modicum_server.domain.audits import COUNTERFACTUAL, Shard
from modicum_server.domain.findings import Finding, Prediction, Transfer, TransferFinding
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.tasks import SubsetScore, TaskEvent, TaskFindings, TaskScores, TaskSpots
from modicum_server.model_server import TaskFailed
from modicum_server.ports import Transaction
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.plan.score import ScorePlan
from modicum_server.worker.stored_work import chooser_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResultKind(Generic[T]):
    """A kind of results.

    Attributes:
        of_event: the results that an event brings.
        store: stores some of them in a transaction.
        count: counts them in the metrics once they are stored.
    """

    of_event: Callable[[TaskEvent], Sequence[T]]
    store: Callable[[Transaction, Sequence[T]], Awaitable[None]]
    count: Callable[[Sequence[T]], None]


def findings(context: WorkerContext, claim: Claim) -> ResultKind[Finding]:
    """Return the findings of a search."""

    def of_event(event: TaskEvent) -> Sequence[Finding]:
        return event.findings if isinstance(event, TaskFindings) else ()

    async def store(transaction: Transaction, stored: Sequence[Finding]) -> None:
        await transaction.findings.add(claim.shard.audit, stored)

    return ResultKind(of_event, store, context.metrics.passes.findings_stored)


def transfers(context: WorkerContext, claim: Claim, plan: ScorePlan) -> ResultKind[Transfer]:
    """Return a version's scores of other versions' subsets."""

    def of_event(event: TaskEvent) -> Sequence[Transfer]:
        return [_transfer(score, plan) for score in _scores(event)]

    async def store(transaction: Transaction, stored: Sequence[Transfer]) -> None:
        await transaction.findings.add_transfers(claim.shard.audit, claim.shard.search_index, stored)

    return ResultKind(of_event, store, context.metrics.passes.transfers_stored)


def predictions(context: WorkerContext, claim: Claim) -> ResultKind[Prediction]:
    """Return a version's predictions on whole images."""

    def of_event(event: TaskEvent) -> Sequence[Prediction]:
        return [_prediction(score, claim.shard) for score in _scores(event)]

    async def store(transaction: Transaction, stored: Sequence[Prediction]) -> None:
        shard = claim.shard
        await transaction.predictions.add(shard.audit, shard.model_version, shard.search_index, stored)

    return ResultKind(of_event, store, context.metrics.passes.predictions_stored)


def spots(context: WorkerContext, claim: Claim) -> ResultKind[SpotRow]:
    """Return a version's rows of the spot test."""

    def of_event(event: TaskEvent) -> Sequence[SpotRow]:
        return event.rows if isinstance(event, TaskSpots) else ()

    async def store(transaction: Transaction, stored: Sequence[SpotRow]) -> None:
        chosen_by = await chooser_of(transaction, claim.shard)
        await transaction.spots.add(claim.shard.audit, claim.shard.model_version, stored, chosen_by=chosen_by)

    return ResultKind(of_event, store, context.metrics.passes.spots_stored)


def _scores(event: TaskEvent) -> Sequence[SubsetScore]:
    return event.scores if isinstance(event, TaskScores) else ()


def _transfer(score: SubsetScore, plan: ScorePlan) -> Transfer:
    """The score in the words of the finding: its version's classes, its search's threshold."""
    given, predicted, scorer = score.given, score.predicted_class, plan.task.model_version.name
    if score.reason is not None or predicted is None:
        return Transfer(given.position, given.source, TransferFinding(scorer, reason=score.reason))
    classes = plan.classes[given.source]
    if predicted not in classes:
        expected = f"the version has classes 0 to {len(classes) - 1}"
        raise TaskFailed("OUTPUT_SHAPE", f"the model predicted class {predicted}, but {expected}", model_at_fault=True)
    sufficient = score.confidence >= plan.threshold
    transferred = TransferFinding(scorer, score.confidence, sufficient, classes.index(predicted))
    return Transfer(given.position, given.source, transferred)


def _prediction(score: SubsetScore, shard: Shard) -> Prediction:
    """The score as a prediction. Its confidence is of a partner's class, which only a counterfactual has."""
    if score.reason is not None:
        return Prediction(score.given.position, reason=score.reason)
    confidence = score.confidence if shard.search_index == COUNTERFACTUAL else None
    return Prediction(score.given.position, score.predicted_class, confidence=confidence)
