"""What happened in the pairs of images of a test."""

from collections.abc import Sequence
from dataclasses import dataclass

from modicum_sis.spots.copying import Attempt, Intervention, Predicted, followed_elsewhere, followed_here
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.places import Place, PlaceKind


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What happened in each pair of images. All tuples have one entry a pair.

    Attributes:
        sources: the image whose place is copied or covered.
        others: the image that it is copied into, or covered from.
        here: whether the class followed the place: it appeared with the copy, or was lost under the cover.
        elsewhere: the same for the place of comparison in the same two images; of a pattern, for the same place with
            what it should not hold.
        tops: of the window of comparison, in pixels; 0 for a ring and a pattern.
        lefts: of the window of comparison, in pixels; 0 for a ring and a pattern.
        left_out: how many further pairs were drawn that have no comparison, and were not tested.
    """

    sources: tuple[int, ...]
    others: tuple[int, ...]
    here: tuple[bool, ...]
    elsewhere: tuple[bool, ...]
    tops: tuple[int, ...]
    lefts: tuple[int, ...]
    left_out: int


def outcomes_of(
    interventions: Interventions,
    intervention: Intervention,
    attempts: Sequence[Attempt],
    predicted: Predicted,
    *,
    left_out: int,
) -> Outcomes:
    """Make the attempts.

    Raises:
        Stopped: the caller asked to stop.
    """
    corners = [_corner(one) for one in attempts]
    return Outcomes(
        sources=tuple(one.pair.source for one in attempts),
        others=tuple(one.pair.other for one in attempts),
        here=followed_here(interventions, intervention, attempts, predicted),
        elsewhere=followed_elsewhere(interventions, intervention, attempts, predicted),
        tops=tuple(top for top, _ in corners),
        lefts=tuple(left for _, left in corners),
        left_out=left_out,
    )


def _corner(attempt: Attempt) -> tuple[int, int]:
    """Top and left of a window of comparison; (0, 0) for a ring and a pattern, which follow from the pair."""
    place = attempt.compared_place
    if isinstance(place, Place) and place.kind is PlaceKind.WINDOW:
        return place.top, place.left
    return 0, 0
