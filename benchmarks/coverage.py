"""`python -m benchmarks.coverage` prints how often intervals of a paired difference of two shares contain the truth.

Simulated and seeded; a minute on a free core. A sample is four counts: images that both versions, only the first, only
the second, and neither predict rightly. Decision 0037 has the table.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from modicum_server.measures.intervals import square_and_add, wilson
from numpy.typing import NDArray

SAMPLES, RESAMPLES = 10_000, 1_000
LEVEL = 0.95
IMAGES = (10, 30, 100, 300)
DIFFERENT = (0.01, 0.02, 0.05, 0.1, 0.2)
GAINED = (1.0, 0.75, 0.5)
"""Shares of the differing images that only the first version predicts rightly."""
BOTH_RIGHT = (0.5, 0.8, 1.0)
"""Shares of the other images that both predict rightly."""

Ends = tuple[float, float]
Contender = Callable[[int, int, int, int], Ends]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The lowest share of samples whose interval contains the truth, and the mean width; over the ways to differ."""

    least: float
    width: float


def ours(both: int, first: int, second: int, neither: int) -> Ends:
    """The service's."""
    interval = square_and_add(np.repeat([1.0, -1.0, 0.0], [first, second, both + neither]))
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def newcombe(both: int, first: int, second: int, neither: int) -> Ends:
    """Newcombe (1998), method 10: square and add on the two versions' shares, with a corrected phi."""
    n = both + first + second + neither
    counted, theirs = both + first, both + second
    low, high = _wilson(counted, n)
    their_low, their_high = _wilson(theirs, n)
    phi, difference = _phi(both, first, second, neither), (first - second) / n
    below, above = counted / n - low, their_high - theirs / n
    down = below**2 - 2 * phi * below * above + above**2
    below, above = theirs / n - their_low, high - counted / n
    up = below**2 - 2 * phi * below * above + above**2
    return difference - math.sqrt(max(0.0, down)), difference + math.sqrt(max(0.0, up))


def exact(both: int, first: int, second: int, neither: int) -> Ends:
    """Clopper and Pearson's intervals of both shares that differ, each at half the error, ends subtracted."""
    from scipy.stats import beta  # type: ignore[import-untyped]  # noqa: PLC0415  takes a second to read

    n, tail = both + first + second + neither, (1 - LEVEL) / 4

    def ends(count: int) -> Ends:
        low = beta.ppf(tail, count, n - count + 1) if count else 0.0
        return float(low), float(beta.ppf(1 - tail, count + 1, n - count)) if count < n else 1.0

    (gained_low, gained_high), (lost_low, lost_high) = ends(first), ends(second)
    return gained_low - lost_high, gained_high - lost_low


def bootstrap(both: int, first: int, second: int, neither: int) -> Ends:
    """The percentile bootstrap over images: what the service used to give."""
    return _resampled(first, second, both + neither)


def bootstrap_of_two_more(both: int, first: int, second: int, neither: int) -> Ends:
    """The same with two images added that differ by the most, one each way."""
    return _resampled(first + 1, second + 1, both + neither)


CONTENDERS: dict[str, Contender] = {
    "square and add": ours,
    "Newcombe's method 10": newcombe,
    "exact": exact,
    "bootstrap": bootstrap,
    "bootstrap, two images added": bootstrap_of_two_more,
}


def coverage(contender: Contender, n: int, different: float, *, samples: int = SAMPLES) -> Coverage:
    """Simulate one cell of the table."""
    each = [
        _covered(contender, n, _shares(different, gained, right), samples)
        for gained in GAINED
        for right in (BOTH_RIGHT if contender is newcombe else BOTH_RIGHT[:1])  # no other asks how many are right
    ]
    return Coverage(min(covered for covered, _ in each), float(np.mean([width for _, width in each])))


def _shares(different: float, gained: float, right: float) -> tuple[float, float, float, float]:
    """Of all four counts."""
    same = 1 - different
    return same * right, different * gained, different * (1 - gained), same * (1 - right)


def _covered(
    contender: Contender, n: int, shares: tuple[float, float, float, float], samples: int
) -> tuple[float, float]:
    """The share of samples whose interval contains the truth, and the mean width."""
    truth = shares[1] - shares[2]
    drawn = np.random.default_rng(0).multinomial(n, shares, size=samples)
    seen, times = np.unique(drawn, axis=0, return_counts=True)
    ends = np.array([contender(*map(int, row)) for row in seen])
    holds = (ends[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= ends[:, 1])
    return float(np.average(holds, weights=times)), float(np.average(ends[:, 1] - ends[:, 0], weights=times))


def _wilson(count: int, n: int) -> Ends:
    interval = wilson(count, n, LEVEL)
    assert interval is not None
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def _phi(both: int, first: int, second: int, neither: int) -> float:
    n, product = both + first + second + neither, float(both * neither - first * second)
    if product > 0:
        product = max(0.0, product - n / 2)  # Newcombe's correction
    scale = float((both + first) * (second + neither) * (both + second) * (first + neither))
    return product / math.sqrt(scale) if scale else 0.0


def _resampled(first: int, second: int, same: int) -> Ends:
    n = first + second + same
    drawn: NDArray[np.int64] = np.random.default_rng(0).multinomial(n, [first / n, second / n, same / n], RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def main() -> None:
    """Print the table."""
    print(f"| images | share that differs | {' | '.join(CONTENDERS)} |")
    print("|---" * (2 + len(CONTENDERS)) + "|")
    for n in IMAGES:
        for different in DIFFERENT:
            cells = [coverage(contender, n, different) for contender in CONTENDERS.values()]
            told = " | ".join(f"{cell.least:.3f} ({cell.width:.3f})" for cell in cells)
            print(f"| {n} | {different:.0%} | {told} |", flush=True)


if __name__ == "__main__":
    main()
