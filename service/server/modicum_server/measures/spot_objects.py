"""Where a tested place lies: on the objects of its sources, outside them, or across.

The overlap of the place and the objects, the share of the smaller of the two that lies in the other, is one value a
source. Its mean has an interval by Student's t with a source added that speaks against the claim, as all of the spot
test (`spot_rule`): sources that are all alike would otherwise be certain.

INSIDE: the lower end is above `INSIDE_LIMIT`. OUTSIDE: the upper end is below `OUTSIDE_LIMIT`. ACROSS: otherwise.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from modicum.gate.spot_rule import LEAST_SOURCES, Floats, high_end, low_end

from modicum_server.domain.spots import SpotTrial
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure

INSIDE_LIMIT = 0.5
OUTSIDE_LIMIT = 0.2
METHOD = "t over sources, one source added"
NO_OBJECTS = "no source has boxes or a mask"


class Location(StrEnum):
    """Where a place lies."""

    INSIDE = "INSIDE"
    OUTSIDE = "OUTSIDE"
    ACROSS = "ACROSS"


def object_overlap(trials: Sequence[SpotTrial], level: float) -> Measure:
    """Return the mean overlap of a place and the objects, over its sources with objects in both halves."""
    shares = np.asarray([share for trial in trials for share in trial.on_objects.shares], dtype=np.float64)
    if not len(shares):
        return Measure(None, "share", 0, unavailable=NO_OBJECTS)
    return Measure(float(shares.mean()), "share", len(shares), _interval(shares, level))


def location_of(overlap: Measure) -> Location | None:
    """Return where a place of this overlap lies; None without objects."""
    if overlap.value is None:
        return None
    if overlap.interval is None or overlap.interval.low is None or overlap.interval.high is None:
        return Location.ACROSS
    if overlap.interval.low > INSIDE_LIMIT:
        return Location.INSIDE
    return Location.OUTSIDE if overlap.interval.high < OUTSIDE_LIMIT else Location.ACROSS


def _interval(shares: Floats, level: float) -> Interval | None:
    if len(shares) < LEAST_SOURCES:
        return None
    tail = (1 - level) / 2
    return Interval(max(0.0, low_end(shares, tail)), min(1.0, high_end(shares, tail)), METHOD, len(shares), level)
