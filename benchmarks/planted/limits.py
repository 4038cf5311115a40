"""Judges the outcomes of planted networks by other limits, to see what a limit would have found. Runs no model."""

from typing import Any

from modicum.gate.spot_rule import ALPHA, holm

from benchmarks.planted.judging import places_of

PASTED_LIMITS = (0.05, 0.10, 0.15, 0.20)


def flagged_at(audit: dict[str, Any], limit: float) -> list[int | None]:
    """The classes that would be SUFFICIENT if this were the limit of the pasted share at every place."""
    places = [place for place in places_of(audit) if place.judged]
    rejected = holm([place.p_at(limit) for place in places], ALPHA)
    return [audit["rows"][place.row]["class"] for place, found in zip(places, rejected, strict=True) if found]
