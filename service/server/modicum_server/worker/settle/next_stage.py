"""Opens the stage that follows a stage whose last shard ends.

An audit that ends early does so when its searches have ended (`early_end`). After SEARCH come the searches at matched
temperatures, where there are any, then SCORE, where there is anything to score. Where spots of one version are to be
tested on another, SCORE goes on with these. Then comes SUMMARISE. An audit that a caller cut has no SCORE. The chosen
temperatures are noted with the audit: they influence the result, and show that the shards of the matched searches were
cut.
"""

from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import Audit, NewShard, Shard, Stage
from modicum_server.domain.ensembles import searched_by
from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.domain.stopping import CUT_ASKED
from modicum_server.measures.matched_temperatures import TEMPERATURES, matched_temperature
from modicum_server.ports import Transaction
from modicum_server.usecases.costs import cut_shards
from modicum_server.usecases.stopping import leave_out, summarise_next
from modicum_server.worker.settle.early_end import end_early
from modicum_server.worker.settle.retest_shards import retest_shards
from modicum_server.worker.settle.score_shards import score_shards
from modicum_server.worker.stored_work import audited_versions


async def open_next_stage(transaction: Transaction, shard: Shard, audit: Audit, *, shard_seconds: float) -> None:
    """Queue the shards that follow the last shard of a stage. The caller holds the audit's row."""
    if shard.stage is Stage.SEARCH:
        versions = await audited_versions(transaction, audit.specification)
        if await _open_matched_searches(transaction, shard, audit, versions, shard_seconds=shard_seconds):
            return
        await end_early(transaction, audit, versions)
        shards = await score_shards(transaction, audit, versions, shard_seconds=shard_seconds)
        if shards and CUT_ASKED in await transaction.audits.parameters(audit.name):
            await leave_out(transaction, audit, (one.search_index for one in shards))
        elif shards:
            await transaction.audits.start(audit.name, Stage.SCORE)
            await _queue_scores(transaction, shard, audit, shards)
            return
    if shard.stage is Stage.SCORE:
        retests = await retest_shards(transaction, audit, await audited_versions(transaction, audit.specification))
        if retests:
            await _queue_scores(transaction, shard, audit, retests)
            return
    await summarise_next(transaction, audit, shard.cause)


async def _queue_scores(transaction: Transaction, shard: Shard, audit: Audit, shards: Sequence[NewShard]) -> None:
    """Queue SCORE shards. What they cost is known now, and no longer the most that the audit could cost."""
    await transaction.audits.plan_rest(audit.name, sum(one.passes_planned for one in shards))
    await transaction.shards.add(shard.project, audit.name, shards, shard.cause)


async def _open_matched_searches(
    transaction: Transaction, shard: Shard, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> bool:
    """Choose the temperatures and queue the shards; return False where there are none, or they were queued before."""
    if not any(search.matched for search in audit.specification.searches):
        return False
    if TEMPERATURES in await transaction.audits.parameters(audit.name):
        return False
    chosen = await _temperatures(transaction, audit, versions)
    await transaction.audits.note_parameters(audit.name, {TEMPERATURES: chosen})
    shards = cut_shards(audit.specification, versions, audit.item_count, shard_seconds=shard_seconds, matched=True)
    await transaction.shards.add(shard.project, audit.name, shards, shard.cause)
    return True


async def _temperatures(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]
) -> Mapping[str, Mapping[str, float]]:
    """The temperatures by the index of the matched search, by member."""
    searches = audit.specification.searches
    ensemble = next(version.name for version in versions if isinstance(version.source, Ensemble))
    chosen = {}
    for index, search in enumerate(searches):
        if search.matched:
            plain = searches.index(search.unmatched)
            names = [ensemble, *(member.name for member in searched_by(search, versions))]
            critical = {
                name: await transaction.findings.critical_temperatures(audit.name, name, plain) for name in names
            }
            eligible = sum(temperature >= 1 for temperature in critical.pop(ensemble))
            chosen[str(index)] = {
                member: matched_temperature(temperatures, eligible=eligible)
                for member, temperatures in critical.items()
            }
    return chosen
