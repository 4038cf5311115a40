"""On how many images there was something to search."""

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.measure import Measured, share
from modicum_server.measures.measure_sets import MeasureSet, Place, Title
from modicum_server.measures.observations import Observations


def eligibility(seen: Observations) -> Measured:
    """Return `eligible_share`, of the scored images, and `baseline_confident_share`, of the eligible ones with a fill.

    A search for a random other class needs no eligible image: there the second is of the scored images with a fill. An
    image whose fill cannot be made has a failed search and a valid prediction, and only eligible images are searched.
    The first share counts such images, because leaving them out would leave out eligible ones alone.
    """
    threshold = {"threshold": seen.search.threshold}
    return {
        "eligible_share": share(
            seen.eligible[seen.scored], level=seen.level, empty="no image was scored", parameters=threshold
        ),
        "baseline_confident_share": share(
            seen.baseline_confident[seen.searchable],
            level=seen.level,
            empty="no image is eligible" if seen.search.target_rule is TargetRule.PREDICTED else "no image was scored",
            parameters={**threshold, "fill": seen.search.fill.value},
        ),
    }


MEASURE_SET = MeasureSet(
    eligibility,
    {
        "eligible_share": Title("Eligible images", Place.HEADLINE),
        "baseline_confident_share": Title("Baseline-confident images"),
    },
)
