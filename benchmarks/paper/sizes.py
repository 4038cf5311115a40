"""Step (b): subset sizes of correctly and incorrectly predicted images, by two searches.

Subsets of batched_gradient come from the descents of all eligible images. mask_optimization searches all incorrectly
predicted images and the first of the others, up to a limit. There are two thresholds: see `extent.SOFT_THRESHOLD`.
Every subset is verified.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from modicum_server.measures.measure import quantile_measure
from modicum_sis import MaskOptimization, find_subsets
from numpy.typing import NDArray

from benchmarks.paper.descent import descended
from benchmarks.paper.extent import PIXELS_PER_STEP, SEED, SOFT_THRESHOLD, THRESHOLD, Extent
from benchmarks.paper.material import Network, Photographs
from benchmarks.paper.sufficient import sizes_in, sufficient

NONE_OF_THE_KIND = "no eligible image of this kind"


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Kept pixels of eligible images, by whether they are predicted correctly."""

    correct: NDArray[np.float64]
    incorrect: NDArray[np.float64]


def measure(network: Network, photographs: Photographs, extent: Extent) -> list[dict[str, Any]]:
    """Measure one network. Yield a JSON row for each threshold and search."""
    descent = descended(network, photographs)
    right = descent.predicted == photographs.labels
    rows = []
    for threshold in (THRESHOLD, SOFT_THRESHOLD):
        sizes = sufficient(network, photographs, descent, threshold).size
        eligible = np.isfinite(sizes)
        gradient = Sizes(sizes[eligible & right], sizes[eligible & ~right])
        some = np.flatnonzero(eligible & right)[: extent.by_correctness]
        ours = Sizes(
            correct=_searched(network, photographs, some, threshold, extent),
            incorrect=_searched(network, photographs, np.flatnonzero(eligible & ~right), threshold, extent),
        )
        rows += [
            _row(network, f"batched_gradient, k = {PIXELS_PER_STEP}", threshold, gradient, photographs),
            _row(network, f"mask_optimization, {extent.passes} passes", threshold, ours, photographs),
        ]
    return rows


def sizes_of(
    network: Network, photographs: Photographs, passes: int, threshold: float = THRESHOLD
) -> NDArray[np.float64]:
    """Kept pixels by mask_optimization. NaN where an image is not eligible or the bare fill alone suffices."""
    found = find_subsets(
        network.classifier,
        photographs.images,
        threshold=threshold,
        search=MaskOptimization(passes=passes),
        seed=SEED,
    )
    return sizes_in(list(found))


def _searched(
    network: Network, photographs: Photographs, places: NDArray[np.intp], threshold: float, extent: Extent
) -> NDArray[np.float64]:
    if not len(places):
        return np.empty(0)
    sizes = sizes_of(network, photographs.at(places.tolist()), extent.passes, threshold)
    return sizes[np.isfinite(sizes)]


def _row(network: Network, search: str, threshold: float, sizes: Sizes, photographs: Photographs) -> dict[str, Any]:
    pixels = photographs.images.shape[-2] * photographs.images.shape[-1]
    return {
        "network": network.name,
        "search": search,
        "threshold": threshold,
        "pixels": pixels,
        "correct": quantile_measure(sizes.correct / pixels, 0.5, unit="fraction", empty=NONE_OF_THE_KIND).as_json(),
        "incorrect": quantile_measure(sizes.incorrect / pixels, 0.5, unit="fraction", empty=NONE_OF_THE_KIND).as_json(),
        "sizes": {"correct": _whole(sizes.correct), "incorrect": _whole(sizes.incorrect)},
    }


def _whole(sizes: NDArray[np.float64]) -> list[int]:
    return [int(size) for size in np.sort(sizes)]
