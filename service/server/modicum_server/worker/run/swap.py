"""Runs the task of a swap of a spot."""

from contextlib import aclosing

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.spot_swaps import VIEWS, SwapScore
from modicum_server.domain.tasks import SubsetScore, Task, TaskScores
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ExpectedResults
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import EndSwap, FailAudit, HandBack, IsolateImage
from modicum_server.worker.failures import ending_after, failure_of, report_failure
from modicum_server.worker.run.events import task_events


async def run_swap(context: WorkerContext, claim: Claim, task: Task) -> EndSwap | HandBack | FailAudit:
    """Let one version score the pictures.

    Raises:
        ShardInterrupted: the swap is no longer wanted.
    """
    try:
        return EndSwap(await _scores(context, claim, task))
    except ModelServerError as error:
        claim.lease.check()
        report_failure(context, claim, error)
        ending = ending_after(error, claim.shard.failed_tries, context.pauses)
        if isinstance(ending, IsolateImage):
            failure = failure_of(error)
            return FailAudit(AuditFailure(failure.reason, failure.detail))
        return ending


async def _scores(context: WorkerContext, claim: Claim, task: Task) -> tuple[SwapScore, ...]:
    expected = ExpectedResults(task)
    scores: list[SwapScore] = []
    async with aclosing(task_events(context, claim, expected)) as events:
        async for event in events:
            if isinstance(event, TaskScores):
                scores += map(_score, event.scores)
    expected.require_all()
    return tuple(sorted(scores, key=lambda score: VIEWS.index(score.view)))


def _score(score: SubsetScore) -> SwapScore:
    return SwapScore(VIEWS[score.given.position], score.predicted_class, score.confidence, score.reason)
