"""What a version predicts on both sides of the pairs of a counterfactual set, measured overall and by class.

Pairs of the same picture are left out of all of it; `CounterfactualSet.predicted` has the others.

The rule is in the client's `gate/counterfactual_rule.py`; the words are in `counterfactuals`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from modicum.gate.class_rules import MOST_CLASSES
from modicum.gate.counterfactual_rule import ALL, CounterfactualOutcome, Loss, judge_losses, judge_network
from numpy.typing import NDArray

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import whole_image_search
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.counterfactual_set import CounterfactualSet
from modicum_server.measures.document_lists import Audited
from modicum_server.measures.intervals import TAILS
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.number_words import class_label
from modicum_server.measures.observations import UNKNOWN, Booleans, Floats, Observations

EXAMPLES = 12
"""Pairs that are shown, those with the highest confidence on the original first."""
NO_PAIR = "no pair of two different pictures has a prediction on both"
NO_LABEL = "no pair of two different pictures with both predictions has a label"


@dataclass(frozen=True, slots=True, eq=False)
class PairedPredictions:
    """Both predictions of the pairs of different pictures that have them; arrays of one entry a pair.

    Attributes:
        position: of the original among the audit's items.
        label: class index, or UNKNOWN.
        original: class predicted on the original.
        counterfactual: class predicted on its counterfactual.
        confidence: on the original, in the class predicted there; NaN where it is not known.
        left: confidence that the counterfactual leaves in that class.
    """

    position: NDArray[np.int64]
    label: NDArray[np.int64]
    original: NDArray[np.int64]
    counterfactual: NDArray[np.int64]
    confidence: Floats
    left: Floats

    @property
    def changed(self) -> Booleans:
        """Whether the two predictions differ."""
        changed: Booleans = self.original != self.counterfactual
        return changed

    @property
    def labelled(self) -> Booleans:
        """Whether there is a label."""
        labelled: Booleans = self.label != UNKNOWN
        return labelled

    @property
    def losses(self) -> Floats:
        """1 where the original alone is right, -1 where the counterfactual alone is, else 0. Valid where labelled."""
        losses: Floats = (self.original == self.label).astype(np.float64) - (self.counterfactual == self.label)
        return losses


@dataclass(frozen=True, slots=True, eq=False)
class ClassRow:
    """The pairs of one class by label: accuracy on both sides, and what the rule says of the loss."""

    index: int
    label: str
    pairs: int
    outcome: CounterfactualOutcome
    measures: Measured

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "class": self.index,
            "label": self.label,
            "pairs": self.pairs,
            "outcome": self.outcome.value,
            "measures": _measures_json(self.measures),
        }


@dataclass(frozen=True, slots=True, eq=False)
class PredictedRow:
    """The pairs whose original is predicted as one class. `to` counts what their counterfactuals are predicted as."""

    index: int
    label: str
    pairs: int
    changed: Measure
    to: tuple[tuple[int, str, int], ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "class": self.index,
            "label": self.label,
            "pairs": self.pairs,
            "measures": _measures_json({"counterfactual_changed_share": self.changed}),
            "to": [{"class": index, "label": label, "pairs": count} for index, label, count in self.to],
        }


@dataclass(frozen=True, slots=True, eq=False)
class CounterfactualTest:
    """What the counterfactual set says of one version.

    Attributes:
        outcome: of the network: that of its classes, or of all pairs.
        pooled_outcome: of all pairs by themselves.
        classes: rows by label, most pairs first; empty without labels.
        predicted: rows by the class predicted on the original, most pairs first.
        examples: the changed predictions that are shown, as JSON values.
        source: the data set, and what of it could not be used, as JSON values.
        outcomes: of the network at each one-sided tail.
    """

    model_version: str
    search_index: int
    outcome: CounterfactualOutcome
    pooled_outcome: CounterfactualOutcome
    measures: Measured
    classes: tuple[ClassRow, ...]
    predicted: tuple[PredictedRow, ...]
    examples: tuple[Mapping[str, Any], ...]
    source: Mapping[str, Any]
    outcomes: Sequence[tuple[float, str]] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "model_version": self.model_version,
            "search_index": self.search_index,
            "outcome": self.outcome.value,
            "pooled_outcome": self.pooled_outcome.value,
            **self.source,
            "measures": _measures_json(self.measures),
            "classes": [row.as_json() for row in self.classes],
            "predicted_classes": [row.as_json() for row in self.predicted],
            "examples": [dict(example) for example in self.examples],
        }

    @property
    def fallen(self) -> tuple[ClassRow, ...]:
        """The classes whose accuracy falls, the largest loss first."""
        fallen = [row for row in self.classes if row.outcome is CounterfactualOutcome.ACCURACY_FALLS]
        return tuple(sorted(fallen, key=lambda row: -(row.measures["counterfactual_accuracy_loss"].value or 0.0)))

    def lost(self, target_class: int | None) -> Measured | None:
        """Return the measures of a class whose accuracy falls, or of all pairs for None; None where it does not fall.

        The spot test asks this: with a loss, and not without, a place that decides for the class is called a shortcut.
        """
        if target_class is None:
            return self.measures if self.pooled_outcome is CounterfactualOutcome.ACCURACY_FALLS else None
        return next((row.measures for row in self.fallen if row.index == target_class), None)


def counterfactual_tests_of(audited: Audited) -> list[CounterfactualTest]:
    """Return the test of each version, in the specification's order; none without a counterfactual data set."""
    given = audited.counterfactual
    if given is None:
        return []
    index = whole_image_search(audited.specification.searches)
    return [_test(version, index, given, audited.seen[version.name, index]) for version in audited.versions]


