"""Intervals of shares and of quantiles (docs/method.md, "Figures and their intervals"). Must not know what is measured.

Shares: Wilson (1927), E. B. Wilson, "Probable inference, the law of succession, and statistical inference". Quantiles:
order statistics, distribution-free, equal tails (David and Nagaraja, "Order Statistics", 7.1). Values may be infinite:
a search that found nothing is larger than every search that found something, and ranks need no more than that. Means of
ratios: percentile bootstrap over images (Efron and Tibshirani, "An Introduction to the Bootstrap", 13). Paired
differences of shares: `square_and_add`, which also holds where few images differ.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from modicum.gate.tails import share_ends
from numpy.typing import NDArray

LEVEL = 0.95
SMALLEST_SAMPLE = 10
"""Below this many images there is no interval and no verdict."""
RESAMPLES = 10_000
DRAWN_AT_ONCE = 1_000_000
"""Values drawn at once by a bootstrap: memory does not grow with the number of images."""
BOOTSTRAP_SEED = 0
EXACT_TAIL = 1 / 200
"""Below this tail the interval of a share is the exact one: Wilson's rests on the normal distribution."""
TAILS = (0.05, 0.025, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6, 1e-6)
"""One-sided tails at which a stored result can be judged again: those of a policy's share of its error budget."""
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
    low, high = _difference_ends(gained, lost, n, level)
    return Interval(low * size * most, high * size * most, "square and add", n, level)


def quantile(values: NDArray[np.float64], q: float) -> float:
    """Return the sample quantile: the mean of the two values at a jump of the distribution function, else one value.

    At q = 0.5 the usual median. Infinite values rank last and are returned as such. `values` must not be empty.
    """
    ordered = np.sort(values)
    place = len(ordered) * q
    below = round(place)
    if math.isclose(place, below) and 0 < below < len(ordered):
        return float((ordered[below - 1] + ordered[below]) / 2)
    return float(ordered[min(len(ordered) - 1, math.floor(place))])


def order_statistics(values: NDArray[np.float64], q: float, level: float = LEVEL) -> Interval | None:
    """Return the interval of the q-quantile between two of the values; None below `SMALLEST_SAMPLE`.

    The lower end is the largest order statistic that lies above the quantile with a probability of at most
    (1 - level) / 2, the upper end its mirror image; an end that no order statistic gives, or that is infinite, is open.
    """
    n = len(values)
    if n < SMALLEST_SAMPLE:
        return None
    low_rank, high_rank = _ranks(n, q, (1 - level) / 2)
    ordered = np.sort(values)
    return Interval(
        low=_end(ordered, low_rank),
        high=_end(ordered, high_rank),
        method="order statistics",
        n=n,
        level=level,
    )


def order_ends(values: NDArray[np.float64], q: float) -> list[list[float | None]]:
    """Return [tail, low, high] for each of `TAILS`: between which values the q-quantile lies, one-sided at that tail.

    An end is None where no value gives one. Tails without both ends are left out, and so are all of a small sample.
    """
    n = len(values)
    if n < SMALLEST_SAMPLE:
        return []
    ordered = np.sort(values)
    ends = [
        [tail, *(_end(ordered, rank) for rank in ranks)] for tail, ranks in zip(TAILS, _tail_ranks(n, q), strict=True)
    ]
    return [one for one in ends if one[1:] != [None, None]]


def share_interval(successes: int, n: int, level: float) -> Interval | None:
    """Return Wilson's interval of a share, and the exact one where the tail is below `EXACT_TAIL`."""
    tail = (1 - level) / 2
    if n < SMALLEST_SAMPLE or tail >= EXACT_TAIL:
        return wilson(successes, n, level)
    return Interval(*share_ends(successes, n, tail), "exact", n, level)


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


def _difference_ends(gained: float, lost: float, n: int, level: float) -> tuple[float, float]:
    """Both ends of the difference of two shares, of which an image can have only one (Newcombe, as above)."""
    together = gained * lost / ((1 - gained) * (1 - lost)) if gained and lost else 0.0  # the squared correlation

    def apart(below: float, above: float) -> float:
        return math.sqrt(below**2 + above**2 + 2 * math.sqrt(together) * below * above)

    least_gained, most_gained = wilson_ends(gained, n, level)
    least_lost, most_lost = wilson_ends(lost, n, level)
    difference = gained - lost
    return (
        difference - apart(gained - least_gained, most_lost - lost),
        difference + apart(most_gained - gained, lost - least_lost),
    )


def normal_quantile(level: float) -> float:
    """Return how many standard deviations on either side hold this share of a normal variable."""
    from scipy.special import ndtri  # type: ignore[import-untyped]  # noqa: PLC0415  takes long to read, see below

    return float(ndtri((1 + level) / 2))


def images_without_difference(limit: float, level: float = LEVEL) -> int | None:
    """Return the least images, of which none differs, whose `square_and_add` lies above a limit below 0.

    Wilson's upper end for a share of 0 is z^2 / (n + z^2). None for a limit of 0 or above: no number is enough.
    """
    if limit >= 0:
        return None
    return max(SMALLEST_SAMPLE, math.floor(normal_quantile(level) ** 2 * (1 + limit) / -limit) + 1)


def wilson_ends(share: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return both ends of the Wilson interval of a share.

    It holds for any mean of values within 0 and 1, too: they vary at most as much as ones that are all 0 or 1.
    """
    z = normal_quantile(level)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if share == 0 else max(0.0, centre - reach)
    high = 1.0 if share == 1 else min(1.0, centre + reach)
    return low, high


def _ranks(n: int, q: float, tail: float) -> tuple[int, int]:
    """Ranks (1 to n) of both ends; 0 and n + 1 where there is none. The count below the quantile is Binomial(n, q)."""
    from scipy.special import bdtr, bdtrc  # noqa: PLC0415  a third of a second that no process's start should wait for

    ranks = np.arange(1, n + 1)
    low = ranks[bdtr(ranks - 1, n, q) <= tail]
    high = ranks[bdtrc(ranks - 1, n, q) <= tail]
    return (int(low[-1]) if len(low) else 0), (int(high[0]) if len(high) else n + 1)


@lru_cache(maxsize=4096)
def _tail_ranks(n: int, q: float) -> tuple[tuple[int, int], ...]:
    return tuple(_ranks(n, q, tail) for tail in TAILS)


def _end(ordered: NDArray[np.float64], rank: int) -> float | None:
    if not 1 <= rank <= len(ordered):
        return None
    value = float(ordered[rank - 1])
    return value if math.isfinite(value) else None
