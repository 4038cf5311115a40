"""Reads what the versions of a mitigation check predicted on the out-of-distribution data set, beside its labels."""

from collections.abc import Container, Mapping, Sequence

import numpy as np

from modicum_server.domain.audits import OUT_OF_DISTRIBUTION, Audit
from modicum_server.domain.classes import class_index, classes_by_name
from modicum_server.domain.ensembles import checked_together
from modicum_server.domain.findings import Prediction
from modicum_server.domain.models import ModelVersion
from modicum_server.measures.out_of_distribution import OutOfDistribution, VersionPredictions
from modicum_server.ports import Transaction
from modicum_server.worker.stored_work import dataset_in_use, erased_pictures

#: Items that are read from the store at once.
PAGE_ITEMS = 1000


async def ood_predictions(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], *, cut: bool
) -> OutOfDistribution | None:
    """Return the predictions of the ensembles and members among the versions; None without such a data set.

    Of a set that was `cut` nothing counts as predicted, so no check that asks for it can succeed.
    """
    name = audit.specification.out_of_distribution_dataset
    if not name:
        return None
    dataset = await dataset_in_use(transaction, name)
    labels = await _labels(transaction, name, await erased_pictures(transaction, audit))
    compared = {
        version.name: _compared(
            labels,
            version,
            {} if cut else await transaction.predictions.of(audit.name, version.name, OUT_OF_DISTRIBUTION),
        )
        for version in checked_together(versions)
    }
    return OutOfDistribution(name, dataset.manifest_digest, dataset.item_count, compared)


async def _labels(transaction: Transaction, dataset: str, erased: Container[str]) -> dict[int, str]:
    """The labels that are there, by the item's index. Of several copies of a picture the first item counts.

    Erased pictures do not count.
    """
    labels: dict[int, str] = {}
    first: dict[str, int] = {}
    after = -1
    while page := await transaction.datasets.items(dataset, after=after, limit=PAGE_ITEMS):
        labels |= {
            index: item.label
            for index, item in page
            if first.setdefault(item.image_digest, index) == index and item.label and item.image_digest not in erased
        }
        after = page[-1][0]
    return labels


def _compared(
    labels: Mapping[int, str], version: ModelVersion, predicted: Mapping[int, Prediction]
) -> VersionPredictions:
    by_name = classes_by_name(version.class_labels)
    classes = {index: one.predicted_class for index, one in predicted.items()}
    pairs = [(classes.get(index), class_index(label, by_name)) for index, label in labels.items()]
    return VersionPredictions(
        np.array([one is not None for one, _ in pairs], dtype=np.bool_),
        np.array([one is not None and one == label for one, label in pairs], dtype=np.bool_),
    )
