"""The rule of the spot test (docs/method.md, "The spot test"): from pairs of images to an outcome for each class.

Every pair gives a difference: whether the class followed the place, less whether it followed the place of comparison.
Pairs of one source belong together, so the mean over its pairs is one value, and sources are what is counted. Ends of
intervals are those of Student's t over sources, with one source added that speaks against the claim: of sources that
are all alike, t alone would be certain (Bonett and Price, 2012, add such pairs to an interval by the normal
distribution).

SUFFICIENT: the share of other images that the place makes the class is above `PASTED_LIMIT`, and for an own window
above `OWN_LIMIT`; or more sources are *carriers* than such a mean and `CARRIERS_LIMIT` of them can explain. The second
finds a cue that only a part of the class's images have: the others have nothing to copy, and dilute the mean. Carriers
are seen by their copies, so some sources look like one by luck: the binomial p allows for as many as any distribution
of sources within both limits can bring (`seen_by_luck`). The error is divided between the two: `MEAN_PART` of it goes
to the mean. DECISIVE: and the share of the class's images that lose it under a cover is above
`COVERED_LIMIT`. One-sided at 5% over all classes and places of a network (Holm, "A simple sequentially rejective
multiple test procedure", 1979).
NONE_FOUND: neither, and at every place the upper end of the first share, one-sided at 5%, is below `NONE_LIMIT`.
INCONCLUSIVE: otherwise.
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

PASTED_LIMIT = 0.10
OWN_LIMIT = 0.10
COVERED_LIMIT = 0.20
NONE_LIMIT = 0.20
CARRIER_RATE = 0.5
"""A source is a carrier if its place makes at least this share of all other images the class."""
SEEN_SHARE = 0.75
"""It is seen to be one if the class follows it in at least this share of its pairs, less those elsewhere."""
CARRIED_SHARE = 0.5
"""Words count the sources of which the class followed at least this share of the pairs; no p does."""
CARRIERS_LIMIT = 0.05
"""Share of the sources that may be carriers at a place that does not decide."""
MEAN_PART = 2 / 3
"""The part of a place's error that goes to the mean; the rest goes to the carriers."""
LEAST_PAIRS = 5
"""Of a source with fewer pairs it is not told whether it is a carrier: of four, two are half by chance too often."""
ALPHA = 0.05
LEAST_SOURCES = 8
"""Below this many sources a place is not judged, and below this many that were covered it is not DECISIVE."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class SpotOutcome(StrEnum):
    """What the spot test says of a class, or of a network."""

    DECISIVE = "DECISIVE"
    SUFFICIENT = "SUFFICIENT"
    NONE_FOUND = "NONE_FOUND"
    INCONCLUSIVE = "INCONCLUSIVE"


FOUND = frozenset({SpotOutcome.DECISIVE, SpotOutcome.SUFFICIENT})


@dataclass(frozen=True, slots=True, eq=False)
class TestedPlace:
    """The differences at the fixed places of a class, or at its own windows: one value a source, both halves together.

    Attributes:
        row: the number of the row.
        own: whether it is each image's own window.
        pasted: (n,) of copies of the place.
        covered: (m,) of covers of the place. A pattern is covered only in sources whose class has another picture.
        pairs: (n,) how many images each source was copied into.
    """

    row: int
    own: bool
    pasted: Floats
    covered: Floats
    pairs: Counts

    @property
    def judged(self) -> bool:
        """Whether there are enough sources."""
        return len(self.pasted) >= LEAST_SOURCES

    @property
    def limit(self) -> float:
        """The limit of the pasted share."""
        return OWN_LIMIT if self.own else PASTED_LIMIT

    @property
    def carriers(self) -> tuple[int, int]:
        """How many sources the class followed mostly, and how many have the `LEAST_PAIRS` pairs that this takes."""
        counted = self.pairs >= LEAST_PAIRS
        return int((self.pasted[counted] >= CARRIED_SHARE).sum()), int(counted.sum())

    @property
    def few_carriers(self) -> tuple[int, int] | None:
        """The carriers, if there are some and at most half are: then the mean over all sources is small."""
        carrying, counted = self.carriers
        return (carrying, counted) if 0 < 2 * carrying <= counted else None

    @property
    def may_be_found(self) -> bool:
        """Whether sources like those seen, if there are enough, show that the place decides: by mean or by carriers."""
        counted = self.pairs >= LEAST_PAIRS
        seen = self.pasted[counted] >= SEEN_SHARE
        carried = len(seen) > 0 and float(seen.mean()) > max(map(seen_by_luck, set(self.pairs[counted].tolist())))
        return carried or (len(self.pasted) > 0 and float(self.pasted.mean()) > self.limit)

    @property
    def p(self) -> float:
        """One-sided p of the hypothesis that copies of the place do nothing: neither on the mean nor by carriers."""
        return self.p_at(self.limit)

    @property
    def p_covered(self) -> float:
        """One-sided p of the hypothesis that covers of the place cost little; 1 with too few covered sources."""
        return p_value_above(self.covered, COVERED_LIMIT) if len(self.covered) >= LEAST_SOURCES else 1.0

    def p_at(self, limit: float) -> float:
        """The same with another limit of the mean."""
        followed = p_value_above(self.pasted, limit)
        counted = self.pairs >= LEAST_PAIRS
        if counted.sum() < LEAST_SOURCES:
            return followed
        carried = p_of_carriers(int((self.pasted[counted] >= SEEN_SHARE).sum()), self.pairs[counted])
        return min(1.0, followed / MEAN_PART, carried / (1 - MEAN_PART))


def by_source(sources: Sequence[int], here: Sequence[bool], elsewhere: Sequence[bool]) -> Floats:
    """The mean difference of each source's pairs, (number of sources,)."""
    names, places = np.unique(np.asarray(sources, dtype=np.int64), return_inverse=True)
    differences = np.asarray(here, dtype=np.float64) - np.asarray(elsewhere, dtype=np.float64)
    sums = np.bincount(places, weights=differences, minlength=len(names))
    means: Floats = sums / np.bincount(places, minlength=len(names)).astype(np.float64)
    return means


