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
from modicum.gate.tails import FEWEST_PAIRS, number_of

Document = Mapping[str, Any]
Told = Mapping[str, Ends | None]
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

    outcome: Callable[[Told], str]
    outcomes: tuple[str, ...]
    statements: Callable[[Told], int]
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


def _low(told: Told, name: str) -> float:
    """The lower end of a measure; an open end counts as beyond every limit."""
    return known(told.get(name))[0]


def _high(told: Told, name: str) -> float:
    return known(told.get(name))[1]


def _class_targeted(told: Told) -> str:
    found, bare, ratio = (
        f"class_targeted_{name}" for name in ("found_share", "baseline_confident_share", "size_ratio_median")
    )
    if _low(told, bare) > HALF:
        return "ANY_CLASS"
    if told.get(found) is None or told.get(ratio) is None:
        return INCONCLUSIVE
    if _low(told, found) > HALF and _high(told, ratio) <= LARGER_RATIO:
        return "ANY_CLASS"
    if _high(told, found) < HALF or (_low(told, ratio) > LARGER_RATIO and _high(told, bare) < HALF):
        return "THIS_CLASS"
    return INCONCLUSIVE


def _fill(told: Told) -> str:
    tried = [name for name in told if name.startswith(SURVIVAL)]
    if any(_high(told, name) < HALF for name in tried):
        return "DEPENDS_ON_FILL"
    return "SURVIVES" if tried and all(_low(told, name) > HALF for name in tried) else INCONCLUSIVE


def _fill_robust(told: Told) -> str:
    fraction, ratio = "fill_robust_fraction_median", "fill_robust_size_ratio_median"
    if told.get(fraction) is None or told.get(ratio) is None:
        return INCONCLUSIVE
    if _high(told, fraction) <= FEW_PIXELS:
        return "FEW_PIXELS"
    larger = _low(told, ratio) > LARGER_RATIO and _low(told, "fill_robust_found_share") > HALF
    return "THE_FILL" if larger else INCONCLUSIVE


def _dilated(told: Told) -> str:
    survived, kept = "dilated_sufficient_share", "dilated_class_kept_share"
    if _low(told, survived) > HALF:
        return "SURVIVES"
    if _high(told, kept) < HALF:
        return "DESTROYED"
    return "WEAKENED" if _high(told, survived) < HALF < _low(told, kept) else INCONCLUSIVE


def _mask_only(told: Told) -> str:
    if any(_low(told, name) > HALF for name in PAINTED):
        return "SHAPE"
    return "NOT_THE_SHAPE" if all(_high(told, name) < HALF for name in PAINTED) else INCONCLUSIVE


def _random(told: Told) -> str:
    if _low(told, "random_sufficient_share") > HALF:
        return "ANY_PIXELS"
    return "THESE_PIXELS" if _high(told, "random_sufficient_share") < HALF else INCONCLUSIVE


def _pixel_subsets(told: Told) -> str:
    kept = "pixel_subsets_class_kept_share"
    if _low(told, "pixel_subsets_random_class_kept_share") > HALF:
        return "ANY_PIXELS"
    if _low(told, kept) > HALF and _low(told, "pixel_subsets_class_kept_gain") > 0:
        return "FEW_PIXELS"
    return "MORE_PIXELS" if _high(told, kept) < HALF else INCONCLUSIVE


def _tried_fills(told: Told) -> int:
    return sum(name.startswith(SURVIVAL) for name in told)


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
    def told(tail: float | None) -> Told:
        return {name: ends_at(measure, tail) if tail else stated(measure) for name, measure in measures.items()}

    def outcome(rule: ReadingRule, tail: float | None) -> str:
        return rule.outcome(told(tail))

    return {
        control: AppliedRule(partial(outcome, rule), rule.statements(told(None)), rule.is_about(measures))
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
    """Return the interval of a measure whose ends are one-sided at `tail`; None where the document does not tell it."""
    number, level = number_of(measure), 1 - 2 * tail
    if number.successes is not None:
        return share_ends_at(number.successes, number.n, level)
    for told, low, high in number.ends:
        if told == tail:
            return low, high
    if number.pairs is not None and number.n >= FEWEST_PAIRS:
        return difference_ends(number.pairs.gained / number.n, number.pairs.lost / number.n, number.n, level)
    return None
