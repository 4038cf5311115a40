"""Copying a place into another image, and covering it from one: which composite the model sees, and what follows."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from torch import Tensor

from modicum_sis.spots.interventions import UNKNOWN_CLASS, Composite, Interventions
from modicum_sis.spots.places import Place, PlaceKind, inner_band, window
from modicum_sis.spots.sources import Pair


class Intervention(Protocol):
    """Makes the composite of a pair, and tells whether the class followed the place."""

    name: str

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        """The image that the model sees."""

    def followed(self, seen: int, target_class: int | None) -> bool:
        """Whether the class followed, where the model sees the class `seen`."""


class _Paste:
    name = "paste"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.source, outside=pair.other, region=region)

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen == target_class


class _Cover:
    name = "cover"

    def composite(self, pair: Pair, region: Tensor) -> Composite:
        return Composite(inside=pair.other, outside=pair.source, region=region)

    def followed(self, seen: int, target_class: int | None) -> bool:
        return seen not in {target_class, UNKNOWN_CLASS}


PASTE, COVER = _Paste(), _Cover()


def followed(
    interventions: Interventions,
    intervention: Intervention,
    pairs: Sequence[Pair],
    regions: Iterable[Tensor],
    predicted: Sequence[int | None],
) -> tuple[bool, ...]:
    """Whether the class that is predicted on the source followed the region, in each pair.

    Raises:
        Stopped: the caller asked to stop.
    """
    composites = (intervention.composite(pair, region) for pair, region in zip(pairs, regions, strict=True))
    seen = interventions.classes(composites)
    return tuple(intervention.followed(one, predicted[pair.source]) for one, pair in zip(seen, pairs, strict=True))


def comparison(place: Place, corner: tuple[int, int], canvas: tuple[int, int]) -> Tensor:
    """The region that a place is compared with: a window of its size at a corner, or for a ring a band of its area."""
    if place.kind is PlaceKind.RING:
        return inner_band(canvas, place.area(canvas))
    return window(canvas, *corner, place.height, place.width)
