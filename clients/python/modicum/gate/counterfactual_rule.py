"""The rule of the counterfactual set (docs/method.md, "The counterfactual set"): from losses in pairs to an outcome.

The losses are those of pairs of two different pictures. A picture beside itself loses nothing, whatever decides.

The loss of a pair is 1 where the original is predicted right and its counterfactual wrong, -1 where it is the other way
round, and 0 otherwise. Its mean is the accuracy on the originals less that on the counterfactuals. It is given as the
measure of a document.

ACCURACY_FALLS: the lower end of the loss is above `LOSS_LIMIT`, of all pairs or of those of one class; one-sided at 5%
over all of them (Holm, "A simple sequentially rejective multiple test procedure", 1979).
ACCURACY_HOLDS: nothing falls, the upper end of the loss is below `HOLDS_LIMIT` over all pairs and below `CLASS_LIMIT`
for each class, one-sided at 5% each, and more than half of the originals are predicted right.
INCONCLUSIVE: otherwise, and without labels. Fewer than `FEWEST_PAIRS` pairs have no interval, and are not judged.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from modicum.gate.reading_rules import ends_at, known
from modicum.gate.tails import FEWEST_PAIRS

Loss = Mapping[str, Any]
"""A mean loss with its number of pairs and how many differ, as a document has it."""
LOSS_LIMIT = 0.10
HOLDS_LIMIT = 0.05
CLASS_LIMIT = 0.20
LEAST_ACCURACY = 0.5
"""Of the originals. A model that is right on fewer has little accuracy to lose."""
ALPHA = 0.05
"""At which the outcome is decided, whatever the level of the result."""
ALL: Final = -1
"""Stands for all pairs, beside class indices."""


class CounterfactualOutcome(StrEnum):
    """What the counterfactual set says of a class, or of a network."""

    ACCURACY_FALLS = "ACCURACY_FALLS"
    ACCURACY_HOLDS = "ACCURACY_HOLDS"
    INCONCLUSIVE = "INCONCLUSIVE"


def judge_losses(losses: Mapping[int, Loss], alpha: float = ALPHA) -> dict[int, CounterfactualOutcome]:
    """Return the outcome of each class, and of all pairs, whose losses these are (by class index, or `ALL`).

    One-sided at `alpha`.
    """
    fallen = _fallen({key: loss for key, loss in losses.items() if loss["n"] >= FEWEST_PAIRS}, alpha)
    return {key: _outcome(key, loss, alpha, fell=key in fallen) for key, loss in losses.items()}


def judge_network(
    outcomes: Mapping[int, CounterfactualOutcome], losses: Mapping[int, Loss], accuracy: float
) -> CounterfactualOutcome:
    """Return the outcome of a network. `accuracy` is that on the originals. Classes of few pairs are not asked."""
    asked = {one for key, one in outcomes.items() if key == ALL or losses[key]["n"] >= FEWEST_PAIRS}
    if CounterfactualOutcome.ACCURACY_FALLS in asked:
        return CounterfactualOutcome.ACCURACY_FALLS
    if asked == {CounterfactualOutcome.ACCURACY_HOLDS} and accuracy > LEAST_ACCURACY:
        return CounterfactualOutcome.ACCURACY_HOLDS
    return CounterfactualOutcome.INCONCLUSIVE


def _fallen(losses: Mapping[int, Loss], alpha: float) -> frozenset[int]:
    """Holm's procedure, by ends of intervals: what passes among m is left out, and the rest is asked among fewer."""
    fallen: set[int] = set()
    while rest := losses.keys() - fallen:
        passed = {key for key in rest if known(ends_at(losses[key], alpha / len(rest)))[0] > LOSS_LIMIT}
        if not passed:
            break
        fallen |= passed
    return frozenset(fallen)


def _outcome(key: int, loss: Loss, alpha: float, *, fell: bool) -> CounterfactualOutcome:
    if fell:
        return CounterfactualOutcome.ACCURACY_FALLS
    limit = HOLDS_LIMIT if key == ALL else CLASS_LIMIT
    if known(ends_at(loss, alpha))[1] < limit:
        return CounterfactualOutcome.ACCURACY_HOLDS
    return CounterfactualOutcome.INCONCLUSIVE
