"""Judges the outcomes of planted networks by other limits, to see what a limit would have found. Runs no model."""

from typing import Any

import numpy as np
from modicum.gate.spot_rule import ALPHA, TestedPlace, holm, p_value_above

from benchmarks.planted.audits import uncounted

PASTED_LIMITS = (0.05, 0.10, 0.15, 0.20)


def flagged_at(audit: dict[str, Any], limit: float) -> list[int | None]:
    """The classes that would be SUFFICIENT if this were the limit of the pasted share at every place."""
    places = [
        (row["class"], TestedPlace(number, place["own"], uncounted(place["pasted"]), np.empty(0)))
        for number, row in enumerate(audit["rows"])
        for place in row["places"]
    ]
    judged = [(target, place) for target, place in places if place.judged]
    rejected = holm([p_value_above(place.pasted, limit) for _, place in judged], ALPHA)
    return [target for (target, _), found in zip(judged, rejected, strict=True) if found]
