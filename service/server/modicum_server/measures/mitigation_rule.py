"""The verdict on an ensemble, by rule. Must not measure: `mitigation` does.

MITIGATED: the intervals of both ratios lie above the ratio limit (1.1 by default), and each member is matched. Also the
interval of the difference in accuracy (ensemble less the mean of its members, on the same images) lies above the
accuracy limit (-0.02 by default), on the audited images and on the out-of-distribution data set if there is one.
NOT_MITIGATED: the ratio's interval lies below the ratio limit. INCONCLUSIVE: otherwise, with fewer than 30 images, or
without labels; the reasons say what is missing. The 30 cannot be changed: a verdict on fewer images would be one on the
sample.

See docs/method.md, "The ensemble mitigation check".
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from modicum.gate.other_alpha import RATE_CAUTION
from modicum.gate.paired import MOST_APART

from modicum_server.domain.searches import Search
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.measures.intervals import images_without_difference
from modicum_server.measures.matched_eligibility import MatchedEligibility
from modicum_server.measures.measure import Measure
from modicum_server.measures.number_words import short_name, threshold_text
from modicum_server.measures.out_of_distribution import DIFFERENCE

LEAST_IMAGES = 30
MITIGATED = "MITIGATED"
OUTCOMES = (MITIGATED, "NOT_MITIGATED", "INCONCLUSIVE")
"""Of the check."""


def judge(
    measures: Mapping[str, Measure], eligibility: Mapping[str, MatchedEligibility], asked: Statistics = DEFAULTS
) -> tuple[str, tuple[str, ...]]:
    """Return the verdict, and what stands against a clearer one; `eligibility` is by member, empty if none matched."""
    ratio, matched = measures["subset_fraction_ratio"], measures["matched_subset_fraction_ratio"]
    accuracy, limit = measures["accuracy_difference"], asked.ratio_limit
    reasons = []
    if ratio.n < LEAST_IMAGES:
        reasons.append(f"fewer than {LEAST_IMAGES} images were searched with the ensemble and all members ({ratio.n})")
    if accuracy.value is None:
        reasons.append("no labels, so no accuracy")
    if not reasons and _end(ratio, low=False) < limit:
        return "NOT_MITIGATED", ()
    if not reasons and _end(ratio, low=True) <= limit:
        reasons.append(f"the ratio's interval contains {limit:g}")
    if matched.value is None:
        reasons.append(matched.unavailable)
    elif _end(matched, low=False) < limit:
        reasons.append(f"at matched temperatures the ratio's interval lies below {limit:g}")
    elif matched.n < LEAST_IMAGES or _end(matched, low=True) <= limit:
        reasons.append(f"at matched temperatures the ratio is not clearly above {limit:g}")
    reasons.extend(_not_matched(name, counted) for name, counted in eligibility.items() if not counted.holds)
    reasons.extend(_accuracy_reasons(accuracy, measures.get(DIFFERENCE), asked))
    return ("INCONCLUSIVE", tuple(reasons)) if reasons else (MITIGATED, ())


def _not_matched(member: str, counted: MatchedEligibility) -> str:
    return (
        f"at its matched temperature {short_name(member)} is eligible on {counted.member} of {counted.scored_by_both} "
        f"images and the ensemble on {counted.ensemble}; these numbers differ by more than {MOST_APART}"
    )


def _accuracy_reasons(test: Measure, second: Measure | None, asked: Statistics) -> Iterator[str]:
    """What keeps accuracy from being seen not to be lower, on the test set and on an out-of-distribution set."""
    limit = asked.accuracy_limit
    not_lower = f"the ensemble's accuracy may be {abs(limit):g} or more below its members'"
    if test.value is not None and test.n < LEAST_IMAGES:
        yield f"fewer than {LEAST_IMAGES} images have a label ({test.n}){_more_images(test.n, asked)}"
    elif test.value is not None and _end(test, low=True) <= limit:
        yield f"{not_lower}{_more_images(test.n, asked)}"
    if second is not None and second.value is None:
        yield second.unavailable
    elif second is not None and second.n < LEAST_IMAGES:
        few = f"fewer than {LEAST_IMAGES} out-of-distribution images were predicted by all ({second.n})"
        yield f"{few}{_more_images(second.n, asked)}"
    elif second is not None and _end(second, low=True) <= limit:
        yield f"on out-of-distribution images {not_lower}{_more_images(second.n, asked)}"


def _more_images(n: int, asked: Statistics) -> str:
    """How many images the accuracy condition takes, where there are fewer; else nothing."""
    needed = images_without_difference(asked.accuracy_limit, asked.level)
    if needed is None or n >= needed:
        return ""
    return f"; more images are needed: {needed} where no prediction differs, and there are {n}"


def cautions(measures: Mapping[str, Measure]) -> tuple[str, ...]:
    """Return what stands beside MITIGATED: it is about this search, and `R` may not move."""
    rate = measures["overinterpretation_rate_difference"]
    told = "the ensemble needs larger subsets under this search; another search may say otherwise"
    if rate.value is not None and _end(rate, low=False) >= 0:
        return told, RATE_CAUTION
    return (told,)


def disagreement(verdicts: Sequence[tuple[Search, str]]) -> str:
    """Return the caution about one ensemble's verdicts under several searches; empty where all are alike."""
    if len({verdict for _, verdict in verdicts}) <= 1:
        return ""
    told = "; ".join(f"{verdict} with {_search_words(search)}" for search, verdict in verdicts)
    return f"the searches disagree: {told}"


def _search_words(search: Search) -> str:
    budget = f", {search.passes:,} passes" if search.passes else ""
    return f"threshold {threshold_text(search.threshold)}, {search.method}, {search.fill} fill{budget}"


def _end(measure: Measure, *, low: bool) -> float:
    """An end of the interval; an unknown one is as bad as can be."""
    end = None if measure.interval is None else (measure.interval.low if low else measure.interval.high)
    if end is None:
        return -math.inf if low else math.inf
    return end
