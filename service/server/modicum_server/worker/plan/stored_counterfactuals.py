"""Reads the counterfactual set of an audit: its pairs, and what the versions predicted on both sides."""

from collections.abc import Sequence

from modicum_server.domain.audits import COUNTERFACTUAL, Audit
from modicum_server.domain.models import ModelVersion
from modicum_server.measures.counterfactual_set import CounterfactualSet, Pair
from modicum_server.ports import Transaction
from modicum_server.worker.stored_work import (
    audited_positions,
    counterfactual_items,
    dataset_in_use,
    erased_pictures,
    original_predictions,
)


async def counterfactual_set(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]
) -> CounterfactualSet | None:
    """Return the counterfactual set; None where the audit has none."""
    name = audit.specification.counterfactual_dataset
    if not name:
        return None
    dataset = await dataset_in_use(transaction, name)
    positions = await audited_positions(transaction, audit)
    erased = await erased_pictures(transaction, audit)
    audited = await transaction.audits.items(audit.name, positions)
    items = {place: item for place, item in audited if item.image_digest not in erased}
    partners = await counterfactual_items(transaction, audit, positions)
    return CounterfactualSet(
        name,
        dataset.manifest_digest,
        dataset.item_count,
        pairs={
            place: Pair(items[place].item, items[place].image_digest, partner.image_digest)
            for place, partner in partners.items()
        },
        unpaired=tuple(item.item for place, item in items.items() if place not in partners),
        originals={one.name: await original_predictions(transaction, audit, one.name) for one in versions},
        counterfactuals={
            one.name: await transaction.predictions.of(audit.name, one.name, COUNTERFACTUAL) for one in versions
        },
    )
