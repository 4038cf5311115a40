"""Cuts the SCORE stage into shards.

A shard is about one version and one search, about one version and another data set, or about the spot test of one
version. Versions score each other's subsets only where they have the same classes; the result says where they do not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from modicum.gate.spot_passes import most_spot_passes

from modicum_server.domain.audits import (
    COUNTERFACTUAL,
    OUT_OF_DISTRIBUTION,
    SPOTS,
    Audit,
    AuditSpecification,
    NewShard,
    Stage,
)
from modicum_server.domain.classes import scorable_sources
from modicum_server.domain.controls import LEAST_SPOT_IMAGES
from modicum_server.domain.ensembles import checked_together
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import ALL_CLASSES, LEAST_CLASS_IMAGES
from modicum_server.ports import Transaction
from modicum_server.usecases.controls import control_positions, transfer_plan
from modicum_server.usecases.costs import cut_scores
from modicum_server.worker.stored_work import (
    audited_positions,
    counterfactual_items,
    dataset_in_use,
    erased_pictures,
    original_predictions,
    predicted_images,
)


async def score_shards(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> list[NewShard]:
    """Return the shards of the SCORE stage of an audit whose searches have ended."""
    return [
        *await _transfer_shards(transaction, audit, versions, shard_seconds=shard_seconds),
        *await _prediction_shards(transaction, audit, versions, shard_seconds=shard_seconds),
        *await _counterfactual_shards(transaction, audit, versions, shard_seconds=shard_seconds),
        *[shard for version in versions for shard in await _spot_shards(transaction, audit, version.name)],
    ]


async def _transfer_shards(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> list[NewShard]:
    plan = transfer_plan(audit.specification)
    if plan is None:
        return []
    planned = control_positions(plan, seed=audit.specification.seed, item_count=audit.item_count)
    shards: list[NewShard] = []
    for index, search in enumerate(audit.specification.searches):
        if not search.matched:
            subsets = {
                version.name: planned & await transaction.findings.subset_positions(audit.name, version.name, index)
                for version in versions
            }
            shards += _cut_transfers(audit.specification, index, versions, subsets, shard_seconds=shard_seconds)
    return shards


def _cut_transfers(
    specification: AuditSpecification,
    search_index: int,
    versions: Sequence[ModelVersion],
    subsets: Mapping[str, frozenset[int]],
    *,
    shard_seconds: float,
) -> list[NewShard]:
    """The shards of one search; `subsets` are by version the positions with a subset that is to be scored."""
    shards = []
    for scorer in versions:
        sources = scorable_sources(scorer, versions)
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


async def _prediction_shards(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> list[NewShard]:
    """The shards of the out-of-distribution data set without erased pictures, for each version of a check."""
    specification = audit.specification
    if not specification.out_of_distribution_dataset:
        return []
    dataset = await dataset_in_use(transaction, specification.out_of_distribution_dataset)
    erased = await transaction.datasets.indices_of(dataset.name, await erased_pictures(transaction, audit))
    return [
        shard
        for version in checked_together(versions)
        for shard in cut_scores(
            specification,
            version,
            OUT_OF_DISTRIBUTION,
            [index for index in range(dataset.item_count) if index not in erased],
            sources=1,
            shard_seconds=shard_seconds,
        )
    ]


async def _counterfactual_shards(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, shard_seconds: float
) -> list[NewShard]:
    """The shards of the counterfactual data set: for each version, the pairs whose original it predicted."""
    pairs = await counterfactual_items(transaction, audit, await audited_positions(transaction, audit))
    shards: list[NewShard] = []
    for version in versions if pairs else ():
        predicted = await original_predictions(transaction, audit, version.name)
        positions = sorted(pairs.keys() & predicted.keys())
        shards += cut_scores(
            audit.specification, version, COUNTERFACTUAL, positions, sources=1, shard_seconds=shard_seconds
        )
    return shards


async def _spot_shards(transaction: Transaction, audit: Audit, version: str) -> list[NewShard]:
    """The shard of a version's spot test; none with too few images. Its halves are those of all its classes."""
    images = await predicted_images(transaction, audit, version)
    classes = {image.image_digest: image.predicted_class for image in images}
    if len(classes) < LEAST_SPOT_IMAGES or len(set(classes.values())) == 1:
        return []
    counts = Counter(classes.values())
    rows = sorted(one + 1 for one, count in counts.items() if count >= LEAST_CLASS_IMAGES)
    items = await transaction.audits.items(audit.name, [image.position for image in images])
    with_objects = sum(item.has_objects for _, item in items)
    without_subset = sum(image.subset is None for image in images)
    passes = most_spot_passes(len(images), len(rows) + 1, scanned=without_subset, with_objects=with_objects)
    return [NewShard(Stage.SCORE, version, SPOTS, (ALL_CLASSES, *rows), passes_planned=passes)]
