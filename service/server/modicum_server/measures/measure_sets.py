"""The forms in which modules register their measures. Computes none.

A `MeasureSet` is of one version under one search, a `PairMeasureSet` of two versions under one search. Other measures
across versions stand in a `DocumentList` (`document_lists`). Each names its measures and says where they are shown. The
result document holds that beside the numbers, so its readers keep no list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modicum_server.measures.measure import Measured, Reading
from modicum_server.measures.observations import Observations


class Place(StrEnum):
    """Where a measure is shown: with the few headline measures, or with all others."""

    HEADLINE = "headline"
    DETAIL = "detail"


Range = tuple[float, float | None]
"""The least and the largest value that a measure can have; None where there is no largest."""
SHARES: Range = (0, 1)
DIFFERENCES: Range = (-1, 1)
POSITIVE: Range = (0, None)
"""Of ratios and of numbers of pixels."""


@dataclass(frozen=True, slots=True)
class Title:
    """The name of a measure in tables, and its place. A policy's limits of the measure must lie within its `range`."""

    text: str
    place: Place = Place.DETAIL
    range: Range = SHARES


Titles = Mapping[str, Title]
"""By the measure's name, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class MeasureSet:
    """Measures of one version under one search, and the reading of their control if there is one.

    `reading` uses all measures of that version and search. It is None if the control did not run.
    """

    measures: Callable[[Observations], Measured]
    titles: Titles
    reading: Callable[[Measured], Reading | None] | None = None


@dataclass(frozen=True, slots=True)
class PairMeasureSet:
    """Measures of two versions under one search, in pairs on the same images."""

    measures: Callable[[Observations, Observations], Measured]
    titles: Titles


def titled(measures: Mapping[str, Mapping[str, Any]], titles: Titles) -> dict[str, Any]:
    """Return measures in JSON, each with its `title`, `place` and `order` (its rank among them)."""
    ranks = {name: rank for rank, name in enumerate(titles)}
    return {
        name: {**measures[name], "title": titles[name].text, "place": titles[name].place.value, "order": order}
        for order, name in enumerate(sorted(measures, key=ranks.__getitem__))
    }