def pairs_by_source(sources: Sequence[int]) -> Counts:
    """How many pairs each source has, in the order of `by_source`."""
    counts: Counts = np.unique(np.asarray(sources, dtype=np.int64), return_counts=True)[1].astype(np.int64)
    return counts


def p_of_carriers(carrying: int, pairs: Counts) -> float:
    """One-sided p of the hypothesis that luck explains so many carriers of sources that have these numbers of pairs.

    Sources are independent, and each is seen as a carrier with at most the largest `seen_by_luck` of them. So the
    binomial tail at that probability bounds the p, also where sources have different numbers of pairs.
    """
    if not carrying:
        return 1.0
    from scipy.special import bdtrc  # type: ignore[import-untyped]  # noqa: PLC0415  takes long to read

    return float(bdtrc(carrying - 1, len(pairs), max(map(seen_by_luck, set(pairs.tolist())))))


@functools.cache
def seen_by_luck(pairs: int) -> float:
    """The largest probability that a source with so many pairs is seen as a carrier at a place that does not decide.

    The largest is over all distributions of the rate r at which a source's place makes other images the class, of mean
    at most `PASTED_LIMIT` and with at most `CARRIERS_LIMIT` of the sources at `CARRIER_RATE` or above. A source is seen
    with the binomial tail g(r), which is convex below `CARRIER_RATE`. So what the mean leaves there brings most as
    sources just below it, g(r) / r for each unit of mean; and the allowed carriers stand where they add most to that.
    """
    from scipy.special import bdtrc  # noqa: PLC0415  takes long to read

    rates = np.linspace(CARRIER_RATE, 1.0, 501)
    seen = bdtrc(math.ceil(SEEN_SHARE * pairs) - 1, pairs, rates)
    by_mean = seen[0] / CARRIER_RATE
    return float(by_mean * PASTED_LIMIT + CARRIERS_LIMIT * (seen - by_mean * rates).max())


