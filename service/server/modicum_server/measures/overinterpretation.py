"""The headline: the overinterpretation rate R(tau, alpha) and its class-targeted companion.

R is the share of the eligible, not baseline-confident images for which this search at this budget verified a subset of
at most alpha * p pixels: a lower bound of what exists. Its companion asks the same of a random other class. Where both
are alike, small subsets say more about what a mask can do to this model than about what it learned.
"""

import numpy as np

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.observations import Observations

ALPHA = 0.05
"""Subset fraction that counts as overinterpretation: the paper's headline, 95% of the image masked."""

UNDEFINED = "the rate is defined for searches for the predicted class; this one argues for a random other class"


def overinterpretation(seen: Observations) -> Measured:
    """Return `overinterpretation_rate` and `overinterpretation_rate_class_targeted`."""
    parameters = {"alpha": ALPHA, "threshold": seen.search.threshold}
    if seen.search.target_rule is not TargetRule.PREDICTED:
        undefined = Measure(None, "share", 0, parameters=parameters, unavailable=UNDEFINED)
        return {"overinterpretation_rate": undefined, "overinterpretation_rate_class_targeted": undefined}
    limit = np.float64(ALPHA * seen.canvas.pixels)
    return {
        "overinterpretation_rate": share(
            seen.size[seen.measured] <= limit,
            empty=seen.nothing_measured,
            parameters=parameters,
        ),
        "overinterpretation_rate_class_targeted": share(
            seen.other_size[seen.other_ran] <= limit,
            empty="the class_targeted control ran on no image",
            parameters=parameters,
        ),
    }
