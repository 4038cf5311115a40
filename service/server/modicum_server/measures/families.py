"""The forms in which measures are registered: what a module of measures gives to the registry. Computes none.

A `Family` is of one version under one search, a `PairFamily` of two versions under one search; what else lies across
versions is a `Part` (`parts`). Each says how its measures are called and where a reader meets them: the result document
carries that beside the numbers, so no reader of it keeps a list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modicum_server.measures.measure import Measured, Reading
from modicum_server.measures.observations import Observations


class Place(StrEnum):
    """Where a measure is shown: among the few that are read first, or with all others."""

    HEADLINE = "headline"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True)
class Title:
    """How a measure is called in tables, and its place."""

    text: str
    place: Place = Place.DETAIL


Titles = Mapping[str, Title]
"""By the measure's name, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Family:
    """Measures of one version under one search, and the reading of the control that they are of, if there is one.

    `reading` is from all measures of that version and search; None when the control did not run.
    """

    measures: Callable[[Observations], Measured]
    titles: Titles
    reading: Callable[[Measured], Reading | None] | None = None


@dataclass(frozen=True, slots=True)
class PairFamily:
    """Measures of two versions under one search, in pairs on the same images."""

    measures: Callable[[Observations, Observations], Measured]
    titles: Titles


def titled(measures: Mapping[str, Mapping[str, Any]], titles: Titles) -> dict[str, Any]:
    """Return measures in JSON with the `title`, `place` and `order` of each: its rank among those beside it."""
    ranks = {name: rank for rank, name in enumerate(titles)}
    return {
        name: {**measures[name], "title": titles[name].text, "place": titles[name].place.value, "order": order}
        for order, name in enumerate(sorted(measures, key=ranks.__getitem__))
    }
