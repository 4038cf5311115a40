"""The rule of the counterfactual set (docs/method.md, "The counterfactual set"): from losses in pairs to an outcome.

The losses are those of pairs of two different pictures. A picture beside itself loses nothing, whatever decides.

The loss of a pair is 1 where the original is predicted right and its counterfactual wrong, -1 where it is the other way
round, and 0 otherwise. Its mean is the accuracy on the originals less that on the counterfactuals.

ACCURACY_FALLS: the lower end of the loss is above `LOSS_LIMIT`, of all pairs or of those of one class; one-sided at 5%
over all of them (Holm, "A simple sequentially rejective multiple test procedure", 1979).
ACCURACY_HOLDS: nothing falls, the upper end of the loss is below `HOLDS_LIMIT` over all pairs and below `CLASS_LIMIT`
for each class, one-sided at 5% each, and more than half of the originals are predicted right.
INCONCLUSIVE: otherwise, and without labels. Fewer than `SMALLEST_SAMPLE` pairs have no interval, and are not judged.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modicum_server.measures.intervals import SMALLEST_SAMPLE, Interval, square_and_add

LOSS_LIMIT = 0.10
HOLDS_LIMIT = 0.05
CLASS_LIMIT = 0.20
LEAST_ACCURACY = 0.5
"""Of the originals. A model that is right on fewer has little accuracy to lose."""
ALPHA = 0.05
ALL: Final = -1
"""Stands for all pairs, beside class indices."""

Floats = NDArray[np.float64]


class CounterfactualOutcome(StrEnum):
    """What the counterfactual set says of a class, or of a network."""

    ACCURACY_FALLS = "ACCURACY_FALLS"
    ACCURACY_HOLDS = "ACCURACY_HOLDS"
    INCONCLUSIVE = "INCONCLUSIVE"


def judge_losses(losses: Mapping[int, Floats], alpha: float = ALPHA) -> dict[int, CounterfactualOutcome]:
    """Return the outcome of each class, and of all pairs, whose losses these are (by class index, or `ALL`).

    One-sided at `alpha`.
    """
    fallen = _fallen({key: values for key, values in losses.items() if len(values) >= SMALLEST_SAMPLE}, alpha)
    return {key: _outcome(key, values, alpha, fell=key in fallen) for key, values in losses.items()}


def judge_network(
    outcomes: Mapping[int, CounterfactualOutcome], losses: Mapping[int, Floats], accuracy: float
) -> CounterfactualOutcome:
    """Return the outcome of a network. `accuracy` is that on the originals. Classes of few pairs are not asked."""
    asked = {one for key, one in outcomes.items() if key == ALL or len(losses[key]) >= SMALLEST_SAMPLE}
    if CounterfactualOutcome.ACCURACY_FALLS in asked:
        return CounterfactualOutcome.ACCURACY_FALLS
    if asked == {CounterfactualOutcome.ACCURACY_HOLDS} and accuracy > LEAST_ACCURACY:
        return CounterfactualOutcome.ACCURACY_HOLDS
    return CounterfactualOutcome.INCONCLUSIVE


def _fallen(losses: Mapping[int, Floats], alpha: float) -> frozenset[int]:
    """Holm's procedure, by ends of intervals: what passes among m is left out, and the rest is asked among fewer."""
    fallen: set[int] = set()
    while rest := losses.keys() - fallen:
        passed = {key for key in rest if _low(_ends(losses[key], alpha / len(rest))) > LOSS_LIMIT}
        if not passed:
            break
        fallen |= passed
    return frozenset(fallen)


def _outcome(key: int, values: Floats, alpha: float, *, fell: bool) -> CounterfactualOutcome:
    if fell:
        return CounterfactualOutcome.ACCURACY_FALLS
    limit = HOLDS_LIMIT if key == ALL else CLASS_LIMIT
    if _high(_ends(values, alpha)) < limit:
        return CounterfactualOutcome.ACCURACY_HOLDS
    return CounterfactualOutcome.INCONCLUSIVE


def _ends(values: Floats, alpha: float) -> Interval | None:
    """The interval whose ends are one-sided at level 1 - alpha."""
    return square_and_add(values, level=1 - 2 * alpha)


def _low(interval: Interval | None) -> float:
    return -np.inf if interval is None or interval.low is None else interval.low


def _high(interval: Interval | None) -> float:
    return np.inf if interval is None or interval.high is None else interval.high
