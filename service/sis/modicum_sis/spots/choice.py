"""Chooses the places to test, on one half of the images: those that make most other images the class.

Places are tried in rounds. Each round tries fewer places on more pairs of images (successive halving: Jamieson and
Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.spots.evidence import EvidenceMaps
from modicum_sis.spots.interventions import Composite, Interventions
from modicum_sis.spots.places import Place, PlaceKind, densest, densest_windows, grid, own_windows, rings, stripes
from modicum_sis.spots.sources import Pair, SplitImages

ROUNDS = ((16, 8), (32, 3), (64, 1))
"""Pairs that each place is tried on in a round, and how many places stay."""
MOST_OWN_SOURCES = 30
"""Most images of a class and a half whose own windows are sought."""
STRIPE_LEAD = 0.15
"""By how large a share of the pairs a stripe must beat every other place to be chosen. A stripe across the whole canvas
draws edges of its own, which move some images of clean networks."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A place, and the share of the pairs in which it made the other image the class."""

    place: Place
    share: float


def fixed_places(canvas: tuple[int, int], masks: Iterable[Tensor]) -> list[Place]:
    """The places at one position to try, but for stripes: where subsets lie most densely, a grid, and rings."""
    density = sum_of_shares(canvas, masks)
    dense = densest_windows(density) if bool(density.any()) else ()
    return [*dict.fromkeys([*dense, *grid(canvas), *rings(canvas)])]


def sum_of_shares(canvas: tuple[int, int], masks: Iterable[Tensor]) -> Tensor:
    """How densely subsets lie (H, W); each counts once, whatever its size. Holds one mask at a time."""
    density = torch.zeros(canvas, dtype=torch.float64)
    for mask in masks:
        density += mask.double() / mask.sum()
    return density


def choose_fixed(
    interventions: Interventions, images: SplitImages, target_class: int | None, half: int
) -> Place | None:
    """The place at one position that makes most images the class; None without sources or others.

    A stripe is chosen only where it leads by more than `STRIPE_LEAD`.
    """
    sources, canvas = images.of_class(target_class, half), interventions.canvas[1:]
    places = fixed_places(canvas, (images.masks[index] for index in sources if index in images.subsets))
    pairs = images.pairs(sources, half, f"choice {target_class}", most=sum(count for count, _ in ROUNDS))
    window, stripe = (
        _best(interventions, images, kind, pairs, lambda place, _: place.region(canvas))
        for kind in (places, stripes(canvas))
    )
    if window is None or stripe is None:
        return None
    return stripe.place if stripe.share > window.share + STRIPE_LEAD else window.place


def choose_own(maps: EvidenceMaps, target_class: int | None, half: int) -> Place | None:
    """The size of each image's own densest window that makes most images the class; None without sources or others."""
    interventions, images = maps.interventions, maps.images
    canvas = interventions.canvas[1:]
    sources = images.of_class(target_class, half)[:MOST_OWN_SOURCES]
    pairs = images.pairs(sources, half, f"own choice {target_class}", most=sum(count for count, _ in ROUNDS[:2]))
    best = _best(
        interventions,
        images,
        own_windows(canvas),
        pairs,
        lambda place, source: own_place(place, maps.of(source, half)).region(canvas),
    )
    return None if best is None else best.place


def own_place(place: Place, density: Tensor) -> Place:
    """An image's own window: the densest one of this size in its evidence (H, W)."""
    return place.at(*densest(density, place.height, place.width)) if place.kind is PlaceKind.OWN else place


def _best(
    interventions: Interventions,
    images: SplitImages,
    places: Sequence[Place],
    pairs: Sequence[Pair],
    region_of: Callable[[Place, int], Tensor],
) -> Tried | None:
    """The place with most hits; of equals the smaller one, then the earlier one. Ends where no place has a hit."""
    if not pairs or not places:
        return None
    canvas = interventions.canvas[1:]
    hits, done = dict.fromkeys(places, 0), 0
    for count, survivors in ROUNDS:
        tried = pairs[done : done + count]
        done += len(tried)
        composites = (
            Composite(pair.source, pair.other, region_of(place, pair.source)) for place in places for pair in tried
        )
        seen = iter(interventions.classes(composites))
        for place in places:
            hits[place] += sum(next(seen) == images.predicted[pair.source] for pair in tried)
        places = sorted(places, key=lambda place: (-hits[place], place.area(canvas)))[:survivors]
        if not hits[places[0]] or done == len(pairs):
            break
    return Tried(places[0], hits[places[0]] / done)
