"""Accuracy of an ensemble and its members on a labelled data set unlike their training data.

It is paired: over the images of which all have a prediction. Other images are counted as failed. Must not judge:
`mitigation` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.measures.comparisons import difference_to_mean
from modicum_server.measures.intervals import LEVEL
from modicum_server.measures.measure import Measure, share

DIFFERENCE = "ood_accuracy_difference"
NONE_PREDICTED = "no labelled out-of-distribution image has a prediction of the ensemble and all members"


@dataclass(frozen=True, slots=True, eq=False)
class VersionPredictions:
    """Predictions of one version on the labelled images: arrays of one entry an image, in the data set's order.

    Attributes:
        predicted: whether it has a prediction.
        correct: whether that is the label; meaningful where `predicted`.
    """

    predicted: NDArray[np.bool_]
    correct: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfDistribution:
    """Predictions of the checked versions by name. `dataset` is a resource name; `item_count` counts all items."""

    dataset: str
    manifest_digest: str
    item_count: int
    predictions: Mapping[str, VersionPredictions]

    def difference(self, ensemble: str, members: Sequence[str], level: float = LEVEL) -> Measure:
        """Return the accuracy of the ensemble less the mean of its members'."""
        correct = np.stack([self._correct(name, (ensemble, *members)) for name in (ensemble, *members)])
        return difference_to_mean(correct.astype(np.int64), level=level, empty=NONE_PREDICTED)

    def accuracy(self, version: str, together: Sequence[str], level: float = LEVEL) -> Measure:
        """Return a version's accuracy on the images that all of `together` have a prediction of."""
        return share(self._correct(version, together), level=level, empty=NONE_PREDICTED)

    def as_json(self, together: Sequence[str]) -> dict[str, Any]:
        """Return the data set as JSON values: `used` images are behind the measures, `failed` labelled ones are not."""
        labelled, used = len(self.predictions[together[0]].predicted), int(self._in_all(together).sum())
        return {
            "dataset": self.dataset,
            "manifest_digest": self.manifest_digest,
            "item_count": self.item_count,
            "labelled": labelled,
            "used": used,
            "failed": labelled - used,
        }

    def _correct(self, version: str, together: Sequence[str]) -> NDArray[np.bool_]:
        return self.predictions[version].correct[self._in_all(together)]

    def _in_all(self, together: Sequence[str]) -> NDArray[np.bool_]:
        everyone: NDArray[np.bool_] = np.logical_and.reduce([self.predictions[name].predicted for name in together])
        return everyone
