"""How often a search for a random other class found a subset: the counterpart of the overinterpretation rate.

`R` is about subsets for the predicted class, for which the whole image always suffices. For another class it need not,
so a search that found nothing is censored: larger than all.
"""

import numpy as np

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.measure import Measured, share
from modicum_server.measures.measure_sets import MeasureSet, Place, Title
from modicum_server.measures.observations import Observations


def found_share(seen: Observations) -> Measured:
    """Return `other_class_found_share`, of the images searched to the end. Nothing for the predicted class."""
    if seen.search.target_rule is TargetRule.PREDICTED:
        return {}
    return {
        "other_class_found_share": share(
            np.isfinite(seen.size[seen.measured]),
            level=seen.level,
            empty=seen.nothing_measured,
            parameters={"threshold": seen.search.threshold},
        )
    }


MEASURE_SET = MeasureSet(
    found_share,
    {"other_class_found_share": Title("Images with a subset for a random other class", Place.HEADLINE)},
)
