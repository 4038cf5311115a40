"""Reads what is stored of an audit and of a shard's work."""

from collections.abc import Mapping, Sequence

from modicum_server.domain.audits import Audit, AuditSpecification, Shard, retested_version
from modicum_server.domain.classes import scorable_sources
from modicum_server.domain.composites import part_names
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.domain.findings import FoundSubset, PredictedImage, Prediction
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import whole_image_search
from modicum_server.domain.stopping import stopped_of
from modicum_server.ports import Transaction
from modicum_server.usecases.controls import carrier, control_positions, spot_plan
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.resource_names import parent_of


async def held_audit(transaction: Transaction, shard: Shard) -> Audit | None:
    """Lock the shard's row and return its audit; None where the shard is no longer held or the audit has ended."""
    if not await transaction.shards.hold(shard):
        return None
    audit = await transaction.audits.get(shard.audit)
    return None if audit is None or audit.state.terminal else audit


async def audited_versions(transaction: Transaction, specification: AuditSpecification) -> list[ModelVersion]:
    """Return the versions of an audit in its order."""
    found = [await transaction.models.version(name) for name in specification.model_versions]
    return [version for version in found if version is not None]


async def parts_of(transaction: Transaction, version: ModelVersion) -> tuple[ModelVersion, ...]:
    """Return the versions that an ensemble or a wrapper is made of, transitively, each once."""
    parts: dict[str, ModelVersion] = {}
    names = [*part_names(version)]
    while names:
        name = names.pop()
        part = None if name in parts else await transaction.models.version(name)
        if part is not None:
            parts[name] = part
            names += part_names(part)
    return tuple(parts.values())


async def dataset_in_use(transaction: Transaction, name: str) -> Dataset:
    """Return a data set that an audit refers to."""
    dataset = await transaction.datasets.get(name)
    assert dataset is not None, "a data set that an audit refers to is not deleted"
    return dataset


async def positions_without_finding(transaction: Transaction, shard: Shard) -> tuple[int, ...]:
    """Return the positions of a SEARCH shard that are still to be searched, rising."""
    done = await transaction.findings.done_positions(
        shard.audit, shard.model_version, shard.search_index, shard.positions
    )
    return tuple(sorted(set(shard.positions) - done))


async def audited_positions(transaction: Transaction, audit: Audit) -> Sequence[int]:
    """Return the positions that the result is about: all, or those at which an audit ended early."""
    stopped = stopped_of(await transaction.audits.parameters(audit.name))
    if stopped is None:
        return range(audit.item_count)
    return draw_order(seed=audit.specification.seed, item_count=audit.item_count)[: stopped.images]


async def counterfactual_items(
    transaction: Transaction, audit: Audit, positions: Sequence[int]
) -> dict[int, DatasetItem]:
    """Return the counterfactual partner of each audited item at these positions that has one, by position."""
    name = audit.specification.counterfactual_dataset
    if not name:
        return {}
    erased = await erased_pictures(transaction, audit)
    items = [one for one in await transaction.audits.items(audit.name, positions) if one[1].image_digest not in erased]
    named = await transaction.datasets.named(name, [item.item for _, item in items])
    partners = {item: partner for item, partner in named.items() if partner.image_digest not in erased}
    return {position: partners[item.item] for position, item in items if item.item in partners}


async def erased_pictures(transaction: Transaction, audit: Audit) -> frozenset[str]:
    """Return the digests of pictures that were erased from the audit's project."""
    return await transaction.erasures.erased(parent_of(audit.name))


async def original_predictions(transaction: Transaction, audit: Audit, version: str) -> Mapping[int, Prediction]:
    """Return what a version predicts on the audited images, by position, where it could."""
    index = whole_image_search(audit.specification.searches)
    return await transaction.findings.predictions(audit.name, version, index)


async def positions_without_prediction(transaction: Transaction, shard: Shard) -> tuple[int, ...]:
    """Return the positions of a shard of another data set that are still to be predicted, rising."""
    done = await transaction.predictions.of(shard.audit, shard.model_version, shard.search_index, shard.positions)
    return tuple(sorted(set(shard.positions) - done.keys()))


async def rows_without_spots(transaction: Transaction, shard: Shard) -> tuple[int, ...]:
    """Return the rows of a shard of the spot test that are still to be tested, rising."""
    chosen_by = await chooser_of(transaction, shard)
    done = await transaction.spots.numbers(shard.audit, shard.model_version, chosen_by=chosen_by)
    return tuple(sorted(set(shard.positions) - done))


async def chooser_of(transaction: Transaction, shard: Shard) -> str:
    """Return the version whose spots a shard tests on its own version; empty where it tests its own."""
    index = retested_version(shard.search_index)
    audit = None if index is None else await transaction.audits.get(shard.audit)
    return "" if audit is None or index is None else audit.specification.model_versions[index]


async def predicted_images(transaction: Transaction, audit: Audit, version: str) -> list[PredictedImage]:
    """Return the images of the spot test of one version: those of the plan that have a predicted class."""
    specification = audit.specification
    plan, search = spot_plan(specification), carrier(specification.searches)
    if plan is None or search is None:
        return []
    planned = control_positions(plan, seed=specification.seed, item_count=audit.item_count)
    images = await transaction.findings.predicted(audit.name, version, specification.searches.index(search))
    return [image for image in images if image.position in planned]


async def unscored_subsets(
    transaction: Transaction, shard: Shard, versions: Sequence[ModelVersion]
) -> tuple[FoundSubset, ...]:
    """Return the subsets that the shard's version can score and has not scored yet, by position."""
    sources = scorable_sources(scorer_of(shard, versions), versions)
    unscored = await transaction.findings.unscored_subsets(
        shard.audit, shard.model_version, shard.search_index, shard.positions
    )
    return tuple(subset for subset in unscored if subset.model_version in sources)


def scorer_of(shard: Shard, versions: Sequence[ModelVersion]) -> ModelVersion:
    """Return the version of a SCORE shard."""
    return next(version for version in versions if version.name == shard.model_version)
