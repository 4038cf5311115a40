"""A shard's task, from its beginning to one of the shard's ends. Must not know what the task's results are."""

from collections.abc import Awaitable

from modicum_server.domain.tasks import Task
from modicum_server.errors import ModelServerError, TaskFailed
from modicum_server.ports import Transaction
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.deaths import Remains, settle
from modicum_server.worker.stages import end_shard


async def carried_out(
    equipment: Equipment, claim: Claim, task: Task, work: Awaitable[None], remains: Remains
) -> Outcome:
    """Await the work, which runs the task and stores what comes of it; end the shard, or settle what is left of it.

    Raises:
        ShardInterrupted: the shard is no longer wanted; what came until then is stored, unless it was lost.
    """

    async def see_complete(transaction: Transaction) -> None:
        """See that a task which says it is done has told of every image."""
        left = await remains.left(transaction)
        if left:
            reason, result = remains.missing
            what = f"the model's process ended without a {result} for {len(left)} images"
            raise TaskFailed(reason, what, model_at_fault=False)

    try:
        await work
        claim.lease.check()
        return await end_shard(equipment, claim, see=see_complete)
    except ModelServerError as error:
        # A task that was told to leave may say so as a failure; it is none.
        claim.lease.check()
        return await settle(equipment, claim, task, error, remains)
