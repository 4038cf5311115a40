"""The counterfactual data set of an audit: which of its items pair with audited ones, and what is refused."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.classes import class_index, classes_by_name
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.domain.models import ModelVersion
from modicum_server.errors import FieldInvalid
from modicum_server.ports import Transaction
from modicum_server.usecases.datasets import require_dataset
from modicum_server.usecases.rules import shown
from modicum_server.usecases.specifications import COUNTERFACTUAL_FIELD as FIELD


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
    items = await transaction.datasets.items_at(dataset.name, indices)
    named = await transaction.datasets.named(name, [item.item for item in items])
    partners = {item: partner for item, partner in named.items() if partner.image_digest not in erased}
    paired = [item for item in items if item.item in partners]
    if not paired:
        raise await _nothing_pairs(transaction, given, items)
    if all(item.image_digest == partners[item.item].image_digest for item in paired):
        raise FieldInvalid(
            FIELD,
            f"{given.name} has no changed picture: in all {len(paired):,} pairs both pictures are the same",
        )
    for item in paired:
        _require_same_label(item, partners[item.item], versions)
    return Counterfactual(given, len(paired))


async def _nothing_pairs(transaction: Transaction, given: Dataset, items: Sequence[DatasetItem]) -> FieldInvalid:
    ((_, first),) = await transaction.datasets.items(given.name, after=-1, limit=1)
    return FieldInvalid(
        FIELD,
        f"none of the {given.item_count:,} items of {given.name} has the name of an audited item, such as "
        f"{shown(items[0].item)}; its first item is {shown(first.item)}; a name includes the folder and the ending of "
        "the file",
    )


def _require_same_label(item: DatasetItem, partner: DatasetItem, versions: Sequence[ModelVersion]) -> None:
    """Refuse a partner whose label names another class. A partner without a label takes that of the item."""
    if not (item.label and partner.label) or item.label == partner.label:
        return
    for version in versions:
        by_name = classes_by_name(version.class_labels)
        if _class(item, by_name) != _class(partner, by_name):
            raise FieldInvalid(
                FIELD,
                f"expected the label {shown(item.label)} for {shown(item.item)}, as in the audited data set, got "
                f"{shown(partner.label)}; a counterfactual has the class of its original, so give it that label or "
                "none",
            )


def _class(item: DatasetItem, by_name: Mapping[str, int]) -> int | None:
    return class_index(item.label, by_name)
