"""Where a tested place lies: on the objects of its sources, outside them, or across.

The share of the place's pixels that lie on the objects is one value a source. Its mean has an interval by Student's t
with a source added that speaks against the claim, as all of the spot test (`spot_rule`): sources that are all alike
would otherwise be certain.

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
OUTSIDE_LIMIT = 0.1
METHOD = "t over sources, one source added"
NO_OBJECTS = "no source has boxes or a mask"


class Location(StrEnum):
    """Where a place lies."""

    INSIDE = "INSIDE"
    OUTSIDE = "OUTSIDE"
    ACROSS = "ACROSS"


def object_share(trials: Sequence[SpotTrial], level: float) -> Measure:
    """Return the mean share of a place that lies on the objects, over its sources with objects in both halves."""
    shares = np.asarray([share for trial in trials for share in trial.on_objects.shares], dtype=np.float64)
    if not len(shares):
        return Measure(None, "share", 0, unavailable=NO_OBJECTS)
    return Measure(float(shares.mean()), "share", len(shares), _interval(shares, level))


def location_of(share: Measure) -> Location | None:
    """Return where a place of this share lies; None without objects."""
    if share.value is None:
        return None
    if share.interval is None or share.interval.low is None or share.interval.high is None:
        return Location.ACROSS
    if share.interval.low > INSIDE_LIMIT:
        return Location.INSIDE
    return Location.OUTSIDE if share.interval.high < OUTSIDE_LIMIT else Location.ACROSS


def _interval(shares: Floats, level: float) -> Interval | None:
    if len(shares) < LEAST_SOURCES:
        return None
    tail = (1 - level) / 2
    return Interval(max(0.0, low_end(shares, tail)), min(1.0, high_end(shares, tail)), METHOD, len(shares), level)
