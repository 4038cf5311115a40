"""The transactions that end a shard, and with the last shard of a stage open the next one, or end the audit.

Locks are always taken in one order: the shard's row, then its audit's; audits among themselves by name.
"""

from collections.abc import Awaitable, Callable

from modicum_server.domain.audits import Audit, AuditFailure, NewShard, Shard, Stage
from modicum_server.ports import Transaction
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.matching import open_matched
from modicum_server.worker.transferring import open_scores

#: Audits of rejected versions that one transaction ends.
REJECTED_AUDITS = 100


async def _nothing(_: Transaction) -> None:
    """A shard of which nothing has to be seen."""


async def end_shard(
    equipment: Equipment, claim: Claim, *, see: Callable[[Transaction], Awaitable[None]] = _nothing
) -> Outcome:
    """End a shard whose work is done; the last one of its stage opens the next stage.

    `see` looks at the shard first, in the same transaction; what it raises is raised, and nothing is ended.
    """
    shard = claim.shard
    async with equipment.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        await see(transaction)
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if audit is None or audit.state.terminal:
            return Outcome.CANCELLED
        if await transaction.shards.remaining(shard.audit, shard.stage) == 0:
            await _open_next(transaction, shard, shard_seconds=equipment.settings.shard_seconds)
        else:
            await transaction.audits.add_progress(shard.audit, passes_done=claim.lease.passes_done)
    return Outcome.DONE


async def _open_next(transaction: Transaction, shard: Shard, *, shard_seconds: float) -> None:
    if shard.stage is Stage.SEARCH:
        if await open_matched(transaction, shard, shard_seconds=shard_seconds):
            return
        if await open_scores(transaction, shard, shard_seconds=shard_seconds):
            return
    await transaction.audits.start(shard.audit, Stage.SUMMARISE)
    await transaction.shards.add(shard.project, shard.audit, [NewShard(Stage.SUMMARISE, model_version="")])


async def drop_shard(equipment: Equipment, claim: Claim) -> Outcome:
    """End a shard whose audit has ended: nothing follows."""
    async with equipment.store.transaction() as transaction:
        kept = await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
    return Outcome.CANCELLED if kept else Outcome.LOST


async def hand_back(equipment: Equipment, claim: Claim, *, deaths: int, delay_seconds: float) -> Outcome:
    """Give the shard to another attempt."""
    async with equipment.store.transaction() as transaction:
        kept = await transaction.shards.hand_back(claim.shard, deaths=deaths, delay_seconds=delay_seconds)
    return Outcome.HANDED_BACK if kept else Outcome.LOST


async def fail_audit(equipment: Equipment, claim: Claim, failure: AuditFailure) -> Outcome:
    """End the audit of the shard without a result, and the shard with it."""
    shard = claim.shard
    async with equipment.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if audit is None or audit.state.terminal:
            return Outcome.CANCELLED
        await transaction.audits.fail(shard.audit, failure)
    equipment.metrics.audit_ended(audit, "failed")
    return Outcome.FAILED


async def fail_audits_of_rejected(transaction: Transaction) -> list[Audit]:
    """Fail the audits that wait for a version which was rejected; the audits, as they were before."""
    failed = []
    for name, version_name in sorted(await transaction.audits.with_rejected_versions(limit=REJECTED_AUDITS)):
        audit = await transaction.audits.lock(name)
        version = await transaction.models.version(version_name)
        if audit is None or audit.state.terminal or version is None:
            continue
        detail = f"{version_name} was refused ({version.reject_reason}): {version.reject_detail}"
        await transaction.audits.fail(name, AuditFailure("MODEL_REJECTED", detail))
        failed.append(audit)
    return failed
