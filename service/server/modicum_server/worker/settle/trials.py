"""The transactions that end a shard of a trial of a spot.

Locks are taken in one order: the shard's row, then its trial's.
"""

from modicum_server.domain.audits import AuditFailure, Stage
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import EndTrial, Outcome


async def end_trial(context: WorkerContext, claim: Claim, ending: EndTrial) -> Outcome:
    """Store what the version says. The last version ends the trial."""
    shard = claim.shard
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        trial = await transaction.spot_trials.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if trial is None or not trial.is_open:
            return Outcome.CANCELLED
        await transaction.spot_trials.add_scores(trial.name, shard.model_version, ending.scores)
        if await transaction.shards.remaining(trial.name, Stage.TRIAL) == 0:
            await transaction.spot_trials.succeed(trial.name)
    return Outcome.DONE


async def fail_trial(context: WorkerContext, claim: Claim, failure: AuditFailure) -> Outcome:
    """End the trial without a result, and its shards that nobody holds."""
    shard = claim.shard
    async with context.store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        trial = await transaction.spot_trials.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=claim.lease.passes_done)
        if trial is None or not trial.is_open:
            return Outcome.CANCELLED
        await transaction.spot_trials.fail(trial.name, failure)
        await transaction.shards.withdraw(trial.name, Stage.TRIAL)
    return Outcome.FAILED
