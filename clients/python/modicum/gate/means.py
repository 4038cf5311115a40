"""Tails of a mean over images. Must not know of what.

Student's t, with one image added that lies at the limit: images that are all alike are no certainty. Where values are
skewed t is wrong on one side, at 100 images by a factor of two and a half at 1% with exponential values. So the larger
of two tails counts: that of t, and that of Hall's transformation of it, which takes out the skewness (Hall, "On the
removal of skewness by transformation", 1992).
"""

import math
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST_LOGARITHM = math.log(sys.float_info.max)
"""Of a number that can be held. An end beyond it is open."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over n images, their standard deviation and skewness; of logarithms for a geometric mean."""

    n: int
    mean: float
    deviation: float
    skewness: float = 0.0
    logarithms: bool = False

    @classmethod
    def of(cls, values: NDArray[np.float64], *, logarithms: bool = False) -> "Mean":
        """Return that of at least two values, which are logarithms already where that is asked."""
        mean, deviation = float(values.mean()), float(values.std(ddof=1))
        apart = values - mean
        second = float((apart**2).mean())
        skewness = float((apart**3).mean()) / second**1.5 if second > 0 else 0.0
        return cls(len(values), mean, deviation, skewness, logarithms)

    @property
    def value(self) -> float:
        """The number itself: the geometric mean where these are logarithms."""
        return math.exp(self.mean) if self.logarithms else self.mean


def mean_above(mean: Mean, limit: float) -> float:
    """Return p of the hypothesis that the mean is at most `limit`."""
    return max(_chance_below(mean.n, -t) for t in _both(mean, limit))


def mean_below(mean: Mean, limit: float) -> float:
    """Return p of the hypothesis that the mean is at least `limit`."""
    return max(_chance_below(mean.n, t) for t in _both(mean, limit))


def mean_ends(mean: Mean, level: float) -> tuple[float | None, float | None]:
    """Return the interval of these tails: the limits against which each is half of 1 less the level; None if open."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # noqa: PLC0415  # of the extra `gate`

    t = float(stdtrit(mean.n, (1 + level) / 2))
    low = mean.mean - max(_reach(mean, one) for one in (t, _before_hall(mean, t)))
    high = mean.mean - min(_reach(mean, one) for one in (-t, _before_hall(mean, -t)))
    return _end(mean, low), _end(mean, high)


def _end(mean: Mean, end: float) -> float | None:
    if not math.isfinite(end) or (mean.logarithms and end > LARGEST_LOGARITHM):
        return None
    return math.exp(end) if mean.logarithms else end


def _both(mean: Mean, limit: float) -> tuple[float, float]:
    """Student's t against a limit, with one image added that lies at it, and its transformation.

    A geometric mean lies above 0, and above every limit below it.
    """
    if mean.logarithms and limit <= 0:
        return math.inf, math.inf
    apart = mean.mean - (math.log(limit) if mean.logarithms else limit)
    if apart == 0:
        return 0.0, 0.0
    squares = (mean.n - 1) * mean.deviation**2 + apart**2 * mean.n / (mean.n + 1)
    t = apart * mean.n / math.sqrt(squares * (mean.n + 1) / mean.n)
    return t, _hall(mean, t)


def _hall(mean: Mean, t: float) -> float:
    root, skewness = math.sqrt(mean.n), mean.skewness
    each = t / root
    return root * (each + skewness * each**2 / 3 + skewness**2 * each**3 / 27 + skewness / (6 * mean.n))


def _before_hall(mean: Mean, transformed: float) -> float:
    """The t whose transformation this is."""
    if mean.skewness == 0:
        return transformed
    root, skewness = math.sqrt(mean.n), mean.skewness
    inner = 1 + skewness * (transformed / root - skewness / (6 * mean.n))
    return 3 / skewness * (math.copysign(abs(inner) ** (1 / 3), inner) - 1) * root


def _reach(mean: Mean, t: float) -> float:
    """How far the mean lies from a limit against which t is this."""
    if abs(t) >= mean.n:
        return math.copysign(math.inf, t)
    return t * math.sqrt((mean.n - 1) * mean.deviation**2 * (mean.n + 1) / mean.n / (mean.n**2 - t**2))


def _chance_below(degrees: int, t: float) -> float:
    from scipy.special import stdtr  # noqa: PLC0415  # of the extra `gate`

    return float(stdtr(degrees, t))
