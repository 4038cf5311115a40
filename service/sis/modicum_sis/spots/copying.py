"""Copying a place into another image, and covering it from one: which composite the model sees, and what follows.

Each is compared with the same done elsewhere, so that what any place does is not taken for what this one does. A window
is compared with a window of its size, and a ring with a band of its area. A pattern has as many edges as pixels, and
they alone move images. So it is compared with itself, filled otherwise: copied from an image of another class, or
covered from an image of the same class. An image without another of its class has no such cover, so a pattern is not
covered in it (`comparable`). See docs/decisions/0071-a-pattern-is-compared-with-itself.md.

Outside known objects, no pixel on an object of either image moves. A pattern's comparison is filled from another image,
whose objects lie elsewhere, so it moves other pixels of the pattern than the copy or the cover does.
"""

from collections import Counter
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
        """The cover comes from another source of the source's class; all pairs are `comparable`.

        The search for it may start at any source. It starts one further for each pair, so that the pairs of a source
        get different covers where there are several.
        """
        sources = list(dict.fromkeys(pair.source for pair in pairs))
        return [
            Pair(pair.source, _other_of_its_class(pair.source, _after(sources, at), predicted))
            for at, pair in enumerate(pairs)
        ]

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen not in {target_class, UNKNOWN_CLASS}


PASTE, COVER = _Paste(), _Cover()


def comparable(pairs: Sequence[Pair], predicted: Predicted) -> list[Pair]:
    """The pairs in which a pattern can be covered: another of their sources has the source's class."""
    counts = Counter(predicted[source] for source in {pair.source for pair in pairs})
    return [pair for pair in pairs if counts[predicted[pair.source]] > 1]


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
    """Whether that class followed what each place is compared with. All places are of one kind.

    Raises:
        Stopped: the caller asked to stop.
    """
    canvas = interventions.canvas[1:]
    if any(one.place.kind is PlaceKind.PATTERN for one in attempts):
        refilled = intervention.refilled([one.pair for one in attempts], predicted)
        composites = (
            intervention.composite(other, one.place.region(canvas))
            for one, other in zip(attempts, refilled, strict=True)
        )
    else:
        composites = (intervention.composite(one.pair, _compared(one, canvas)) for one in attempts)
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


def _other_of_its_class(source: int, images: Iterator[int], predicted: Predicted) -> int:
    other = next((one for one in images if one != source and predicted[one] == predicted[source]), None)
    assert other is not None, "a pattern is covered only where another source has the class"
    return other


def _after(images: Sequence[int], at: int) -> Iterator[int]:
    """The images from the one after a position on, around the end, each once."""
    return (images[(at + step) % len(images)] for step in range(1, len(images) + 1))
