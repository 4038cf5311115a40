"""Runs the task of a shard, and decides from its end whether the shard is done, goes back or fails."""

from contextlib import aclosing
from dataclasses import replace

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.tasks import CheckWork, Task, TaskFinished, TaskStarted
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ExpectedResults, ModelServerDown
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import Ending, EndShard, FailAudit, IsolateImage
from modicum_server.worker.failures import ending_after, failure_of, report_failure
from modicum_server.worker.run.events import task_events
from modicum_server.worker.run.provenance import parameters_of
from modicum_server.worker.run.results import ResultKind, T
from modicum_server.worker.run.writing import ResultWriter


async def run_task(context: WorkerContext, claim: Claim, task: Task, kind: ResultKind[T]) -> Ending:
    """Run the task and store its results as they come.

    Raises:
        ShardInterrupted: the shard is no longer wanted. What came until then is stored, unless the lease was lost.
    """
    expected = ExpectedResults(task)
    try:
        async with (
            ResultWriter(context, claim, kind) as writer,
            aclosing(task_events(context, claim, expected)) as events,
        ):
            async for event in events:
                if isinstance(event, TaskStarted | TaskFinished):
                    writer.record_parameters(parameters_of(event, task))
                if results := kind.of_event(event):
                    await writer.add(results)
                else:
                    await writer.passes_changed()
        claim.lease.check()
        expected.require_all()
    except ModelServerError as error:
        # A task that is no longer wanted may report that as a failure. It is not one.
        claim.lease.check()
        return await resolve(context, claim, task, error)
    return EndShard()


async def resolve(context: WorkerContext, claim: Claim, task: Task, error: ModelServerError) -> Ending:
    """Decide how the shard ends after its task failed. Where an image may be to blame, a grey image is tried too."""
    report_failure(context, claim, error)
    ending = ending_after(error, claim.shard.failed_tries, context.pauses)
    if not isinstance(ending, IsolateImage):
        return ending
    try:
        failure = await _failure_on_grey(context, claim, task)
    except ModelServerDown as down:
        report_failure(context, claim, down)
        return ending_after(down, claim.shard.failed_tries, context.pauses)
    return ending if failure is None else FailAudit(failure)


async def _failure_on_grey(context: WorkerContext, claim: Claim, task: Task) -> AuditFailure | None:
    """Run a check, which looks at a plain grey image; return why the model fails, None where it is fit."""
    grey = ExpectedResults(replace(task, id=f"{task.id}-grey", work=CheckWork()))
    try:
        async with aclosing(task_events(context, claim, grey)) as events:
            async for _ in events:
                pass
    except ModelServerDown:
        raise
    except ModelServerError as error:
        claim.lease.check()
        report_failure(context, claim, error)
        failure = failure_of(error)
        detail = f"{claim.shard.model_version} fails on a plain grey image too: {failure.detail}"
        return AuditFailure(failure.reason, detail)
    return None
