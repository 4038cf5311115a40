"""The counterfactual data set of an audit: which of its items pair with audited ones, and what is refused."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.batches import batches
from modicum_server.domain.classes import class_index, classes_by_name
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.domain.models import ModelVersion
from modicum_server.errors import FieldInvalid
from modicum_server.ports import Transaction
from modicum_server.usecases.datasets import require_dataset
from modicum_server.usecases.rules import shown
from modicum_server.usecases.specifications import COUNTERFACTUAL_FIELD as FIELD

PAIRS_AT_ONCE = 1_000
"""Pairs that are read and compared at once. More would keep the loop from other calls."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A counterfactual data set, and how many audited items have a partner in it."""

    dataset: Dataset
    pair_count: int


async def require_counterfactual(
    transaction: Transaction,
    name: str,
    dataset: Dataset,
    indices: Sequence[int],
    versions: Sequence[ModelVersion],
    *,
    erased: Container[str] = (),
) -> Counterfactual:
    """Return the counterfactual data set of an audit of the items at these indices. Erased pictures are no partners.

    Raises:
        DatasetNotFound
        FieldInvalid: it holds the audited pictures, nothing pairs, or the labels of a pair contradict each other.
    """
    given = await require_dataset(transaction, name)
    classes = [classes_by_name(version.class_labels) for version in versions]
    pair_count, changed, differing = 0, False, None
    for some in batches(indices, PAIRS_AT_ONCE):
        for item, partner in await _pairs(transaction, dataset, given, some, erased):
            pair_count += 1
            changed = changed or item.image_digest != partner.image_digest
            if differing is None and _differ(item, partner, classes):
                differing = item, partner
    if not pair_count:
        raise await _nothing_pairs(transaction, dataset, given, indices[0])
    if not changed:
        raise FieldInvalid(
            FIELD, f"{given.name} has no changed picture: in all {pair_count:,} pairs both pictures are the same"
        )
    if differing is not None:
        raise _other_label(*differing)
    return Counterfactual(given, pair_count)


async def _pairs(
    transaction: Transaction, dataset: Dataset, given: Dataset, indices: Sequence[int], erased: Container[str]
) -> list[tuple[DatasetItem, DatasetItem]]:
    """Return the items at these indices that have a partner, each with it."""
    items = await transaction.datasets.items_at(dataset.name, indices)
    named = await transaction.datasets.named(given.name, [item.item for item in items])
    partners = {item: partner for item, partner in named.items() if partner.image_digest not in erased}
    return [(item, partners[item.item]) for item in items if item.item in partners]


async def _nothing_pairs(transaction: Transaction, dataset: Dataset, given: Dataset, index: int) -> FieldInvalid:
    (audited,) = await transaction.datasets.items_at(dataset.name, [index])
    ((_, first),) = await transaction.datasets.items(given.name, after=-1, limit=1)
    return FieldInvalid(
        FIELD,
        f"no item of {given.name} has the name of an audited item. Names are compared with folder and suffix: an "
        f"audited item is {shown(audited.item)}, the first of {given.item_count:,} items of {given.name} is "
        f"{shown(first.item)}. Rename the files",
    )


def _differ(item: DatasetItem, partner: DatasetItem, classes: Sequence[Mapping[str, int]]) -> bool:
    """Return whether both labels name different classes. A partner without a label takes that of the item."""
    if not (item.label and partner.label) or item.label == partner.label:
        return False
    return any(class_index(item.label, by_name) != class_index(partner.label, by_name) for by_name in classes)


def _other_label(item: DatasetItem, partner: DatasetItem) -> FieldInvalid:
    return FieldInvalid(
        FIELD,
        f"expected the label {shown(item.label)} for {shown(item.item)}, as in the audited data set, got "
        f"{shown(partner.label)}; a counterfactual has the class of its original, so give it that label or none",
    )
