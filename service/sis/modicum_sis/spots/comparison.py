"""What a place is compared with, so that what any place does is not taken for what this one does.

A window is compared with a random window of its size in the same two images, and a ring with a band of about its area
further in. A pattern has as many edges as pixels, and they alone move images. So it is compared with itself, filled
otherwise: copied from an image of another class, or covered from another image of the same class. An image without
another of its class has no such cover. See docs/decisions/0071-a-pattern-is-compared-with-itself.md.

Outside known objects, no pixel on an object of either image moves. What is compared then moves at least 90% as many
pixels as the place, and a window or band none of those that the place moves. A pair without such a comparison, or in
which the place moves nothing, is not compared. See docs/decisions/0079-a-comparison-moves-as-many-pixels.md.
"""

from collections.abc import Iterable, Sequence

import torch

from modicum_sis.spots.copying import Attempt, Fits, Intervention, Predicted
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.matching import least_moved, matching_band, matching_corners
from modicum_sis.spots.places import Band, Place, PlaceKind, inner_band
from modicum_sis.spots.sources import Pair

Placed = tuple[Pair, Place]
"""Two images, and the place of the source."""


def drawn_attempts(
    interventions: Interventions,
    intervention: Intervention,
    placed: Sequence[Placed],
    predicted: Predicted,
    drawn: torch.Generator,
) -> list[Attempt]:
    """The pairs that can be compared, in their order; windows of comparison are drawn. All places are of one kind."""
    if any(place.kind is PlaceKind.PATTERN for _, place in placed):
        return refilled_attempts(interventions, intervention, placed, predicted)
    return _attempts((pair, place, _elsewhere(interventions, pair, place, drawn)) for pair, place in placed)


def given_attempts(
    interventions: Interventions,
    intervention: Intervention,
    placed: Sequence[Placed],
    predicted: Predicted,
    corners: Iterable[tuple[int, int]],
) -> list[Attempt]:
    """The same with windows of comparison at the corners that were drawn before."""
    if any(place.kind is PlaceKind.PATTERN for _, place in placed):
        return refilled_attempts(interventions, intervention, placed, predicted)
    return _attempts(
        (pair, place, _band(interventions, pair, place) if place.kind is PlaceKind.RING else place.at(*corner))
        for (pair, place), corner in zip(placed, corners, strict=True)
    )


def refilled_attempts(
    interventions: Interventions, intervention: Intervention, placed: Sequence[Placed], predicted: Predicted
) -> list[Attempt]:
    """The pairs of which another image can fill the place, compared with that.

    Which image it is depends on the pairs. So those without one are left out until all have one, and the pairs that are
    kept have the same comparisons when they are given again.
    """
    while True:
        fits = _moving_enough(interventions, intervention, dict(placed))
        refilled = intervention.refilled([pair for pair, _ in placed], predicted, fits)
        found = [(one, other) for one, other in zip(placed, refilled, strict=True) if other is not None]
        if len(found) == len(placed):
            return [Attempt(pair, place, other, place) for (pair, place), other in found]
        placed = [one for one, _ in found]


def _moving_enough(interventions: Interventions, intervention: Intervention, places: dict[Pair, Place]) -> Fits:
    """Tells whether a pair that fills the place otherwise moves as many pixels of it."""

    def moved(pair: Pair, place: Place) -> int:
        composite = intervention.composite(pair, place.region(interventions.canvas[1:]))
        return 0 if composite.inside == composite.outside else int(interventions.moved(composite).sum())

    def fits(pair: Pair, other: Pair) -> bool:
        if interventions.movable(pair.source, pair.other) is None:
            return True
        return 0 < least_moved(moved(pair, places[pair])) <= moved(other, places[pair])

    return fits


def _attempts(compared: Iterable[tuple[Pair, Place, Place | Band | None]]) -> list[Attempt]:
    return [Attempt(pair, place, pair, elsewhere) for pair, place, elsewhere in compared if elsewhere is not None]


def _elsewhere(interventions: Interventions, pair: Pair, place: Place, drawn: torch.Generator) -> Place | Band | None:
    if place.kind is PlaceKind.RING:
        return _band(interventions, pair, place)
    movable = interventions.movable(pair.source, pair.other)
    if movable is None:
        return place.at(*_random_corner(place, interventions.canvas[1:], drawn))
    corners = matching_corners(place, movable)
    if not len(corners):
        return None
    top, left = corners[_drawn_below(len(corners), drawn)].tolist()
    return place.at(top, left)


def _band(interventions: Interventions, pair: Pair, ring: Place) -> Band | None:
    canvas = interventions.canvas[1:]
    movable = interventions.movable(pair.source, pair.other)
    return inner_band(canvas, ring.area(canvas)) if movable is None else matching_band(ring, movable)


def _random_corner(place: Place, canvas: tuple[int, int], drawn: torch.Generator) -> tuple[int, int]:
    top, left = (
        _drawn_below(room - size + 1, drawn) for room, size in zip(canvas, (place.height, place.width), strict=True)
    )
    return top, left


def _drawn_below(count: int, drawn: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=drawn))
