"""Results of the pixel-subsets control as arrays, from which its measures are computed. Computes no measure.

A descent is kept as its confidences on one grid of kept shares, so that the descents of all images can be averaged.
mask_optimization does not descend; its results have no curve.
"""

import math
from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import PixelSubsetFinding
from modicum_server.domain.searches import SearchMethod

POINTS = 41
"""Of the grid: every 2.5% of the pixels, and so 5% too."""
GRID = np.linspace(0.0, 1.0, POINTS)


@dataclass(frozen=True, slots=True)
class Descents:
    """Arrays of one entry an image that the control ran on, in the order of the rows.

    Attributes:
        place: of the image among the observations.
        predicted: class index on the pixels that were chosen.
        confidence: in the class predicted on the whole image, there.
        random_predicted: class index on as many random pixels.
        random_confidence: in the class predicted on the whole image, there.
        curve: (images, POINTS) confidences along the descent at the kept shares of GRID, rising; NaN without a descent.
        method: the search that chose the pixels.
    """

    place: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    random_predicted: NDArray[np.int64]
    random_confidence: NDArray[np.float64]
    curve: NDArray[np.float64]
    method: SearchMethod


@dataclass(slots=True)
class DescentColumns:
    """Takes the control's results one at a time. An image on which it did not run takes no room."""

    pixels: int
    _method: SearchMethod = field(init=False, default=SearchMethod.BATCHED_GRADIENT)
    _place: "array[int]" = field(init=False, default_factory=lambda: array("q"))
    _classes: "array[int]" = field(init=False, default_factory=lambda: array("i"))
    _confidences: "array[float]" = field(init=False, default_factory=lambda: array("f"))
    _curve: "array[float]" = field(init=False, default_factory=lambda: array("f"))

    def add(self, place: int, result: PixelSubsetFinding | None) -> None:
        """Take the result of an image. A result with a confidence that is NaN is left out."""
        if result is None or math.isnan(result.confidence) or math.isnan(result.random_confidence):
            return
        curve = self._curve_of(result)
        if curve is None:
            return
        self._method = result.method or self._method
        self._place.append(place)
        self._classes.extend((result.predicted_class, result.random_predicted_class))
        self._confidences.extend((result.confidence, result.random_confidence))
        self._curve.extend(curve)

    def _curve_of(self, result: PixelSubsetFinding) -> NDArray[np.float64] | None:
        """The confidences on the grid, NaN for a search that does not descend; None if a descent has no point."""
        if result.method is SearchMethod.MASK_OPTIMIZATION:
            return np.full(POINTS, math.nan)
        # a model's process may have sent lists of any length: it must not keep the audit from its summary
        pairs = zip(result.trace.kept, result.trace.confidences, strict=False)
        points = sorted((kept / self.pixels, confidence) for kept, confidence in pairs if not math.isnan(confidence))
        if not points:
            return None
        shares, confidences = zip(*points, strict=True)
        curve: NDArray[np.float64] = np.interp(GRID, shares, confidences)
        return curve

    def descents(self) -> Descents:
        """Return what was taken, as arrays."""
        classes = np.array(self._classes, dtype=np.int64).reshape(-1, 2)
        confidences = np.array(self._confidences, dtype=np.float64).reshape(-1, 2)
        return Descents(
            place=np.array(self._place, dtype=np.int64),
            predicted=classes[:, 0],
            confidence=confidences[:, 0],
            random_predicted=classes[:, 1],
            random_confidence=confidences[:, 1],
            curve=np.array(self._curve, dtype=np.float64).reshape(-1, POINTS),
            method=self._method,
        )
