"""Intervals of shares and of quantiles (docs/method.md, "Figures and their intervals"). Must not know what is measured.

Shares: Wilson (1927), E. B. Wilson, "Probable inference, the law of succession, and statistical inference". Quantiles:
order statistics, distribution-free, equal tails (David and Nagaraja, "Order Statistics", 7.1). Values may be infinite:
a search that found nothing is larger than every search that found something, and ranks need no more than that. Means of
ratios: percentile bootstrap over images (Efron and Tibshirani, "An Introduction to the Bootstrap", 13). Paired
differences of shares: `square_and_add`, which also holds where few images differ.

Ends that the gate takes again come from its `intervals`; other measures take them from here.
"""

import math
from dataclasses import dataclass

import numpy as np
from modicum.gate.intervals import (
    EXACT_TAIL,
    TAILS,
    difference_ends,
    normal_quantile,
    order_ends,
    quantile,
    quantile_ends,
    share_ends_at,
    wilson_ends,
)
from numpy.typing import NDArray

__all__ = [
    "EXACT_TAIL",
    "TAILS",
    "Interval",
    "bootstrap_mean",
    "bootstrap_means",
    "images_without_difference",
    "newcombe_ends",
    "normal_quantile",
    "order_ends",
    "order_statistics",
    "quantile",
    "share_interval",
    "square_and_add",
    "wilson",
    "wilson_ends",
]

LEVEL = 0.95
SMALLEST_SAMPLE = 10
"""Below this many images there is no interval and no verdict."""
RESAMPLES = 10_000
DRAWN_AT_ONCE = 1_000_000
"""Values drawn at once by a bootstrap: memory does not grow with the number of images."""
BOOTSTRAP_SEED = 0
IMAGES_ADDED = 2
"""Images that differ by the most, added when the typical size of a difference is taken: it is not known from a few."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval and how it was made. An end that is None is open: the sample is too small to give one."""

    low: float | None
    high: float | None
    method: str
    n: int
    level: float = LEVEL


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval | None:
    """Return the Wilson interval of a share; None below `SMALLEST_SAMPLE`."""
    if n < SMALLEST_SAMPLE:
        return None
    return Interval(*wilson_ends(successes / n, n, level), "wilson", n, level)


def newcombe_ends(first: float, n: int, second: float, m: int, level: float = LEVEL) -> tuple[float, float]:
    """Return both ends of the difference of two shares of samples of n and m that are not paired.

    It squares and adds the distances of both shares to the ends of their Wilson intervals: Newcombe (1998), "Interval
    estimation for the difference between independent proportions", method 10.
    """
    least_first, most_first = wilson_ends(first, n, level)
    least_second, most_second = wilson_ends(second, m, level)
    difference = first - second
    return (
        difference - math.hypot(first - least_first, most_second - second),
        difference + math.hypot(most_first - first, second - least_second),
    )


def square_and_add(differences: NDArray[np.float64], *, most: float = 1.0, level: float = LEVEL) -> Interval | None:
    """Return the interval of a mean of paired differences, none beyond `most`; None below `SMALLEST_SAMPLE`.

    A difference of two yes-or-no values is 1 (gained), -1 (lost) or 0. Its mean is the share gained less the share
    lost, and the interval squares and adds the distances of both shares to the ends of their Wilson intervals:
    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on paired
    data", method 10, but on these two shares, whose correlation is known, and not on the shares of either side. So it
    knows nothing of the images that do not differ (docs/decisions/0039).

    Differences from a mean of several have values in between. They are taken as if each that is not zero had the size
    sum of squares / sum of sizes, both with `IMAGES_ADDED`. The variance is then the sample's, and with few
    differences the largest one possible.
    """
    n = len(differences)
    if n < SMALLEST_SAMPLE:
        return None
    sizes = np.abs(differences) / most
    size = float(((sizes**2).sum() + IMAGES_ADDED) / (sizes.sum() + IMAGES_ADDED))
    gained, lost = (min(1.0, float(sizes[which].sum()) / size / n) for which in (differences > 0, differences < 0))
    low, high = difference_ends(gained, lost, n, level)
    return Interval(low * size * most, high * size * most, "square and add", n, level)


def order_statistics(values: NDArray[np.float64], q: float, level: float = LEVEL) -> Interval | None:
    """Return the interval of the q-quantile between two of the values; None below `SMALLEST_SAMPLE`.

    The lower end is the largest order statistic that lies above the quantile with a probability of at most
    (1 - level) / 2, the upper end its mirror image; an end that no order statistic gives, or that is infinite, is open.
    """
    ends = quantile_ends(values, q, (1 - level) / 2)
    return None if ends is None else Interval(*ends, "order statistics", len(values), level)


def share_interval(successes: int, n: int, level: float) -> Interval | None:
    """Return Wilson's interval of a share, and the exact one where the tail is below `EXACT_TAIL`."""
    ends = share_ends_at(successes, n, level)
    method = "exact" if (1 - level) / 2 < EXACT_TAIL else "wilson"
    return None if ends is None else Interval(*ends, method, n, level)


def bootstrap_mean(
    values: NDArray[np.float64], level: float = LEVEL, *, drawn_at_once: int = DRAWN_AT_ONCE
) -> Interval | None:
    """Return the percentile bootstrap interval of a mean over images; None below `SMALLEST_SAMPLE`.

    10,000 resamples of the images, from one seed: equal values in equal order have equal intervals.
    """
    n = len(values)
    if n < SMALLEST_SAMPLE:
        return None
    return Interval(*_resampled_ends(values, level, drawn_at_once), "bootstrap", n, level)


def _resampled_ends(
    values: NDArray[np.float64], level: float, drawn_at_once: int = DRAWN_AT_ONCE
) -> tuple[float, float]:
    n = len(values)
    source = np.random.default_rng(BOOTSTRAP_SEED)
    at_once = max(1, drawn_at_once // n)
    means = [
        values[source.integers(0, n, (min(at_once, RESAMPLES - done), n))].mean(axis=1)
        for done in range(0, RESAMPLES, at_once)
    ]
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail))
    return float(low), float(high)


def bootstrap_means(values: NDArray[np.float64], level: float = LEVEL) -> tuple[Interval, ...] | None:
    """Return `bootstrap_mean` of each column of (n, k) values, the rows resampled once for all; None below n = 10."""
    n = len(values)
    if n < SMALLEST_SAMPLE:
        return None
    source = np.random.default_rng(BOOTSTRAP_SEED)
    at_once = max(1, DRAWN_AT_ONCE // n)
    means = [
        _times_drawn(source, n, min(at_once, RESAMPLES - done)) @ values / n for done in range(0, RESAMPLES, at_once)
    ]
    tail = (1 - level) / 2
    ends = np.quantile(np.concatenate(means), (tail, 1 - tail), axis=0).T
    return tuple(Interval(float(low), float(high), "bootstrap", n, level) for low, high in ends)


def _times_drawn(source: np.random.Generator, n: int, resamples: int) -> NDArray[np.float64]:
    """How often each of n rows is in each resample: (resamples, n)."""
    drawn = source.integers(0, n, (resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def images_without_difference(limit: float, level: float = LEVEL) -> int | None:
    """Return the least images, of which none differs, whose `square_and_add` lies above a limit below 0.

    Wilson's upper end for a share of 0 is z^2 / (n + z^2). None for a limit of 0 or above: no number is enough.
    """
    if limit >= 0:
        return None
    return max(SMALLEST_SAMPLE, math.floor(normal_quantile(level) ** 2 * (1 + limit) / -limit) + 1)
