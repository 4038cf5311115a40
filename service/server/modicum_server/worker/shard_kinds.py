"""The six kinds of shards. Each is planned, run and settled.

Every function works on a claim to the end of its shard and raises ShardInterrupted when the shard is no longer wanted.
What was found until then is stored, unless the lease was lost.
"""

from collections.abc import Awaitable, Callable, Mapping

from modicum_server.domain.audits import COUNTERFACTUAL, OUT_OF_DISTRIBUTION, SPOTS, Stage, retested_version
from modicum_server.domain.tasks import Task
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import Outcome
from modicum_server.worker.plan.check import plan_check
from modicum_server.worker.plan.prediction_task import plan_predictions
from modicum_server.worker.plan.score import ScorePlan, plan_score
from modicum_server.worker.plan.search import plan_search
from modicum_server.worker.plan.spots import plan_spots
from modicum_server.worker.plan.summary import Subject, plan_summary
from modicum_server.worker.run.check import run_check
from modicum_server.worker.run.results import findings, predictions, spots, transfers
from modicum_server.worker.run.summary import run_summary, summary_folder
from modicum_server.worker.run.task import run_task
from modicum_server.worker.settle.remaining import (
    RemainingFindings,
    RemainingPredictions,
    RemainingScores,
    RemainingSpots,
)
from modicum_server.worker.settle.shards import settle
from modicum_server.worker.settle.summary import settle_summary


async def check(context: WorkerContext, claim: Claim) -> Outcome:
    """CHECK: load a version once, and accept or reject it."""
    task = await plan_check(context, claim.shard)
    if not isinstance(task, Task):
        return await settle(context, claim, task)
    ending = await run_check(context, claim, task)
    return await settle(context, claim, ending)


async def search(context: WorkerContext, claim: Claim) -> Outcome:
    """SEARCH: one version and one search, on the images that have no finding yet."""
    task = await plan_search(context, claim.shard)
    if not isinstance(task, Task):
        return await settle(context, claim, task)
    ending = await run_task(context, claim, task, findings(context, claim))
    return await settle(context, claim, ending, RemainingFindings(claim.shard, task))


async def score(context: WorkerContext, claim: Claim) -> Outcome:
    """SCORE of a search: one version scores the subsets that the others found."""
    plan = await plan_score(context, claim.shard)
    if not isinstance(plan, ScorePlan):
        return await settle(context, claim, plan)
    ending = await run_task(context, claim, plan.task, transfers(context, claim, plan))
    return await settle(context, claim, ending, RemainingScores(claim.shard))


async def predict(context: WorkerContext, claim: Claim) -> Outcome:
    """SCORE of no search: one version predicts whole images of another data set."""
    task = await plan_predictions(context, claim.shard)
    if not isinstance(task, Task):
        return await settle(context, claim, task)
    ending = await run_task(context, claim, task, predictions(context, claim))
    return await settle(context, claim, ending, RemainingPredictions(claim.shard))


async def test_spots(context: WorkerContext, claim: Claim) -> Outcome:
    """SCORE of no search: one version, and the classes whose spots it tests."""
    task = await plan_spots(context, claim.shard)
    if not isinstance(task, Task):
        return await settle(context, claim, task)
    ending = await run_task(context, claim, task, spots(context, claim))
    return await settle(context, claim, ending, RemainingSpots(claim.shard))


async def summarise(context: WorkerContext, claim: Claim) -> Outcome:
    """SUMMARISE: write the findings artifact and the result document."""
    subject = await plan_summary(context, claim.shard)
    if not isinstance(subject, Subject):
        return await settle(context, claim, subject)
    async with summary_folder() as folder:
        summary = await run_summary(context, claim, subject, folder)
        return await settle_summary(context, claim, summary)


_BY_STAGE: Mapping[Stage, Callable[[WorkerContext, Claim], Awaitable[Outcome]]] = {
    Stage.CHECK: check,
    Stage.SEARCH: search,
    Stage.SCORE: score,
    Stage.SUMMARISE: summarise,
}


async def work_on(context: WorkerContext, claim: Claim) -> Outcome:
    """Work on a claim, whatever its kind."""
    if claim.shard.search_index in {OUT_OF_DISTRIBUTION, COUNTERFACTUAL}:
        return await predict(context, claim)
    if claim.shard.search_index == SPOTS or retested_version(claim.shard.search_index) is not None:
        return await test_spots(context, claim)
    return await _BY_STAGE[claim.shard.stage](context, claim)
