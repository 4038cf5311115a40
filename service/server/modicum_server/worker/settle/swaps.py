"""The transactions that end a shard of a swap of a spot.

Locks are taken in one order: the shard's row, then its swap's.
"""

from modicum_server.domain.audits import AuditFailure, Stage
from modicum_server.domain.spot_swaps import SpotSwap
from modicum_server.ports import Transaction
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import EndSwap, Outcome


async def end_swap(context: WorkerContext, claim: Claim, ending: EndSwap) -> Outcome:
    """Store what the version says. The last version ends the swap."""
    async with context.store.transaction() as transaction:
        swap = await _finished(transaction, claim)
        if isinstance(swap, Outcome):
            return swap
        await transaction.spot_swaps.add_scores(swap.name, claim.shard.model_version, ending.scores)
        if await transaction.shards.remaining(swap.name, Stage.SWAP) == 0:
            await transaction.spot_swaps.succeed(swap.name)
    return Outcome.DONE


async def fail_swap(context: WorkerContext, claim: Claim, failure: AuditFailure) -> Outcome:
    """End the swap without a result, and its shards that nobody holds."""
    async with context.store.transaction() as transaction:
        swap = await _finished(transaction, claim)
        if isinstance(swap, Outcome):
            return swap
        await transaction.spot_swaps.fail(swap.name, failure)
        await transaction.shards.withdraw(swap.name, Stage.SWAP)
    return Outcome.FAILED


async def _finished(transaction: Transaction, claim: Claim) -> SpotSwap | Outcome:
    """End the shard and return its swap, locked; or how the claim ended, where nobody waits for the swap any more."""
    if not await transaction.shards.hold(claim.shard):
        return Outcome.LOST
    swap = await transaction.spot_swaps.lock(claim.shard.audit)
    await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
    return Outcome.CANCELLED if swap is None or not swap.is_open else swap
