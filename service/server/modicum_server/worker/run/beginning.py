"""Begins an audit with its first search."""

from modicum_server.domain.audits import Stage
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.stored_work import held_audit


async def begin_audit(context: WorkerContext, claim: Claim) -> None:
    """Set the audit of a SEARCH shard to RUNNING. No effect once the shard is lost or the audit has ended."""
    async with context.store.transaction() as transaction:
        audit = await held_audit(transaction, claim.shard)
        if audit is not None:
            await transaction.audits.start(audit.name, Stage.SEARCH)