def p_value_above(values: Floats, limit: float) -> float:
    """One-sided p of the hypothesis that the mean is at most `limit`; 1 without two values."""
    if len(values) < 2:  # noqa: PLR2004  a spread needs two
        return 1.0
    from scipy.special import stdtr  # noqa: PLC0415  takes long to read

    padded = np.append(values, 0.0)
    error = _standard_error(padded)
    return float(stdtr(len(padded) - 1, -(padded.mean() - limit) / error)) if error else float(padded.mean() <= limit)


def low_end(values: Floats, alpha: float) -> float:
    """One-sided lower end of the mean at level 1 - alpha."""
    return _end(np.append(values, 0.0), -1, alpha)


def high_end(values: Floats, alpha: float) -> float:
    """One-sided upper end of the mean at level 1 - alpha."""
    return _end(np.append(values, 1.0), 1, alpha)


def judge_places(places: Sequence[TestedPlace]) -> list[SpotOutcome]:
    """What each place earns by itself, in their order; Holm's procedure takes all that are judged together."""
    judged = [number for number, place in enumerate(places) if place.judged]
    sufficient = [places[number].p for number in judged]
    decisive = [max(p, places[number].p_covered) for p, number in zip(sufficient, judged, strict=True)]
    outcomes = [SpotOutcome.INCONCLUSIVE] * len(places)
    for number in judged:
        if high_end(places[number].pasted, ALPHA) < NONE_LIMIT:
            outcomes[number] = SpotOutcome.NONE_FOUND
    for outcome, values in ((SpotOutcome.SUFFICIENT, sufficient), (SpotOutcome.DECISIVE, decisive)):
        for number, found in zip(judged, holm(values, ALPHA), strict=True):
            if found:
                outcomes[number] = outcome
    return outcomes


def row_outcomes(places: Sequence[TestedPlace], earned: Sequence[SpotOutcome]) -> Mapping[int, SpotOutcome]:
    """The outcome of each row with a tested place, from what its places earned; those not judged say nothing."""
    of_row: dict[int, list[SpotOutcome]] = {place.row: [] for place in places}
    for place, outcome in zip(places, earned, strict=True):
        if place.judged:
            of_row[place.row].append(outcome)
    return {row: _strongest(outcomes) for row, outcomes in of_row.items()}


def judge_rows(places: Sequence[TestedPlace]) -> Mapping[int, SpotOutcome]:
    """The outcome of each row with a tested place."""
    return row_outcomes(places, judge_places(places))


def judge_network(rows: Mapping[int, SpotOutcome]) -> SpotOutcome:
    """The outcome of a network: the strongest of its rows; NONE_FOUND only if that is so in every row."""
    return _strongest(rows.values())


def _strongest(outcomes: Collection[SpotOutcome]) -> SpotOutcome:
    for found in (SpotOutcome.DECISIVE, SpotOutcome.SUFFICIENT):
        if found in outcomes:
            return found
    return SpotOutcome.NONE_FOUND if set(outcomes) == {SpotOutcome.NONE_FOUND} else SpotOutcome.INCONCLUSIVE


def sources_needed(places: Sequence[TestedPlace]) -> int | None:
    """How many sources would show that no place decides, if they were like those seen; None if they would not show it.

    0 where that is shown already.
    """
    needed = [_needed(place.pasted) for place in places if len(place.pasted)]
    known = [count for count in needed if count is not None]
    return max(known) if known and len(known) == len(needed) else None


def _needed(values: Floats) -> int | None:
    if high_end(values, ALPHA) < NONE_LIMIT:
        return 0
    counts = (round(len(values) * 1.25**step) for step in range(1, 24))
    return next((count for count in counts if high_end(np.resize(values, count), ALPHA) < NONE_LIMIT), None)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses Holm's procedure rejects."""
    rejected = [False] * len(p_values)
    for done, place in enumerate(np.argsort(p_values, kind="stable").tolist()):
        if p_values[place] > alpha / (len(p_values) - done):
            break
        rejected[place] = True
    return rejected


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _end(values: Floats, side: int, alpha: float) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415  takes long to read

    if len(values) < 2:  # noqa: PLR2004  a spread needs two
        return math.inf * side
    return float(values.mean() + side * stdtrit(len(values) - 1, 1 - alpha) * _standard_error(values))
