"""Ends of intervals of shares, quantiles and paired differences (docs/method.md, "Figures and their intervals").

What a result was summarised with, and what tells whether it was edited. Must not know what is measured. Sources of the
formulas stand in `modicum_server.measures.intervals`, which is made of these.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modicum.gate.tails import FEWEST_PAIRS, share_ends

Floats = NDArray[np.float64]
Ends = tuple[float | None, float | None]
EXACT_TAIL = 1 / 200
"""Below this tail the interval of a share is the exact one: Wilson's rests on the normal distribution."""
TAILS = (0.05, 0.025, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6, 1e-6)
"""One-sided tails at which a stored result can be judged again: those of a policy's share of its error budget."""


def normal_quantile(level: float) -> float:
    """Return how many standard deviations on either side hold this share of a normal variable."""
    from scipy.special import ndtri  # type: ignore[import-untyped]  # noqa: PLC0415  # of the extra `gate`

    return float(ndtri((1 + level) / 2))


def wilson_ends(share: float, n: int, level: float) -> tuple[float, float]:
    """Return both ends of the Wilson interval of a share.

    It holds for any mean of values within 0 and 1, too: they vary at most as much as ones that are all 0 or 1.
    """
    z = normal_quantile(level)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if share == 0 else max(0.0, centre - reach)
    high = 1.0 if share == 1 else min(1.0, centre + reach)
    return low, high


def share_ends_at(successes: int, n: int, level: float) -> Ends | None:
    """Return Wilson's ends of a share, and the exact ones where the tail is below `EXACT_TAIL`; None of few images."""
    if n < FEWEST_PAIRS:
        return None
    tail = (1 - level) / 2
    return share_ends(successes, n, tail) if tail < EXACT_TAIL else wilson_ends(successes / n, n, level)


def difference_ends(gained: float, lost: float, n: int, level: float) -> tuple[float, float]:
    """Return both ends of the share gained less the share lost: an image has only one of them (Newcombe, 1998)."""
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


def quantile(values: Floats, q: float) -> float:
    """Return the sample quantile: the mean of the two values at a jump of the distribution function, else one value.

    At q = 0.5 the usual median. Infinite values rank last and are returned as such. `values` must not be empty.
    """
    ordered = np.sort(values)
    place = len(ordered) * q
    below = round(place)
    if math.isclose(place, below) and 0 < below < len(ordered):
        return float((ordered[below - 1] + ordered[below]) / 2)
    return float(ordered[min(len(ordered) - 1, math.floor(place))])


def quantile_ends(values: Floats, q: float, tail: float) -> Ends | None:
    """Return the order statistics between which the q-quantile lies, one-sided at `tail`; None of few values.

    The lower end is the largest one that lies above the quantile with a probability of at most `tail`, the upper end
    its mirror image. An end is None where no value gives one, or an infinite one.
    """
    if len(values) < FEWEST_PAIRS:
        return None
    ordered = np.sort(values)
    low, high = _ranks(len(values), q, tail)
    return _end(ordered, low), _end(ordered, high)


def order_ends(values: Floats, q: float) -> list[list[float | None]]:
    """Return [tail, low, high] for each of `TAILS`: between which values the q-quantile lies, one-sided at that tail.

    An end is None where no value gives one. Tails without both ends are left out, and so are all of a small sample.
    """
    n = len(values)
    if n < FEWEST_PAIRS:
        return []
    ordered = np.sort(values)
    ends = [
        [tail, *(_end(ordered, rank) for rank in ranks)] for tail, ranks in zip(TAILS, _tail_ranks(n, q), strict=True)
    ]
    return [one for one in ends if one[1:] != [None, None]]


def _ranks(n: int, q: float, tail: float) -> tuple[int, int]:
    """Ranks (1 to n) of both ends; 0 and n + 1 where there is none. The count below the quantile is Binomial(n, q)."""
    from scipy.special import bdtr, bdtrc  # noqa: PLC0415  # of the extra `gate`

    ranks = np.arange(1, n + 1)
    low = ranks[bdtr(ranks - 1, n, q) <= tail]
    high = ranks[bdtrc(ranks - 1, n, q) <= tail]
    return (int(low[-1]) if len(low) else 0), (int(high[0]) if len(high) else n + 1)


@lru_cache(maxsize=4096)
def _tail_ranks(n: int, q: float) -> tuple[tuple[int, int], ...]:
    return tuple(_ranks(n, q, tail) for tail in TAILS)


def _end(ordered: Floats, rank: int) -> float | None:
    if not 1 <= rank <= len(ordered):
        return None
    value = float(ordered[rank - 1])
    return value if math.isfinite(value) else None
