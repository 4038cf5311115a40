"""Two versions of one audit under one search, in pairs on the same images (docs/method.md, "Versions of one audit").

The ratio of subset fractions is over the images that are eligible in both and searched in both: others say nothing of
both. Its interval is a bootstrap over images, so it holds for images like these and not for the two searches' luck.
Differences of shares have intervals that hold where few images differ (`intervals.square_and_add`).
"""

import itertools
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from modicum.gate.means import Mean
from modicum.gate.paired import Sizes, log_ratios
from numpy.typing import NDArray

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.intervals import LEVEL, SMALLEST_SAMPLE, TAILS, Interval, bootstrap_mean, square_and_add
from modicum_server.measures.measure import Measure, Measured
from modicum_server.measures.measure_sets import DIFFERENCES, POSITIVE, PairMeasureSet, Title
from modicum_server.measures.observations import Observations

NONE_IN_BOTH = "no image was searched to its end with both versions"
NONE_LABELLED = "no labelled image has a prediction of both versions"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions under one search. Differences and ratios are first to second.

    `note` must be shown beside them; it is empty if there is nothing to note.
    """

    first: str
    second: str
    search_index: int
    measures: Mapping[str, Measure]
    note: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        measures = {name: measure.as_json() for name, measure in self.measures.items()}
        return {
            "first": self.first,
            "second": self.second,
            "search_index": self.search_index,
            "measures": measures,
            "note": self.note,
        }


def compare_all(
    versions: Sequence[str],
    ran: Mapping[int, Container[str]],
    seen: Mapping[tuple[str, int], Observations],
    compare: Callable[[Observations, Observations], Measured],
    note: Callable[[str, str, int], str],
) -> list[Comparison]:
    """Return every pair of versions under every search that ran on both, in the order of the specification.

    Searches for a random other class are left out: two versions need not have argued for the same one.
    """
    return [
        Comparison(first, second, index, compare(seen[first, index], seen[second, index]), note(first, second, index))
        for first, second in itertools.combinations(versions, 2)
        for index, names in ran.items()
        if first in names and second in names and seen[first, index].search.target_rule is TargetRule.PREDICTED
    ]


def comparison(first: Observations, second: Observations) -> Measured:
    """Return `subset_fraction_ratio` and `accuracy_difference`."""
    ratios = log_ratios(*(Sizes(one.position, one.size) for one in (first, second)))
    _, ours, theirs = np.intersect1d(first.position, second.position, assume_unique=True, return_indices=True)
    scored = first.labelled[ours] & second.labelled[theirs]
    gains = first.correct[ours][scored].astype(np.float64) - second.correct[theirs][scored]
    return {
        "subset_fraction_ratio": ratio_of(ratios, level=first.level, empty=NONE_IN_BOTH),
        "accuracy_difference": difference_of(gains, level=first.level, empty=NONE_LABELLED),
    }


def ratio_of(logs: NDArray[np.float64], *, empty: str, level: float = LEVEL) -> Measure:
    """Return the geometric mean of ratios, from their logarithms, with its bootstrap interval."""
    mean = mean_of(logs[np.isfinite(logs)], unit="ratio", level=level, empty=empty)
    if mean.value is None:
        return mean
    evidence = {**mean.evidence, "logarithms": True} if mean.evidence else {}
    return replace(mean, value=float(np.exp(mean.value)), interval=_exponential(mean.interval), evidence=evidence)


def mean_of(values: NDArray[np.float64], *, unit: str, empty: str, level: float = LEVEL) -> Measure:
    """Return the mean over images with its bootstrap interval. Without images it is unavailable, for this reason."""
    if len(values) == 0:
        return Measure(None, unit, 0, unavailable=empty)
    mean = Measure(float(values.mean()), unit, len(values), bootstrap_mean(values, level))
    if len(values) < SMALLEST_SAMPLE:
        return mean
    spread = Mean.of(values)
    return replace(mean, evidence={"deviation": spread.deviation, "skewness": spread.skewness})


def difference_of(differences: NDArray[np.float64], *, empty: str, most: float = 1.0, level: float = LEVEL) -> Measure:
    """Return the mean of paired differences, none beyond `most`, with its interval; unavailable of nothing.

    The parameter `differing` counts the images that differ.
    """
    if len(differences) == 0:
        return Measure(None, "difference", 0, unavailable=empty)
    return Measure(
        float(differences.mean()),
        "difference",
        len(differences),
        square_and_add(differences, most=most, level=level),
        {"differing": int(np.count_nonzero(differences))},
    )


def difference_to_mean(shown: NDArray[np.int64], *, empty: str, level: float = LEVEL) -> Measure:
    """Return the first row less the mean of the others, a column an image, as `difference_of` does.

    Sums of whole numbers are exact, so that nothing is left where nothing differs. Its evidence are the ends of its
    interval at each of `TAILS`: a number of images does not tell how much they differ.
    """
    others = len(shown) - 1
    gains = (others * shown[0] - shown[1:].sum(axis=0)).astype(np.float64)
    total = difference_of(gains, most=others, level=level, empty=empty)
    if total.value is None:
        return total
    ends = [[tail, *_ends_at(gains, others, tail)] for tail in TAILS] if total.interval else []
    return replace(
        total,
        value=total.value / others,
        interval=_divided(total.interval, others),
        evidence={"ends": ends} if ends else {},
    )


def _ends_at(gains: NDArray[np.float64], others: int, tail: float) -> tuple[float | None, float | None]:
    """Both ends of the mean of differences from so many others, one-sided at a tail."""
    interval = _divided(square_and_add(gains, most=others, level=1 - 2 * tail), others)
    return (None, None) if interval is None else (interval.low, interval.high)


def _divided(interval: Interval | None, divisor: int) -> Interval | None:
    if interval is None or interval.low is None or interval.high is None:
        return interval
    return replace(interval, low=interval.low / divisor, high=interval.high / divisor)


def _exponential(interval: Interval | None) -> Interval | None:
    if interval is None or interval.low is None or interval.high is None:
        return interval
    return replace(interval, low=float(np.exp(interval.low)), high=float(np.exp(interval.high)))


MEASURE_SET = PairMeasureSet(
    comparison,
    {
        "subset_fraction_ratio": Title("Ratio of subset fractions", range=POSITIVE),
        "accuracy_difference": Title("Difference in accuracy", range=DIFFERENCES),
    },
)
