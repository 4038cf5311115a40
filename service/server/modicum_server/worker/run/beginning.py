"""Begins an audit with its first search."""

from modicum_server.domain.audits import AuditState, Stage
from modicum_server.worker.context import Claim, WorkerContext


async def begin_audit(context: WorkerContext, claim: Claim) -> None:
    """Set the QUEUED audit of a SEARCH shard to RUNNING.

    No effect once the shard is lost, or if the audit has begun since its shard was planned: it may have left the stage.
    """
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return
        audit = await transaction.audits.lock(claim.shard.audit)
        if audit is not None and audit.state is AuditState.QUEUED:
            await transaction.audits.start(audit.name, Stage.SEARCH)
