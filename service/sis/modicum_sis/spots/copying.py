"""Copying a place into another image, and covering it from one: which composite the model sees, and what follows.

Each is compared with the same done elsewhere (`comparison`), or, for a pattern and the edges of a stripe, with the same
place filled from another image, of which no class should follow.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from torch import Tensor

from modicum_sis.spots.interventions import UNKNOWN_CLASS, Composite, Interventions
from modicum_sis.spots.places import Band, Place
from modicum_sis.spots.sources import Pair

Predicted = Sequence[int | None]
"""The class of each image."""


Fits = Callable[[Pair, Pair], bool]
"""Whether a pair may be compared with another one that fills its place."""
MOST_TRIED = 32
"""Images that are tried for one that fills the place of a pair."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place to copy or to cover in a pair of images, and what it is compared with: a place in a pair of images."""

    pair: Pair
    place: Place
    compared_pair: Pair
    compared_place: Place | Band


class Intervention(Protocol):
    """Makes the composite of a pair, and tells whether the class followed the place."""

    name: str

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        """The image that the model sees."""

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted, fits: Fits) -> list[Pair | None]:
        """The pairs with another image in the place, and the same around it: one from which no class should follow.

        It is the first that `fits`, in an order that follows from the pairs; None where there is none.
        """

    def followed(self, seen: int, target_class: int | None) -> bool:
        """Whether the class followed, where the model sees the class `seen`."""


class _Paste:
    name = "paste"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.source, outside=pair.other, region=region)

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted, fits: Fits) -> list[Pair | None]:
        """The place comes from an image of another class than the source's."""
        others = [pair.other for pair in pairs]
        return [
            _first(
                (Pair(one, pair.other) for one in _after(others, at) if predicted[one] != predicted[pair.source]),
                pair,
                fits,
            )
            for at, pair in enumerate(pairs)
        ]

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen == target_class


class _Cover:
    name = "cover"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.other, outside=pair.source, region=region)

    def refilled(self, pairs: Sequence[Pair], predicted: Predicted, fits: Fits) -> list[Pair | None]:
        """The cover comes from another source of the source's class; None where it is the only one.

        The search for it may start at any source. It starts one further for each pair, so that the pairs of a source
        get different covers where there are several.
        """
        sources = list(dict.fromkeys(pair.source for pair in pairs))
        return [
            _first(
                (
                    Pair(pair.source, one)
                    for one in _after(sources, at)
                    if one != pair.source and predicted[one] == predicted[pair.source]
                ),
                pair,
                fits,
            )
            for at, pair in enumerate(pairs)
        ]

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
    composites = (intervention.composite(one.compared_pair, one.compared_place.region(canvas)) for one in attempts)
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


def _first(refills: Iterator[Pair], pair: Pair, fits: Fits) -> Pair | None:
    return next((one for one in islice(refills, MOST_TRIED) if fits(pair, one)), None)


def _after(images: Sequence[int], at: int) -> Iterator[int]:
    """The images from the one after a position on, around the end, each once."""
    return (images[(at + step) % len(images)] for step in range(1, len(images) + 1))
