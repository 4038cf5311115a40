"""Two searches of the same images in pairs: which subsets have a size, and the ratios of sizes.

The server's comparison of two versions of one audit is made of this, and so is the gate's of a result with its
baseline. Must not know what the ratios are used for.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_APART = 1
"""Images by which two counts of eligible images may differ and the temperatures still count as matched."""
NOT_FOUND = "NOT_FOUND"
MEASURED_REASONS = frozenset({"NOT_ELIGIBLE", NOT_FOUND})
"""Reasons without a subset that are outcomes of a measurement; every other one counts as a failed image."""


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Sizes of subsets by image.

    Attributes:
        images: (n,) distinct keys of any kind, such as positions or digests.
        sizes: (n,) pixels kept; NaN where nothing was measured, infinite where a search for another class found
            nothing.
    """

    images: NDArray[Any]
    sizes: Floats


def measured_size(
    *, reason: str | None, subset: int | None, budget_exhausted: bool, baseline_confident: bool, pixels: int
) -> float:
    """Return the pixels kept on an image: what measures of subsets are taken over.

    NaN where the image was not searched to its end, or the bare fill alone suffices. `pixels`, those of the canvas,
    where nothing smaller than the whole image was found. Infinite where a search for another class found nothing.
    """
    failed = reason is not None and reason not in MEASURED_REASONS
    searched = not failed and (subset is not None or budget_exhausted or reason == NOT_FOUND)
    if not searched or baseline_confident:
        return math.nan
    if budget_exhausted:
        return float(pixels)
    return math.inf if subset is None else float(subset)


def log_ratios(first: Sizes, second: Sizes) -> Floats:
    """Return the logarithms of the ratios of sizes, first to second, over the images measured in both.

    An empty subset has no ratio. The bare fill suffices there, so no search measures one.
    """
    _, ours, theirs = np.intersect1d(first.images, second.images, assume_unique=True, return_indices=True)
    mine, others = first.sizes[ours], second.sizes[theirs]
    both = np.isfinite(mine) & np.isfinite(others) & (mine > 0) & (others > 0)
    logs: Floats = np.log(mine[both] / others[both])
    return logs


def is_small(sizes: Any, pixels: int, alpha: float) -> Any:
    """Return which sizes, a number or an array, are at most alpha of the pixels.

    Shares are compared, not pixels: 29 of 100 are 0.29, and 0.29 * 100 is less than 29 to a computer.
    """
    return sizes / pixels <= alpha


def is_softer(eligible: int, others: int) -> bool:
    """Return whether a version is eligible on fewer of the same images than another, beyond `MOST_APART`.

    Softer logits alone enlarge subsets at a fixed threshold, and this is how they show.
    """
    return others - eligible > MOST_APART
