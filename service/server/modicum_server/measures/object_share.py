"""Object share: how much of a subset lies in the objects of its image, where the data set has boxes or masks.

The share of the canvas that the objects cover is the chance level; it differs from image to image, so what lies above
or below it is taken in pairs, an image at a time. Whole images (budget exhausted) are left out, and images whose
objects cover the whole canvas or were cropped away: a subset could lie nowhere else, or not there at all.
"""

import numpy as np

from modicum_server.measures.measure import Measured, quantile_measure
from modicum_server.measures.measure_sets import DIFFERENCES, MeasureSet, Title
from modicum_server.measures.observations import Booleans, Observations

NO_OBJECTS = "no item with a subset has boxes or a mask"


def object_share(seen: Observations) -> Measured:
    """Return `object_share_median` and `object_share_excess_median`, the median of share less the objects' area.

    The first one's parameter `chance` is the median area.
    """
    told = seen.with_subset & divides(seen)
    area, share = seen.object_area[told], seen.object_share[told]
    chance = {"chance": float(np.median(area))} if len(area) else {}
    return {
        "object_share_median": quantile_measure(
            share, 0.5, unit="share", level=seen.level, empty=NO_OBJECTS, parameters=chance
        ),
        "object_share_excess_median": quantile_measure(
            share - area, 0.5, unit="difference", level=seen.level, empty=NO_OBJECTS
        ),
    }


def divides(seen: Observations) -> Booleans:
    """Return where an image has objects that cover a part of the canvas."""
    part: Booleans = (seen.object_area > 0) & (seen.object_area < 1)  # NaN is neither
    return part


MEASURE_SET = MeasureSet(
    object_share,
    {
        "object_share_median": Title("Object share, median"),
        "object_share_excess_median": Title("Object share minus the objects' area, median", range=DIFFERENCES),
    },
)
