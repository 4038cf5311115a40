"""The task of a CHECK shard."""

from modicum_server.domain.audits import Shard
from modicum_server.domain.models import VersionState
from modicum_server.domain.tasks import CheckWork, Task
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import DropShard
from modicum_server.worker.plan.tasks import task_of
from modicum_server.worker.stored_work import parts_of


async def plan_check(context: WorkerContext, shard: Shard) -> Task | DropShard:
    """Plan the check of a version that is still to be checked."""
    async with context.store.transaction() as transaction:
        version = await transaction.models.version(shard.model_version)
        if version is None or version.state is not VersionState.PENDING:
            return DropShard()
        parts = await parts_of(transaction, version)
    return task_of(shard, CheckWork(), version=version, parts=parts, device=context.settings.device)
