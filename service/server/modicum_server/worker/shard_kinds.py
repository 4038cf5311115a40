"""The seven kinds of shards. Each is planned, run and settled.

Every function works on a claim to the end of its shard and raises ShardInterrupted when the shard is no longer wanted.
What was found until then is stored, unless the lease was lost.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from modicum_server.domain.audits import COUNTERFACTUAL, OUT_OF_DISTRIBUTION, SPOTS, Shard, Stage, retested_version
from modicum_server.domain.tasks import Task
from modicum_server.ports import spanned
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import Ending, Outcome
from modicum_server.worker.plan.check import plan_check
from modicum_server.worker.plan.prediction_task import plan_predictions
from modicum_server.worker.plan.score import ScorePlan, plan_score
from modicum_server.worker.plan.search import SearchPlan, plan_search
from modicum_server.worker.plan.spots import plan_spots
from modicum_server.worker.plan.summary import Subject, plan_summary
from modicum_server.worker.plan.swap import plan_swap
from modicum_server.worker.run.beginning import begin_audit
from modicum_server.worker.run.check import run_check
from modicum_server.worker.run.results import findings, predictions, spots, transfers
from modicum_server.worker.run.summary import run_summary, summary_folder
from modicum_server.worker.run.swap import run_swap
from modicum_server.worker.run.task import run_task
from modicum_server.worker.settle.remaining import (
    RemainingFindings,
    RemainingPredictions,
    RemainingScores,
    RemainingSpots,
)
from modicum_server.worker.settle.shards import settle
from modicum_server.worker.settle.summary import settle_summary

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class ShardKind(Generic[P]):
    """A kind of shards.

    Attributes:
        plan: makes a plan from what is stored, or says how the shard ends without one.
        carry_out: runs the plan and settles the shard.
    """

    plan: Callable[[WorkerContext, Shard], Awaitable[P | Ending]]
    carry_out: Callable[[WorkerContext, Claim, P], Awaitable[Outcome]]

    async def work_on(self, context: WorkerContext, claim: Claim) -> Outcome:
        """Work on a claim of this kind."""
        with spanned(context.traces, "plan", claim.span.traceparent):
            plan = await self.plan(context, claim.shard)
        if isinstance(plan, Ending):
            return await settle(context, claim, plan)
        return await self.carry_out(context, claim, plan)


async def _check(context: WorkerContext, claim: Claim, task: Task) -> Outcome:
    """CHECK: load a version once, and accept or reject it."""
    return await settle(context, claim, await run_check(context, claim, task))


async def _swap_spot(context: WorkerContext, claim: Claim, task: Task) -> Outcome:
    """SWAP: one version scores the pictures of a swap of a spot."""
    return await settle(context, claim, await run_swap(context, claim, task))


async def _search(context: WorkerContext, claim: Claim, plan: SearchPlan) -> Outcome:
    """SEARCH: one version and one search, on the images that have no finding yet."""
    if plan.begins_audit:
        await begin_audit(context, claim)
    ending = await run_task(context, claim, plan.task, findings(context, claim))
    return await settle(context, claim, ending, RemainingFindings(claim.shard, plan.task))


async def _score(context: WorkerContext, claim: Claim, plan: ScorePlan) -> Outcome:
    """SCORE of a search: one version scores the subsets that the others found."""
    ending = await run_task(context, claim, plan.task, transfers(context, claim, plan))
    return await settle(context, claim, ending, RemainingScores(claim.shard))


async def _predict(context: WorkerContext, claim: Claim, task: Task) -> Outcome:
    """SCORE of no search: one version predicts whole images of another data set."""
    ending = await run_task(context, claim, task, predictions(context, claim))
    return await settle(context, claim, ending, RemainingPredictions(claim.shard))


async def _test_spots(context: WorkerContext, claim: Claim, task: Task) -> Outcome:
    """SCORE of no search: one version, and the classes whose spots it tests."""
    ending = await run_task(context, claim, task, spots(context, claim))
    return await settle(context, claim, ending, RemainingSpots(claim.shard))


async def _summarise(context: WorkerContext, claim: Claim, subject: Subject) -> Outcome:
    """SUMMARISE: write the findings artifact and the result document."""
    async with summary_folder() as folder:
        with spanned(context.traces, "summarise", claim.span.traceparent):
            summary = await run_summary(context, claim, subject, folder)
        with spanned(context.traces, "settle", claim.span.traceparent):
            return await settle_summary(context, claim, summary)


_PREDICTIONS = ShardKind(plan_predictions, _predict)
_SPOTS = ShardKind(plan_spots, _test_spots)
_BY_STAGE: Mapping[Stage, ShardKind[Any]] = {
    Stage.CHECK: ShardKind(plan_check, _check),
    Stage.SEARCH: ShardKind(plan_search, _search),
    Stage.SCORE: ShardKind(plan_score, _score),
    Stage.SUMMARISE: ShardKind(plan_summary, _summarise),
    Stage.SWAP: ShardKind(plan_swap, _swap_spot),
}


async def work_on(context: WorkerContext, claim: Claim) -> Outcome:
    """Work on a claim, whatever its kind."""
    return await _kind_of(claim.shard).work_on(context, claim)


def _kind_of(shard: Shard) -> ShardKind[Any]:
    if shard.search_index in {OUT_OF_DISTRIBUTION, COUNTERFACTUAL}:
        return _PREDICTIONS
    if shard.search_index == SPOTS or retested_version(shard.search_index) is not None:
        return _SPOTS
    return _BY_STAGE[shard.stage]
