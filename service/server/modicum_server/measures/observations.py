"""What the findings of one version and one search say, as arrays: what measures are taken from. Computes no measure.

An `ObservationBuilder` makes them of the findings' rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.searches import Canvas, Search, TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.pixel_subset_curves import Descents

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

UNKNOWN = -1
"""Stands for a class or a label that is not known."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """One variant of each subset, scored once more; arrays of one entry an image.

    Attributes:
        ran: whether it was.
        sufficient: the confidence in the target class reaches the threshold.
        confidence: in the target class; NaN where it did not run.
        predicted: class index; UNKNOWN where it did not run.
    """

    ran: Booleans
    sufficient: Booleans
    confidence: Floats
    predicted: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transferred:
    """The subsets as another version scored them, its classes those of the version that found them.

    Attributes:
        scored: one entry an image.
        unscored: how many it could not score.
    """

    scored: Rescored
    unscored: int


@dataclass(frozen=True, slots=True)
class Observations:
    """Arrays of one entry an image, all of one length, in the order of the rows.

    Attributes:
        search: what was asked.
        canvas: where.
        statistics: what measures go by.
        position: of the image among the audit's.
        scored: the model gave a prediction on the whole image.
        failed: the image could not be measured; then nothing below counts but `eligible`, `label` and `predicted`: a
            fill can be missing for an image of which there is a prediction.
        eligible: scored, and the predicted class reaches the threshold on the whole image.
        baseline_confident: the bare fill alone is sufficient.
        measured: searched to its end, and not baseline-confident: what subset measures are taken over.
        budget_exhausted: nothing smaller than the whole image was found.
        saturated: the model's probabilities round to 1 here.
        with_subset: measured, and a subset smaller than the whole image was found and verified.
        label: class index, or UNKNOWN.
        predicted: class index, or UNKNOWN.
        confidence: on the whole image, in the class that the search argues for, rounded to float32; NaN where
            not scored.
        target: class index, or UNKNOWN.
        size: pixels kept; p when the budget was exhausted, infinite when a search for another class found nothing.
        border_share: share of the subset's pixels in the ring; NaN where not `with_subset`.
        object_area: share of the canvas that the item's objects cover; NaN where it has none.
        object_share: share of the subset's pixels that lie in them; NaN where it has none, or not `with_subset`.
        other_ran: the class-targeted control ran.
        other_size: its pixels; infinite when it found nothing, 0 where the bare fill alone argues for its class.
        robust_ran: the fill-robust control ran, and had enough donors.
        robust_size: its pixels; p when nothing smaller was verified, infinite when it found nothing.
        robust_donors: how many donors verified; 0 where it was not asked.
        robust_unavailable: it was asked, and had too few donors.
        fills: for each fill of the fill control, where it ran and where it left the subset sufficient.
        variants: by name, those of the controls that re-score a variant of the subset, or of the whole image.
        transfers: by the name of another version, what it said of the subsets.
        descents: what the pixel-subsets control said of the images that it ran on.
        other_passes: budget an image of the class-targeted control, 0 where its method has none in passes.
        class_labels: names of the version's classes; empty where it has none.
    """

    search: Search
    canvas: Canvas
    statistics: Statistics
    position: NDArray[np.int64]
    scored: Booleans
    failed: Booleans
    eligible: Booleans
    baseline_confident: Booleans
    measured: Booleans
    budget_exhausted: Booleans
    saturated: Booleans
    with_subset: Booleans
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: Floats
    target: NDArray[np.int64]
    size: Floats
    border_share: Floats
    object_area: Floats
    object_share: Floats
    other_ran: Booleans
    other_size: Floats
    robust_ran: Booleans
    robust_size: Floats
    robust_donors: NDArray[np.int64]
    robust_unavailable: Booleans
    fills: dict[str, tuple[Booleans, Booleans]]
    variants: dict[str, Rescored]
    transfers: dict[str, Transferred]
    descents: Descents
    other_passes: int
    class_labels: tuple[str, ...] = ()

    def class_name(self, index: int) -> str:
        """Return a class's name, or its number where it has none."""
        return self.class_labels[index] if 0 <= index < len(self.class_labels) else f"class {index}"

    @property
    def level(self) -> float:
        """Of the intervals."""
        return self.statistics.level

    @property
    def fraction(self) -> Floats:
        """Subset fraction: `size` / p."""
        return self.size / self.canvas.pixels

    @property
    def other_searched(self) -> Booleans:
        """Where the class-targeted control had to search: the bare fill alone does not argue for its class."""
        searched: Booleans = self.other_ran & (self.other_size != 0)
        return searched

    @property
    def searchable(self) -> Booleans:
        """Images that the search may argue about: eligible ones, or all scored ones in a search for another class.

        Images whose fill could not be made are not among them.
        """
        asked = self.eligible if self.search.target_rule is TargetRule.PREDICTED else self.scored
        searchable: Booleans = asked & ~self.failed
        return searchable

    @property
    def nothing_measured(self) -> str:
        """Why a measure over `measured` is unavailable."""
        if self.search.target_rule is TargetRule.PREDICTED:
            return "no image is eligible and not baseline-confident"
        return "no image was searched to its end and is not baseline-confident"

    @property
    def labelled(self) -> Booleans:
        """Scored images with a label."""
        labelled: Booleans = self.scored & (self.label != UNKNOWN)
        return labelled

    @property
    def correct(self) -> Booleans:
        """Whether the prediction is the label. Valid where `labelled`."""
        correct: Booleans = self.predicted == self.label
        return correct
