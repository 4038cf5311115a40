"""The headline: the overinterpretation rate R(tau, alpha) and its class-targeted companion.

R is the share of the eligible, not baseline-confident images for which this search at this budget verified a subset of
at most alpha * p pixels: a lower bound of what exists. Its companion asks the same of a random other class. Where both
are alike, small subsets say more about what a mask can do to this model than about what it learned.
"""

import numpy as np

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.by_class import by_class
from modicum_server.measures.families import Family, Place, Title
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.observations import Booleans, Observations

ALPHA = 0.05
"""Subset fraction that counts as overinterpretation: the paper's headline, 95% of the image masked."""

UNDEFINED = "the rate is defined for searches for the predicted class; this one argues for a random other class"
NO_COMPANION = "the class_targeted control ran on no image"


def overinterpretation(seen: Observations) -> Measured:
    """Return `overinterpretation_rate` and `overinterpretation_rate_class_targeted`; groups are by predicted class."""
    parameters = {"alpha": ALPHA, "threshold": seen.search.threshold}
    if seen.search.target_rule is not TargetRule.PREDICTED:
        undefined = Measure(None, "share", 0, parameters=parameters, unavailable=UNDEFINED)
        return {"overinterpretation_rate": undefined, "overinterpretation_rate_class_targeted": undefined}
    limit = np.float64(ALPHA * seen.canvas.pixels)
    small, other_small = seen.size <= limit, seen.other_size <= limit

    def rate(where: Booleans) -> Measure:
        return share(small[where], empty=seen.nothing_measured, parameters=parameters)

    def companion(where: Booleans) -> Measure:
        return share(other_small[where], empty=NO_COMPANION, parameters=parameters)

    return {
        "overinterpretation_rate": by_class(rate, seen.measured, seen.predicted),
        "overinterpretation_rate_class_targeted": by_class(companion, seen.other_ran, seen.predicted),
    }


FAMILY = Family(
    overinterpretation,
    {
        "overinterpretation_rate": Title("Overinterpretation rate", Place.HEADLINE),
        "overinterpretation_rate_class_targeted": Title("The same for a random other class", Place.HEADLINE),
    },
)
