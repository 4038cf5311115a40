"""The power of the ensemble mitigation check: how often it would see an ensemble that needs larger subsets.

Both means of the logarithms of ratios are taken as normal. A true ratio is seen where the lower ends of both intervals
lie above the ratio limit. The conditions on accuracy and on matched eligibility are no part of it. See docs/method.md,
"The ensemble mitigation check".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.statistics import Statistics
from modicum_server.measures.intervals import SMALLEST_SAMPLE, Interval, normal_quantile
from modicum_server.measures.measure import Measure
from modicum_server.measures.mitigation_rule import LEAST_IMAGES

TRUE_RATIO = 1.2
"""The power is the chance to see this ratio of subset fractions."""
WANTED_POWER = 0.8
POWER, IMAGES_NEEDED = "ratio_power", "ratio_images_needed"
TOO_FEW = f"fewer than {SMALLEST_SAMPLE} images, so the spread of the ratios is not known"
FAR = 30.0
"""Standard deviations beyond which a normal probability is 0 or 1 in double precision."""
LEAST_SPREAD = 1e-6
INTEGRATION_POINTS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class LogRatios:
    """Logarithms of the ratios of subset fractions: (N,), and the positions (N,) of their images."""

    position: NDArray[np.int64]
    logs: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Power:
    """What the chance to see `TRUE_RATIO` depends on.

    Attributes:
        gain: the logarithm of the true ratio, less that of the limit.
        z: the normal quantile of the intervals' level.
        spreads: the standard deviations of the logarithms, at the members' own and at matched temperatures.
        matched_share: matched images / images.
        correlation: of the two means.
    """

    gain: float
    z: float
    spreads: tuple[float, float]
    matched_share: float = 1.0
    correlation: float = 1.0

    def chance(self, images: float) -> float:
        """Return the chance with so many images; 0 where the verdict needs more."""
        counts = (images, images * self.matched_share)
        if min(counts) < LEAST_IMAGES:
            return 0.0
        first, second = (
            math.sqrt(count) * self.gain / max(spread, LEAST_SPREAD) - self.z
            for count, spread in zip(counts, self.spreads, strict=True)
        )
        return both_below(first, second, self.correlation)

    def images_needed(self) -> int:
        """Return the least number of images with a chance of `WANTED_POWER`."""
        low = high = math.ceil(LEAST_IMAGES / min(1.0, self.matched_share))
        while self.chance(high) < WANTED_POWER:
            low, high = high, 2 * high
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.chance(middle) >= WANTED_POWER else (middle + 1, high)
        return high


def both_below(first: float, second: float, correlation: float) -> float:
    """Return the chance that two standard normal variables lie below these values (Plackett 1954, by midpoints)."""
    from scipy.special import ndtr  # type: ignore[import-untyped]  # noqa: PLC0415  takes long to read

    h, k = (min(FAR, max(-FAR, value)) for value in (first, second))
    end = math.asin(correlation)
    angles = end * (np.arange(INTEGRATION_POINTS) + 0.5) / INTEGRATION_POINTS
    heights = np.exp(-(h**2 + k**2 - 2 * h * k * np.sin(angles)) / (2 * np.cos(angles) ** 2))
    return min(1.0, float(ndtr(h) * ndtr(k) + end * heights.mean() / (2 * math.pi)))


def power_measures(ratios: LogRatios, matched: LogRatios | None, asked: Statistics, absent: str) -> dict[str, Measure]:
    """Return the power at this number of images, and the images that a power of `WANTED_POWER` takes.

    Args:
        ratios: of the ensemble to its members.
        matched: the same at matched temperatures; None without these, and then `absent` is why.
        asked: level and ratio limit.
        absent: why there is no power without matched ratios.
    """
    n = len(ratios.logs)
    reason = _unavailable(ratios, matched, asked.ratio_limit, absent)
    if reason or matched is None:
        return {
            POWER: Measure(None, "share", n, unavailable=reason),
            IMAGES_NEEDED: Measure(None, "images", n, unavailable=reason),
        }
    power = _power(ratios, matched, asked)
    narrow, wide = (replace(power, spreads=ends) for ends in _spread_ends(ratios, matched, power))
    parameters = _parameters(power, len(matched.logs), asked.ratio_limit)

    def interval(low: float, high: float) -> Interval:
        return Interval(low, high, "delta method", n, asked.level)

    chances = interval(wide.chance(n), narrow.chance(n))
    needed = interval(narrow.images_needed(), wide.images_needed())
    return {
        POWER: Measure(power.chance(n), "share", n, chances, parameters),
        IMAGES_NEEDED: Measure(power.images_needed(), "images", n, needed, {**parameters, "power": WANTED_POWER}),
    }


def _unavailable(ratios: LogRatios, matched: LogRatios | None, limit: float, absent: str) -> str:
    if matched is None:
        return absent
    if limit >= TRUE_RATIO:
        return f"a ratio of {TRUE_RATIO} does not lie above the limit {limit:g}"
    return TOO_FEW if min(len(ratios.logs), len(matched.logs)) < SMALLEST_SAMPLE else ""


def _power(ratios: LogRatios, matched: LogRatios, asked: Statistics) -> Power:
    first, second = float(ratios.logs.std(ddof=1)), float(matched.logs.std(ddof=1))
    return Power(
        gain=math.log(TRUE_RATIO / asked.ratio_limit),
        z=normal_quantile(asked.level),
        spreads=(first, second),
        matched_share=len(matched.logs) / len(ratios.logs),
        correlation=_correlation(ratios, matched, max(first, LEAST_SPREAD) * max(second, LEAST_SPREAD)),
    )


def _correlation(ratios: LogRatios, matched: LogRatios, spreads: float) -> float:
    """Return the correlation of both means: only images that both have bring one."""
    _, ours, theirs = np.intersect1d(ratios.position, matched.position, assume_unique=True, return_indices=True)
    products = (ratios.logs[ours] - ratios.logs.mean()) * (matched.logs[theirs] - matched.logs.mean())
    together = float(products.sum()) / math.sqrt((len(ratios.logs) - 1) * (len(matched.logs) - 1))
    return min(1.0, max(-1.0, together / spreads))


def _spread_ends(ratios: LogRatios, matched: LogRatios, power: Power) -> tuple[tuple[float, float], ...]:
    """Return both spreads at the lower ends of their intervals, then both at the upper ends.

    The variance of a sample variance is (fourth central moment - variance^2) / n; by the delta method, that of the
    logarithm of a spread is (kurtosis - 1) / 4n.
    """
    reaches = [power.z * _logarithm_error(one.logs) for one in (ratios, matched)]
    first, second = power.spreads
    return tuple((first * math.exp(sign * reaches[0]), second * math.exp(sign * reaches[1])) for sign in (-1, 1))


def _logarithm_error(logs: NDArray[np.float64]) -> float:
    """Return the standard error of the logarithm of the standard deviation; 0 where all values are equal."""
    squares = (logs - logs.mean()) ** 2
    variance = float(squares.mean())
    if variance < LEAST_SPREAD**2:
        return 0.0
    return math.sqrt(max(0.0, float((squares**2).mean()) / variance**2 - 1) / (4 * len(logs)))


def _parameters(power: Power, matched_images: int, limit: float) -> Mapping[str, float]:
    return {
        "true_ratio": TRUE_RATIO,
        "ratio_limit": limit,
        "matched_images": matched_images,
        "spread": power.spreads[0],
        "matched_spread": power.spreads[1],
        "correlation": power.correlation,
    }