def _test(version: ModelVersion, index: int, given: CounterfactualSet, seen: Observations) -> CounterfactualTest:
    paired = _paired(version.name, given, seen)
    losses = _losses(paired)
    outcomes = judge_losses(losses)
    measures = _measures(paired, np.ones(len(paired.position), dtype=np.bool_), seen.level)
    accuracy = measures["counterfactual_original_accuracy"].value or 0.0
    return CounterfactualTest(
        version.name,
        index,
        judge_network(outcomes, losses, accuracy),
        outcomes[ALL],
        measures,
        classes=_class_rows(version, paired, outcomes, seen.level),
        predicted=_predicted_rows(version, paired, seen.level),
        examples=_examples(given, paired),
        source=given.as_json(version.name),
        outcomes=[(tail, judge_network(judge_losses(losses, tail), losses, accuracy).value) for tail in TAILS],
    )


def _paired(version: str, given: CounterfactualSet, seen: Observations) -> PairedPredictions:
    both = given.predicted(version)
    labels = dict(zip(seen.position.tolist(), seen.label.tolist(), strict=True))
    pairs = list(both.values())
    return PairedPredictions(
        position=np.array(list(both), dtype=np.int64),
        label=np.array([labels.get(place, UNKNOWN) for place in both], dtype=np.int64),
        original=np.array([one.predicted_class for one, _ in pairs], dtype=np.int64),
        counterfactual=np.array([other.predicted_class for _, other in pairs], dtype=np.int64),
        confidence=np.array([one.confidence for one, _ in pairs], dtype=np.float64),
        left=np.array([other.confidence for _, other in pairs], dtype=np.float64),
    )


def _losses(paired: PairedPredictions) -> dict[int, Loss]:
    """The losses of all labelled pairs, and of each class."""
    losses, labels = paired.losses[paired.labelled], paired.label[paired.labelled]
    each = {ALL: losses} | {int(index): losses[labels == index] for index in np.unique(labels)}
    return {key: difference_of(values, empty=NO_LABEL).as_json() for key, values in each.items()}


def _measures(paired: PairedPredictions, where: Booleans, level: float) -> Measured:
    """The measures of some of the pairs."""
    known = where & paired.labelled
    unknown = NO_LABEL if where.any() else NO_PAIR
    return {
        "counterfactual_accuracy_loss": difference_of(paired.losses[known], level=level, empty=unknown),
        "counterfactual_original_accuracy": share((paired.original == paired.label)[known], level=level, empty=unknown),
        "counterfactual_accuracy": share((paired.counterfactual == paired.label)[known], level=level, empty=unknown),
        "counterfactual_changed_share": share(paired.changed[where], level=level, empty=NO_PAIR),
    }


def _class_rows(
    version: ModelVersion, paired: PairedPredictions, outcomes: Mapping[int, CounterfactualOutcome], level: float
) -> tuple[ClassRow, ...]:
    return tuple(
        ClassRow(
            index,
            class_label(index, version.class_labels),
            pairs,
            outcomes[index],
            _measures(paired, paired.label == index, level),
        )
        for index, pairs in _most_frequent(paired.label[paired.labelled])
    )


def _predicted_rows(version: ModelVersion, paired: PairedPredictions, level: float) -> tuple[PredictedRow, ...]:
    rows = []
    for index, pairs in _most_frequent(paired.original):
        where = paired.original == index
        to = _most_frequent(paired.counterfactual[where])
        rows.append(
            PredictedRow(
                index,
                class_label(index, version.class_labels),
                pairs,
                share(paired.changed[where], level=level, empty=NO_PAIR),
                tuple((other, class_label(other, version.class_labels), count) for other, count in to),
            )
        )
    return tuple(rows)


def _most_frequent(classes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Classes with their counts: the most frequent first, of equally frequent ones the lower index, at most 1,000."""
    return sorted(Counter(classes.tolist()).items(), key=lambda one: (-one[1], one[0]))[:MOST_CLASSES]


def _examples(given: CounterfactualSet, paired: PairedPredictions) -> tuple[Mapping[str, Any], ...]:
    """The changed predictions of which the version was most confident, each with its pictures."""
    changed = np.flatnonzero(paired.changed)
    surest = changed[np.argsort(-np.nan_to_num(paired.confidence[changed], nan=-1.0), kind="stable")]
    return tuple(_example(given, paired, place) for place in surest[:EXAMPLES].tolist())


def _example(given: CounterfactualSet, paired: PairedPredictions, place: int) -> Mapping[str, Any]:
    position = int(paired.position[place])
    pair = given.pairs[position]
    return {
        "position": position,
        "item": pair.item,
        "image_digest": pair.image_digest,
        "counterfactual_digest": pair.counterfactual_digest,
        "label": _known(paired.label[place]),
        "predicted_class": int(paired.original[place]),
        "counterfactual_class": int(paired.counterfactual[place]),
        "confidence": _number(paired.confidence[place]),
        "confidence_left": _number(paired.left[place]),
    }


def _known(index: np.int64) -> int | None:
    return None if index == UNKNOWN else int(index)


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _measures_json(measures: Measured) -> dict[str, Any]:
    return {name: measure.as_json() for name, measure in measures.items()}
