"""Runs the check of a version, and decides whether to accept it.

A version is rejected for what the model does, never for what this worker or its model server lacks. A program is
rejected where it could do harm.
"""

from contextlib import aclosing
from time import monotonic

from modicum_server.domain.models import ModelCheck
from modicum_server.domain.tasks import Task, TaskChecked
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ExecutableNotEnclosed, ExpectedResults
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import AcceptVersion, HandBack, RejectVersion
from modicum_server.worker.failures import check_ending_after, report_failure
from modicum_server.worker.run.events import task_events


async def run_check(context: WorkerContext, claim: Claim, task: Task) -> AcceptVersion | RejectVersion | HandBack:
    """Load the version once.

    Raises:
        ShardInterrupted: the shard is no longer wanted.
    """
    began = monotonic()
    try:
        return AcceptVersion(await _check(context, claim, task))
    except ExecutableNotEnclosed as error:  # another try would end in the same way
        return RejectVersion(error.task_reason, str(error))
    except ModelServerError as error:
        claim.lease.check()
        report_failure(context, claim, error)
        return check_ending_after(error, claim.shard.failed_tries, context.pauses, seconds=monotonic() - began)


async def _check(context: WorkerContext, claim: Claim, task: Task) -> ModelCheck:
    expected = ExpectedResults(task)
    check: ModelCheck | None = None
    async with aclosing(task_events(context, claim, expected)) as events:
        async for event in events:
            if isinstance(event, TaskChecked):
                check = event.check
    expected.require_all()
    assert check is not None, "the check was reported"
    return check
