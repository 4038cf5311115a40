"""How many images there was something to search on."""

from modicum_server.measures.measure import Measured, share
from modicum_server.measures.observations import Observations


def eligibility(seen: Observations) -> Measured:
    """Return `eligible_share`, of the scored images, and `baseline_confident_share`, of the eligible ones."""
    considered = seen.scored & ~seen.failed
    threshold = {"threshold": seen.search.threshold}
    return {
        "eligible_share": share(seen.eligible[considered], empty="no image was scored", parameters=threshold),
        "baseline_confident_share": share(
            seen.baseline_confident[seen.eligible],
            empty="no image is eligible",
            parameters={**threshold, "fill": seen.search.fill.value},
        ),
    }
