"""Stores a result, and lets its audit succeed."""

import asyncio

from modicum_server.domain.digests import digest_of
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import Outcome
from modicum_server.worker.run.summary import Summary


async def settle_summary(context: WorkerContext, claim: Claim, summary: Summary) -> Outcome:
    """Store both artifacts, record them for the project and let the audit succeed, in one transaction."""
    shard, result_digest = claim.shard, digest_of(summary.document)
    sizes = {summary.findings_digest: summary.findings.stat().st_size, result_digest: len(summary.document)}
    async with context.store.transaction() as transaction:
        for digest in sorted(sizes):
            await transaction.artifacts.lock(digest)  # before the rows: a large artifact takes its time
        await put_summary(context, summary)
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=0)
        if audit is None or audit.state.terminal:
            return Outcome.CANCELLED
        for digest, size in sizes.items():
            await transaction.artifacts.add(shard.project, digest, size)
        await transaction.audits.succeed(
            shard.audit, result_digest=result_digest, artifacts=sorted(sizes), outcome=summary.says
        )
    context.metrics.audits.ended(audit, "succeeded")
    return Outcome.DONE


async def put_summary(context: WorkerContext, summary: Summary) -> None:
    """Store both at once: most of the time is spent waiting for the disk. Neither goes on when this returns."""
    puts = context.artifact_store.put_file(summary.findings), context.artifact_store.put(summary.document)
    for outcome in await asyncio.gather(*puts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
