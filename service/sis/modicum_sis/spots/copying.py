"""Copying a place into another image, and covering it from one: which composite the model sees, and what follows.

Each is compared with the same done elsewhere, so that what any place does is not taken for what this one does. A window
is compared with a window of its size, and a ring with a band of its area. A pattern has as many edges as pixels, and
they alone move images. So it is compared with itself, filled otherwise: copied from an image of another class, or
covered from an image of the same class. See docs/decisions/0071-a-pattern-is-compared-with-itself.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from modicum_sis.spots.interventions import UNKNOWN_CLASS, Composite, Interventions
from modicum_sis.spots.places import Place, PlaceKind, inner_band, window
from modicum_sis.spots.sources import Pair

Predicted = Sequence[int | None]
"""The class of each image."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place to copy or to cover in a pair of images; `corner` is where a window is compared, in pixels."""

    pair: Pair
    place: Place
    corner: tuple[int, int]


class Intervention(Protocol):
    """Makes the composite of a pair, and tells whether the class followed the place."""

    name: str

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        """The image that the model sees."""

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted) -> list[Pair]:
        """The pairs with another image in the place, and the same around it: one from which no class should follow."""

    def followed(self, seen: int, target_class: int | None) -> bool:
        """Whether the class followed, where the model sees the class `seen`."""


class _Paste:
    name = "paste"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.source, outside=pair.other, region=region)

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted) -> list[Pair]:
        """The place comes from an image of another class than the source's."""
        others = [pair.other for pair in pairs]
        inside = (
            next(one for one in _after(others, at) if predicted[one] != predicted[pair.source])
            for at, pair in enumerate(pairs)
        )
        return [Pair(one, pair.other) for one, pair in zip(inside, pairs, strict=True)]

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen == target_class


class _Cover:
    name = "cover"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.other, outside=pair.source, region=region)

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted) -> list[Pair]:
        """The cover comes from another source of the source's class; where there is none, the source stays as it is."""
        sources = list(dict.fromkeys(pair.source for pair in pairs))
        inside = (
            next(
                (one for one in _after(sources, at) if one != pair.source and predicted[one] == predicted[pair.source]),
                pair.source,
            )
            for at, pair in enumerate(pairs)
        )
        return [Pair(pair.source, one) for one, pair in zip(inside, pairs, strict=True)]

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen not in {target_class, UNKNOWN_CLASS}


PASTE, COVER = _Paste(), _Cover()


def followed_here(
    interventions: Interventions, intervention: Intervention, attempts: Sequence[Attempt], predicted: Predicted
) -> tuple[bool, ...]:
    """Whether the class that is predicted on the source followed the place, in each attempt.

    Raises:
        Stopped: the caller asked to stop.
    """
    canvas = interventions.canvas[1:]
    composites = (intervention.composite(one.pair, one.place.region(canvas)) for one in attempts)
    return _followed(interventions, intervention, attempts, composites, predicted)


def followed_elsewhere(
    interventions: Interventions, intervention: Intervention, attempts: Sequence[Attempt], predicted: Predicted
) -> tuple[bool, ...]:
    """Whether that class followed what each place is compared with.

    Raises:
        Stopped: the caller asked to stop.
    """
    canvas = interventions.canvas[1:]
    refilled = intervention.refilled([one.pair for one in attempts], predicted)
    composites = (
        intervention.composite(other, one.place.region(canvas))
        if one.place.kind is PlaceKind.PATTERN
        else intervention.composite(one.pair, _compared(one, canvas))
        for one, other in zip(attempts, refilled, strict=True)
    )
    return _followed(interventions, intervention, attempts, composites, predicted)


def _followed(
    interventions: Interventions,
    intervention: Intervention,
    attempts: Sequence[Attempt],
    composites: Iterator[Composite],
    predicted: Predicted,
) -> tuple[bool, ...]:
    seen = interventions.classes(composites)
    return tuple(
        intervention.followed(one, predicted[attempt.pair.source]) for one, attempt in zip(seen, attempts, strict=True)
    )


def _compared(attempt: Attempt, canvas: tuple[int, int]) -> Tensor:
    """A window of the place's size at the corner, or for a ring a band of its area, as a mask (H, W)."""
    place = attempt.place
    if place.kind is PlaceKind.RING:
        return inner_band(canvas, place.area(canvas))
    return window(canvas, *attempt.corner, place.height, place.width)


def _after(images: Sequence[int], at: int) -> Iterator[int]:
    """The images from the one after a position on, around the end, each once."""
    return (images[(at + step) % len(images)] for step in range(1, len(images) + 1))
