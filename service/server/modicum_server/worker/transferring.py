"""The SCORE stage: once all searches have ended, its shards are cut, one version and one search each.

So are those of the out-of-distribution data set, one version each. Only versions that tell the same classes apart score
each other's subsets; the result says of others that they do not.
"""

from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import OUT_OF_DISTRIBUTION, Audit, AuditSpecification, NewShard, Shard, Stage
from modicum_server.domain.classes import same_classes
from modicum_server.domain.ensembles import checked_together
from modicum_server.domain.models import ModelVersion
from modicum_server.ports import Transaction
from modicum_server.usecases.controls import control_positions, transfer_plan
from modicum_server.usecases.costs import cut_scores


async def open_scores(transaction: Transaction, shard: Shard, *, shard_seconds: float) -> bool:
    """Cut the SCORE shards of the audit of `shard`; False where there is nothing to score."""
    audit = await transaction.audits.get(shard.audit)
    assert audit is not None, "the caller holds its row"
    versions = await audited_versions(transaction, audit.specification)
    shards = [
        *await _transfer_shards(transaction, audit, versions, shard_seconds=shard_seconds),
        *await prediction_shards(transaction, audit.specification, versions, shard_seconds=shard_seconds),
    ]
    if not shards:
        return False
    await transaction.audits.start(audit.name, Stage.SCORE)
    await transaction.shards.add(shard.project, audit.name, shards)
    return True


async def _transfer_shards(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> list[NewShard]:
    plan = transfer_plan(audit.specification)
    if plan is None:
        return []
    shards: list[NewShard] = []
    for index, search in enumerate(audit.specification.searches):
        if not search.matched:
            found = {
                version.name: await transaction.findings.subset_positions(audit.name, version.name, index)
                for version in versions
            }
            planned = control_positions(plan, seed=audit.specification.seed, item_count=audit.item_count)
            subsets = {name: positions & planned for name, positions in found.items()}
            shards += _cut(audit.specification, index, versions, subsets, shard_seconds=shard_seconds)
    return shards


async def prediction_shards(
    transaction: Transaction,
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    *,
    shard_seconds: float,
) -> list[NewShard]:
    """Cut the out-of-distribution data set for each version of a mitigation check; nothing where there is none."""
    if not specification.out_of_distribution_dataset:
        return []
    second = await transaction.datasets.get(specification.out_of_distribution_dataset)
    assert second is not None, "a data set that an audit refers to is not deleted"
    return [
        shard
        for version in checked_together(versions)
        for shard in cut_scores(
            specification,
            version,
            OUT_OF_DISTRIBUTION,
            range(second.item_count),
            sources=1,
            shard_seconds=shard_seconds,
        )
    ]


async def audited_versions(transaction: Transaction, specification: AuditSpecification) -> list[ModelVersion]:
    """Return the versions of an audit in its order."""
    found = [await transaction.models.version(name) for name in specification.model_versions]
    return [version for version in found if version is not None]


def sources_of(scorer: ModelVersion, versions: Sequence[ModelVersion]) -> Mapping[str, tuple[int, ...]]:
    """Return the versions whose subsets a version can score, each with the scorer's index of each of its classes."""
    classes = {version.name: same_classes(version, scorer) for version in versions if version.name != scorer.name}
    return {name: known for name, known in classes.items() if known is not None}


def _cut(
    specification: AuditSpecification,
    search_index: int,
    versions: Sequence[ModelVersion],
    subsets: Mapping[str, frozenset[int]],
    *,
    shard_seconds: float,
) -> list[NewShard]:
    """The shards of one search; `subsets` are by version the positions with one that is to be scored."""
    shards = []
    for scorer in versions:
        sources = sources_of(scorer, versions)
        positions: frozenset[int] = frozenset().union(*(subsets[name] for name in sources))
        shards += cut_scores(
            specification,
            scorer,
            search_index,
            sorted(positions),
            sources=max(1, len(sources)),
            shard_seconds=shard_seconds,
        )
    return shards
