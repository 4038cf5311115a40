"""The overinterpretation rate R(tau, alpha), which is the headline, and its class-targeted companion.

R is the share of the eligible, not baseline-confident images for which this search, at this budget, verified a subset
of at most alpha * p pixels. It is a lower bound of what exists. The companion is the same for a random other class,
over the images on which the bare fill alone does not argue for that class. Baseline-confident images are in neither.
They are the extreme case, no pixel at all suffices, so R says how many there are, and a second figure counts them. If
R and its companion are alike, small subsets say more
about what a mask can do to this model than about what the model learned.
"""

from dataclasses import replace

from modicum.gate.paired import is_small

from modicum_server.domain.searches import TargetRule
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.by_class import by_class
from modicum_server.measures.class_targeted import budgets, nothing_searched
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.measure_sets import MeasureSet, Place, Title
from modicum_server.measures.observations import Booleans, Floats, Observations

ALPHA = DEFAULTS.alpha
"""Subset fraction that counts as overinterpretation unless asked: the paper's headline, 95% of the image masked."""

NONE_SEARCHED = "no eligible image was searched to its end"
UNDEFINED = "the rate is defined for searches for the predicted class; this search is for a random other class"


def overinterpretation(seen: Observations) -> Measured:
    """Return `overinterpretation_rate` and `overinterpretation_rate_class_targeted`; groups are by predicted class."""
    parameters = {"alpha": seen.statistics.alpha, "threshold": seen.search.threshold}
    if seen.search.target_rule is not TargetRule.PREDICTED:
        undefined = Measure(None, "share", 0, parameters=parameters, unavailable=UNDEFINED)
        return dict.fromkeys(MEASURE_SET.titles, undefined)
    own, other = small(seen.size, seen), small(seen.other_size, seen)

    def rate(where: Booleans) -> Measure:
        return share(own[where], level=seen.level, empty=seen.nothing_measured, parameters=parameters)

    bare = seen.searchable & seen.baseline_confident
    whole = by_class(rate, seen.measured, seen.predicted)

    def companion(where: Booleans) -> Measure:
        return share(
            other[where],
            level=seen.level,
            empty=nothing_searched(seen),
            parameters={**parameters, **budgets(seen)},
        )

    return {
        "overinterpretation_rate": replace(
            whole, parameters={**whole.parameters, "baseline_confident": int(bare.sum())}
        ),
        "overinterpretation_rate_with_baseline_confident": share(
            (own | bare)[seen.measured | bare], level=seen.level, empty=NONE_SEARCHED, parameters=parameters
        ),
        "overinterpretation_rate_class_targeted": by_class(companion, seen.other_searched, seen.predicted),
    }


def small(size: Floats, seen: Observations) -> Booleans:
    """Return which subsets count: those of at most alpha of the pixels."""
    counts: Booleans = is_small(size, seen.canvas.pixels, seen.statistics.alpha)
    return counts


MEASURE_SET = MeasureSet(
    overinterpretation,
    {
        "overinterpretation_rate": Title("Overinterpretation rate", Place.HEADLINE),
        "overinterpretation_rate_class_targeted": Title("The same for a random other class", Place.HEADLINE),
        "overinterpretation_rate_with_baseline_confident": Title(
            "Overinterpretation rate, counting images for which the bare fill alone suffices"
        ),
    },
)
