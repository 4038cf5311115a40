"""Border share: how much of a subset lies in the ring at the canvas' edge, where objects seldom are.

The ring's exact area is the chance level. Whole images (budget exhausted) are left out.
"""

from modicum_server.measures.measure import Measured, quantile_measure
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.observations import Observations
from modicum_server.measures.ring import Ring


def border_share(seen: Observations) -> Measured:
    """Return `border_share_median`; its parameters hold the chance level and the ring's width in pixels."""
    ring = Ring.of(seen.canvas)
    return {
        "border_share_median": quantile_measure(
            seen.border_share[seen.with_subset],
            0.5,
            unit="share",
            level=seen.level,
            empty="no subset was found",
            parameters={"chance": ring.chance, "ring_width": ring.width},
        )
    }


MEASURE_SET = MeasureSet(border_share, {"border_share_median": Title("Border share, median")})
