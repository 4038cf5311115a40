"""Chooses the places to test, on one half of the images: those that make most other images the class.

Places are tried in rounds. Each round tries fewer places on more pairs of images (successive halving: Jamieson and
Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016). A window or stripe that
wins and does enough is then moved and resized (`refinement`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.spots.comparison import refilled_attempts
from modicum_sis.spots.copying import PASTE
from modicum_sis.spots.evidence import EvidenceMaps
from modicum_sis.spots.interventions import Composite, Interventions
from modicum_sis.spots.patterns import densest_patterns
from modicum_sis.spots.places import Place, PlaceKind, densest, densest_windows, grid, own_windows, rings, stripes
from modicum_sis.spots.refinement import PAIRS, refined
from modicum_sis.spots.sources import Pair, SplitImages

ROUNDS = ((16, 8), (32, 3), (64, 1))
"""Pairs that each place is tried on in a round, and how many places stay."""
MOST_OWN_SOURCES = 30
"""Most images of a class and a half whose own windows are sought."""
STRIPE_LEAD = 0.15
"""By how large a share of the pairs a stripe must beat windows and rings to be chosen. A stripe across the whole canvas
draws edges of its own, which move some images of clean networks. So its share is counted less its `share_by_edges`."""
PATTERN_LEAD = 0.25
"""The same for a pattern. It must beat the place chosen so far: a stripe only where that was chosen."""
TIMES_ITS_EDGES = 3
"""How many times what its edges do a pattern must do. Nearly every pixel of a pattern may be an edge, and all lie where
the class's evidence does, so in clean networks its edges alone make up to a third of other images the class."""
LEAST_REFINED = 0.10
"""The share of the pairs below which a place is not moved: SUFFICIENT needs more than a tenth on the other half."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A place, and the share of the pairs in which it made the other image the class."""

    place: Place
    share: float


def fixed_places(density: Tensor) -> list[Place]:
    """The windows and rings to try: the densest windows of `density` (H, W), a grid of windows, and the rings.

    Stripes and patterns are tried beside these.
    """
    canvas = int(density.shape[0]), int(density.shape[1])
    dense = densest_windows(density) if bool(density.any()) else ()
    return [*dict.fromkeys([*dense, *grid(canvas), *rings(canvas)])]


def moving(interventions: Interventions, places: Sequence[Place], pairs: Sequence[Pair]) -> Sequence[Place]:
    """The places that move at least one pixel of a pair on average. One that lies on the objects moves none."""
    movable = [interventions.movable(pair.source, pair.other) for pair in pairs]
    known = [one for one in movable if one is not None]
    if not known:
        return places
    shares = torch.stack(known).double().mean(dim=0)
    return [place for place in places if float(shares[place.region(interventions.canvas[1:])].sum()) >= 1]


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

    A stripe or a pattern is chosen only where what it holds leads (`_leads`). A window that does enough is refined.
    """
    sources, canvas = images.of_class(target_class, half), interventions.canvas[1:]
    density = sum_of_shares(canvas, (images.masks[index] for index in sources if index in images.subsets))
    pairs = images.pairs(sources, half, f"choice {target_class}", most=sum(count for count, _ in ROUNDS))
    best, *edged = (
        _best(interventions, images, moving(interventions, kind, pairs), pairs, lambda place, _: place.region(canvas))
        for kind in (fixed_places(density), stripes(canvas), densest_patterns(density))
    )
    if best is None:
        return None
    for one in edged:
        if one is not None and _leads(interventions, images, one, best, pairs):
            best = one
    if best.place.kind is not PlaceKind.WINDOW or best.share < LEAST_REFINED:
        return best.place
    compared = images.pairs(sources, half, f"refinement {target_class}", most=PAIRS)
    return refined(interventions, images, best.place, compared)


def share_by_edges(interventions: Interventions, images: SplitImages, place: Place, pairs: Sequence[Pair]) -> float:
    """The share of the pairs in which the place makes the other image the class, but holds what another class shows.

    What is copied comes from the next image of another class among the pairs. 1 where no pair can be compared so.
    """
    region = place.region(interventions.canvas[1:])
    attempts = refilled_attempts(interventions, PASTE, [(pair, place) for pair in pairs], images.predicted)
    seen = interventions.search_classes(PASTE.composite(one.compared_pair, region) for one in attempts)
    hits = sum(one == images.predicted[attempt.pair.source] for one, attempt in zip(seen, attempts, strict=True))
    return hits / len(attempts) if attempts else 1.0


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


def _leads(
    interventions: Interventions, images: SplitImages, edged: Tried, other: Tried, pairs: Sequence[Pair]
) -> bool:
    """Whether a stripe or a pattern does more than another place, by what it holds and not by its edges."""
    is_pattern = edged.place.kind is PlaceKind.PATTERN
    least = other.share + (PATTERN_LEAD if is_pattern else STRIPE_LEAD)
    if edged.share <= least:
        return False
    by_edges = share_by_edges(interventions, images, edged.place, pairs)
    draws_too_much = is_pattern and edged.share <= TIMES_ITS_EDGES * by_edges
    return edged.share - by_edges > least and not draws_too_much


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
        seen = iter(interventions.search_classes(composites))
        for place in places:
            hits[place] += sum(next(seen) == images.predicted[pair.source] for pair in tried)
        places = sorted(places, key=lambda place: (-hits[place], place.area(canvas)))[:survivors]
        if not hits[places[0]] or done == len(pairs):
            break
    return Tried(places[0], hits[places[0]] / done)
