"""The rules of readings: from the intervals of a control's measures to its outcome. The method defines them.

A rule is applied when a result is summarised, at each tail at which it may be judged, and again when it is judged: so
an edited outcome is noticed. Not here: the spot test's rule (`spot_rule`), and those that look at classes or at other
versions (`class_rules`).
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from modicum.gate.intervals import Ends, difference_ends, share_ends_at
from modicum.gate.tails import FEWEST_PAIRS, Number, number_of

Document = Mapping[str, Any]
Intervals = Mapping[str, Ends | None]
"""Intervals by the names of measures. A measure without an interval has None. An end that is open is None."""

HALF = 0.5
"""Share of the images, and confidence, that counts as most of it."""
FEW_PIXELS = 0.05
"""Of the canvas: the largest median subset that is called a few pixels."""
LARGER_RATIO = 2.0
"""Of two sizes of subsets: above it one is called larger."""
INCONCLUSIVE = "INCONCLUSIVE"
SURVIVAL = "fill_survival_"
PAINTED = ("mask_only_white_on_mean_confidence_median", "mask_only_black_on_mean_confidence_median")


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """A rule of a control.

    Attributes:
        outcome: the rule.
        outcomes: what it can come to, beside INCONCLUSIVE.
        statements: how many statements about intervals could each have led to another outcome by chance.
        prefix: of the names of the control's measures.
    """

    outcome: Callable[[Intervals], str]
    outcomes: tuple[str, ...]
    statements: Callable[[Intervals], int]
    prefix: str

    def is_about(self, measures: Iterable[str]) -> bool:
        """Return whether some of these are measures of the control."""
        return any(name.startswith(self.prefix) for name in measures)


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """The rule of a control with the numbers of a document.

    Attributes:
        outcome: at a one-sided tail; for None at the level at which the result states it.
        statements: how many statements about intervals could each have led to another outcome by chance.
        has_numbers: whether the document has what the rule looks at. Without it every outcome is INCONCLUSIVE.
    """

    outcome: Callable[[float | None], str]
    statements: int
    has_numbers: bool


def _low(intervals: Intervals, name: str) -> float:
    """The lower end of a measure; an open end counts as beyond every limit."""
    return known(intervals.get(name))[0]


def _high(intervals: Intervals, name: str) -> float:
    return known(intervals.get(name))[1]


def _class_targeted(intervals: Intervals) -> str:
    found, bare, ratio = (
        f"class_targeted_{name}" for name in ("found_share", "baseline_confident_share", "size_ratio_median")
    )
    if _low(intervals, bare) > HALF:
        return "ANY_CLASS"
    if intervals.get(found) is None or intervals.get(ratio) is None:
        return INCONCLUSIVE
    if _low(intervals, found) > HALF and _high(intervals, ratio) <= LARGER_RATIO:
        return "ANY_CLASS"
    if _high(intervals, found) < HALF or (_low(intervals, ratio) > LARGER_RATIO and _high(intervals, bare) < HALF):
        return "THIS_CLASS"
    return INCONCLUSIVE


def _fill(intervals: Intervals) -> str:
    tried = [name for name in intervals if name.startswith(SURVIVAL)]
    if any(_high(intervals, name) < HALF for name in tried):
        return "DEPENDS_ON_FILL"
    return "SURVIVES" if tried and all(_low(intervals, name) > HALF for name in tried) else INCONCLUSIVE


def _fill_robust(intervals: Intervals) -> str:
    fraction, ratio = "fill_robust_fraction_median", "fill_robust_size_ratio_median"
    if intervals.get(fraction) is None or intervals.get(ratio) is None:
        return INCONCLUSIVE
    if _high(intervals, fraction) <= FEW_PIXELS:
        return "FEW_PIXELS"
    larger = _low(intervals, ratio) > LARGER_RATIO and _low(intervals, "fill_robust_found_share") > HALF
    return "THE_FILL" if larger else INCONCLUSIVE


def _dilated(intervals: Intervals) -> str:
    survived, kept = "dilated_sufficient_share", "dilated_class_kept_share"
    if _low(intervals, survived) > HALF:
        return "SURVIVES"
    if _high(intervals, kept) < HALF:
        return "DESTROYED"
    return "WEAKENED" if _high(intervals, survived) < HALF < _low(intervals, kept) else INCONCLUSIVE


def _mask_only(intervals: Intervals) -> str:
    if any(_low(intervals, name) > HALF for name in PAINTED):
        return "SHAPE"
    return "NOT_THE_SHAPE" if all(_high(intervals, name) < HALF for name in PAINTED) else INCONCLUSIVE


def _random(intervals: Intervals) -> str:
    if _low(intervals, "random_sufficient_share") > HALF:
        return "ANY_PIXELS"
    return "THESE_PIXELS" if _high(intervals, "random_sufficient_share") < HALF else INCONCLUSIVE


def _pixel_subsets(intervals: Intervals) -> str:
    kept = "pixel_subsets_class_kept_share"
    if _low(intervals, "pixel_subsets_random_class_kept_share") > HALF:
        return "ANY_PIXELS"
    if _low(intervals, kept) > HALF and _low(intervals, "pixel_subsets_class_kept_gain") > 0:
        return "FEW_PIXELS"
    return "MORE_PIXELS" if _high(intervals, kept) < HALF else INCONCLUSIVE


def _tried_fills(intervals: Intervals) -> int:
    return sum(name.startswith(SURVIVAL) for name in intervals)


RULES: Mapping[str, ReadingRule] = {
    "class_targeted": ReadingRule(_class_targeted, ("THIS_CLASS", "ANY_CLASS"), lambda _: 3, "class_targeted_"),
    "fill": ReadingRule(_fill, ("SURVIVES", "DEPENDS_ON_FILL"), _tried_fills, SURVIVAL),
    "fill_robust": ReadingRule(_fill_robust, ("FEW_PIXELS", "THE_FILL"), lambda _: 3, "fill_robust_"),
    "dilated": ReadingRule(_dilated, ("SURVIVES", "WEAKENED", "DESTROYED"), lambda _: 2, "dilated_"),
    "mask_only": ReadingRule(_mask_only, ("NOT_THE_SHAPE", "SHAPE"), lambda _: len(PAINTED), "mask_only_"),
    "random": ReadingRule(_random, ("THESE_PIXELS", "ANY_PIXELS"), lambda _: 1, "random_"),
    "pixel_subsets": ReadingRule(
        _pixel_subsets, ("FEW_PIXELS", "MORE_PIXELS", "ANY_PIXELS"), lambda _: 3, "pixel_subsets_"
    ),
}
"""By control."""


def plain_rules(measures: Mapping[str, Document]) -> dict[str, AppliedRule]:
    """Return `RULES` with the measures of a search of a document, by control."""

    @cache
    def numbers() -> Mapping[str, Number]:
        return {name: number_of(measure) for name, measure in measures.items()}

    @cache
    def intervals_at(tail: float | None) -> Intervals:
        if not tail:
            return {name: stated(measure) for name, measure in measures.items()}
        return {name: ends_of(number, tail) for name, number in numbers().items()}

    def outcome(rule: ReadingRule, tail: float | None) -> str:
        return rule.outcome(intervals_at(tail))

    return {
        control: AppliedRule(partial(outcome, rule), rule.statements(intervals_at(None)), rule.is_about(measures))
        for control, rule in RULES.items()
    }


def stated(measure: Document) -> Ends | None:
    """Return the interval that a document has of a measure."""
    interval = measure.get("interval")
    return None if interval is None else (interval["low"], interval["high"])


def known(ends: Ends | None) -> tuple[float, float]:
    """Return both ends; one that is not known is as bad as can be."""
    low, high = (None, None) if ends is None else ends
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def ends_at(measure: Document, tail: float) -> Ends | None:
    """Return the interval of a measure whose ends are one-sided at `tail`; None if the document does not have it."""
    return ends_of(number_of(measure), tail)


def ends_of(number: Number, tail: float) -> Ends | None:
    """Return the same of the number of a measure."""
    level = 1 - 2 * tail
    if number.successes is not None:
        return share_ends_at(number.successes, number.n, level)
    for known_tail, low, high in number.ends:
        if known_tail == tail:
            return low, high
    if number.pairs is not None and number.n >= FEWEST_PAIRS:
        return difference_ends(number.pairs.gained / number.n, number.pairs.lost / number.n, number.n, level)
    return None
