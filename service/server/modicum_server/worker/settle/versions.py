"""The transactions that end the check of a version."""

from modicum_server.domain.audits import Audit, AuditFailure
from modicum_server.ports import Transaction
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import AcceptVersion, Outcome, RejectVersion

#: Audits of rejected versions that one transaction ends.
REJECTED_AUDITS = 100


async def accept_version(context: WorkerContext, claim: Claim, ending: AcceptVersion) -> Outcome:
    """Make the version READY, and end its shard."""
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        await transaction.models.accept(claim.shard.model_version, ending.check)
        await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
    return Outcome.DONE


async def reject_version(context: WorkerContext, claim: Claim, ending: RejectVersion) -> Outcome:
    """Make the version REJECTED, and end its shard and the audits that wait for it."""
    failed: list[Audit] = []
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        await transaction.models.reject(claim.shard.model_version, reason=ending.reason, detail=ending.detail)
        await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
        failed = await fail_audits_of_rejected(transaction)
    for audit in failed:
        context.metrics.audits.ended(audit, "failed")
    return Outcome.REJECTED


async def fail_audits_of_rejected(transaction: Transaction) -> list[Audit]:
    """Fail the audits that wait for a rejected version; return them as they were before."""
    failed = []
    for name, version_name in sorted(await transaction.audits.with_rejected_versions(limit=REJECTED_AUDITS)):
        audit = await transaction.audits.lock(name)
        version = await transaction.models.version(version_name)
        if audit is None or audit.state.terminal or version is None:
            continue
        detail = f"{version_name} was rejected ({version.reject_reason}): {version.reject_detail}"
        await transaction.audits.fail(name, AuditFailure("MODEL_REJECTED", detail))
        failed.append(audit)
    return failed
