"""The transactions that end a shard.

Locks are always taken in one order: the shard's row, then its audit's; audits among themselves by name.
"""

from modicum_server.domain.audits import AuditFailure, Shard, Stage
from modicum_server.domain.findings import FindingReason
from modicum_server.model_server import TaskFailed, missing_results
from modicum_server.ports import Transaction, spanned
from modicum_server.usecases.stopping import begin_no_more
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import (
    AcceptVersion,
    DropShard,
    Ending,
    EndShard,
    EndSwap,
    FailAudit,
    HandBack,
    IsolateImage,
    Outcome,
    RejectVersion,
)
from modicum_server.worker.failures import ending_after, report_failure
from modicum_server.worker.settle.early_end import is_settled_by
from modicum_server.worker.settle.next_stage import open_next_stage
from modicum_server.worker.settle.remaining import RemainingWork
from modicum_server.worker.settle.swaps import end_swap, fail_swap
from modicum_server.worker.settle.versions import accept_version, reject_version


async def settle(
    context: WorkerContext, claim: Claim, ending: Ending, remaining: RemainingWork | None = None
) -> Outcome:
    """End the shard in this way. `remaining` is given where a task ran."""
    with spanned(context.traces, "settle", claim.span.traceparent):
        return await _settle(context, claim, ending, remaining)


async def _settle(context: WorkerContext, claim: Claim, ending: Ending, remaining: RemainingWork | None) -> Outcome:
    match ending:
        case EndShard() if remaining is not None:
            return await _end_complete_shard(context, claim, remaining)
        case EndShard():
            return await _end_shard(context, claim)
        case EndSwap():
            return await end_swap(context, claim, ending)
        case DropShard():
            return await _drop_shard(context, claim)
        case HandBack():
            return await _hand_back(context, claim, ending)
        case FailAudit(failure):
            return await _fail_audit(context, claim, failure)
        case AcceptVersion():
            return await accept_version(context, claim, ending)
        case RejectVersion():
            return await reject_version(context, claim, ending)
        case IsolateImage(reason):
            assert remaining is not None, "only a task that ran can fail on an image"
            return await _isolate_image(context, claim, reason, remaining)


async def _end_complete_shard(context: WorkerContext, claim: Claim, remaining: RemainingWork) -> Outcome:
    """End a shard whose task reported everything. Where the store lacks some of it, the task counts as failed."""
    try:
        return await _end_shard(context, claim, remaining)
    except TaskFailed as error:
        claim.lease.check()
        report_failure(context, claim, error)
        return await _settle(context, claim, ending_after(error, claim.shard.failed_tries, context.pauses), remaining)


async def _end_shard(context: WorkerContext, claim: Claim, remaining: RemainingWork | None = None) -> Outcome:
    """End the shard; the last one of its stage opens the next stage.

    Raises:
        TaskFailed: results of the remaining work are missing. Nothing has changed then.
    """
    shard = claim.shard
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        if remaining is not None:
            await _require_complete(transaction, remaining)
        settled = await _is_settled(transaction, shard)  # before the lock, because it reads all findings
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if audit is None or not audit.wants(shard.stage):
            return Outcome.CANCELLED
        if settled:
            await begin_no_more(transaction, shard.audit)
        if await transaction.shards.remaining(shard.audit, shard.stage, at_most=1) == 0:
            await open_next_stage(transaction, shard, audit, shard_seconds=context.settings.shard_seconds)
        else:
            await transaction.audits.add_progress(shard.audit, passes_done=claim.lease.passes_done)
    return Outcome.DONE


async def _is_settled(transaction: Transaction, shard: Shard) -> bool:
    """Whether the audit of a SEARCH shard may end before the searches that have not begun."""
    audit = await transaction.audits.get(shard.audit) if shard.stage is Stage.SEARCH else None
    return audit is not None and await is_settled_by(transaction, audit, shard)


async def _require_complete(transaction: Transaction, remaining: RemainingWork) -> None:
    positions = await remaining.positions(transaction)
    if positions:
        raise missing_results(remaining.missing, len(positions))


async def _drop_shard(context: WorkerContext, claim: Claim) -> Outcome:
    async with context.store.transaction() as transaction:
        kept = await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
    return Outcome.CANCELLED if kept else Outcome.LOST


async def _hand_back(context: WorkerContext, claim: Claim, ending: HandBack) -> Outcome:
    async with context.store.transaction() as transaction:
        kept = await transaction.shards.hand_back(
            claim.shard,
            failed_tries=ending.failed_tries,
            delay_seconds=ending.delay_seconds,
            away_seconds=ending.away_seconds,
            away_reason=ending.away_reason,
        )
    return Outcome.HANDED_BACK if kept else Outcome.LOST


async def _fail_audit(context: WorkerContext, claim: Claim, failure: AuditFailure) -> Outcome:
    """End the audit of the shard, or its swap of a spot, without a result, and the shard with it."""
    shard = claim.shard
    if shard.stage is Stage.SWAP:
        return await fail_swap(context, claim, failure)
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if audit is None or not audit.wants(shard.stage):
            return Outcome.CANCELLED
        await transaction.audits.fail(shard.audit, failure)
    context.metrics.audits.ended(audit, "failed")
    return Outcome.FAILED


async def _isolate_image(
    context: WorkerContext, claim: Claim, reason: FindingReason, remaining: RemainingWork
) -> Outcome:
    """Halve the shard. When one image is left, record the failure on it and end the shard."""
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        positions = await remaining.positions(transaction)
        if len(positions) > 1:
            await transaction.shards.split(claim.shard)
            return Outcome.SPLIT
        failed = await remaining.record_failure(transaction, positions, reason)
    context.metrics.passes.findings_stored(failed)
    return await _end_shard(context, claim)
