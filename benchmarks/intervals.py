"""Bootstrap intervals over images, paired on the same images. It knows only arrays.

Percentile bootstrap (Efron), 10,000 seeded resamples. Below ten images there is no interval, as everywhere here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
LEVEL = 0.95
SMALLEST_SAMPLE = 10
SEED = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over n images, its 95% interval (None below ten images), and the smallest and largest single value."""

    value: float
    low: float | None
    high: float | None
    least: float
    greatest: float
    n: int


def mean(values: ArrayLike) -> Estimate:
    """The mean over images. `values` must not be empty."""
    array = np.asarray(values, dtype=np.float64)
    low, high = _ends(array)
    return Estimate(float(array.mean()), low, high, float(array.min()), float(array.max()), len(array))


def paired_ratio(numerators: ArrayLike, denominators: ArrayLike) -> Estimate:
    """The geometric mean of numerator / denominator over images, paired by image. All values must be positive.

    Raises:
        ValueError: the two have different numbers of images.
    """
    above, below = (np.asarray(each, dtype=np.float64) for each in (numerators, denominators))
    if above.shape != below.shape:
        raise ValueError(f"expected pairs of the same images; got {len(above)} and {len(below)} values")
    logs = mean(np.log(above / below))
    return Estimate(
        value=float(np.exp(logs.value)),
        low=None if logs.low is None else float(np.exp(logs.low)),
        high=None if logs.high is None else float(np.exp(logs.high)),
        least=float(np.exp(logs.least)),
        greatest=float(np.exp(logs.greatest)),
        n=logs.n,
    )


def _ends(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if len(values) < SMALLEST_SAMPLE:
        return None, None
    drawn = np.random.default_rng(SEED).integers(0, len(values), (RESAMPLES, len(values)))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), (tail, 1 - tail))
    return float(low), float(high)
