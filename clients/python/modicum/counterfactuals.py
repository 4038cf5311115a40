"""The counterfactual sets of a result document, typed: accuracy and predictions in pairs. Computes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modicum.measures import Measure, measures_of


@dataclass(frozen=True, slots=True)
class CounterfactualClass:
    """The pairs of one class by label. `outcome` is ACCURACY_FALLS, ACCURACY_HOLDS or INCONCLUSIVE."""

    index: int
    label: str
    pairs: int
    outcome: str
    measures: Mapping[str, Measure]

    @property
    def accuracy_loss(self) -> Measure:
        """Accuracy on the originals less that on the counterfactuals."""
        return self.measures["counterfactual_accuracy_loss"]


@dataclass(frozen=True, slots=True)
class CounterfactualPrediction:
    """The pairs whose original is predicted as one class. `to` counts by class name what their counterfactuals are."""

    index: int
    label: str
    pairs: int
    changed_share: Measure
    to: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CounterfactualTest:
    """What a counterfactual data set says of one version.

    `outcome` is ACCURACY_FALLS, ACCURACY_HOLDS or INCONCLUSIVE, `pooled_outcome` that of all pairs by themselves.
    `pairs` audited images have a partner, and `unpaired` have none. `same_picture` of the pairs hold the same picture
    twice; no figure counts them. `failed` pairs have no prediction on one of their pictures. `unpaired_items` and
    `failed_items` name the first of them. `classes` are by label (empty without labels), `predicted_classes` by the
    class predicted on the original. `examples` are the changed predictions of which the version was most confident, as
    in the document.
    """

    model_version: str
    search_index: int
    outcome: str
    pooled_outcome: str
    dataset: str
    pairs: int
    same_picture: int
    unpaired: int
    failed: int
    unpaired_items: tuple[str, ...]
    failed_items: tuple[Mapping[str, str], ...]
    measures: Mapping[str, Measure]
    classes: tuple[CounterfactualClass, ...]
    predicted_classes: tuple[CounterfactualPrediction, ...]
    examples: tuple[Mapping[str, Any], ...] = field(repr=False)

    @property
    def accuracy_loss(self) -> Measure:
        """Accuracy on the originals less that on the counterfactuals, over all pairs."""
        return self.measures["counterfactual_accuracy_loss"]

    @property
    def original_accuracy(self) -> Measure:
        """Accuracy on the originals of the pairs."""
        return self.measures["counterfactual_original_accuracy"]

    @property
    def accuracy(self) -> Measure:
        """Accuracy on the counterfactuals."""
        return self.measures["counterfactual_accuracy"]

    @property
    def changed_share(self) -> Measure:
        """Share of the pairs whose two predictions differ."""
        return self.measures["counterfactual_changed_share"]


def counterfactual_of(entry: Mapping[str, Any]) -> CounterfactualTest:
    """The counterfactual set in its entry of the document."""
    return CounterfactualTest(
        model_version=entry["model_version"],
        search_index=entry["search_index"],
        outcome=entry["outcome"],
        pooled_outcome=entry["pooled_outcome"],
        dataset=entry["dataset"],
        pairs=entry["pairs"],
        same_picture=entry["same_picture"],
        unpaired=entry["unpaired"],
        failed=entry["failed"],
        unpaired_items=tuple(entry["unpaired_items"]),
        failed_items=tuple(entry["failed_items"]),
        measures=measures_of(entry["measures"]),
        classes=tuple(map(_class, entry["classes"])),
        predicted_classes=tuple(map(_prediction, entry["predicted_classes"])),
        examples=tuple(entry["examples"]),
    )


def _class(row: Mapping[str, Any]) -> CounterfactualClass:
    return CounterfactualClass(row["class"], row["label"], row["pairs"], row["outcome"], measures_of(row["measures"]))


def _prediction(row: Mapping[str, Any]) -> CounterfactualPrediction:
    changed = measures_of(row["measures"])["counterfactual_changed_share"]
    to = {one["label"]: one["pairs"] for one in row["to"]}
    return CounterfactualPrediction(row["class"], row["label"], row["pairs"], changed, to)
