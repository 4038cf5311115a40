"""Moves and resizes a chosen window or stripe, on the images that chose it, to where it argues for its class most.

The windows that are tried lie on a grid or where subsets lie, so the best of them may hold a part of a cue. Neighbours
differ by a few pixels, and on few images the share that become the class is too coarse to order them. The mean
probability of the class is not. See docs/method.md, "The spot test".
"""

from collections.abc import Sequence

from modicum_sis.spots.interventions import Composite, Interventions
from modicum_sis.spots.places import LARGEST_AREA, Place
from modicum_sis.spots.sources import Pair, SplitImages

STEPS = (0.09, 0.06, 0.03, 0.03)
"""How far edges move in each round, as a share of the canvas' side; a pixel at least."""
EDGES = ((-1, -1), (1, 1), (-1, 0), (0, 1), (1, 0), (0, -1))
"""Where the two edges of a direction go, in steps: both the same way, one of them outwards, or one of them inwards."""
PAIRS = 64
"""Most pairs of images that windows are compared on."""
DECIMALS = 4
"""Probabilities are rounded, so that the order of sums in a batch does not move a window."""


def refined(
    interventions: Interventions,
    images: SplitImages,
    place: Place,
    pairs: Sequence[Pair],
    steps: Sequence[float] = STEPS,
) -> Place:
    """The window after one round for each step: it becomes the neighbour that argues more strongly, if one does.

    All windows are compared on the same pairs. Of equal neighbours the larger one counts, then the earlier one.
    """
    canvas = interventions.canvas[1:]
    (strength,) = _strengths(interventions, images, [place], pairs)
    for share in steps:
        tried = neighbours(place, canvas, share)
        strengths = dict(zip(tried, _strengths(interventions, images, tried, pairs), strict=True))
        best = max(tried, key=lambda one: (strengths[one], one.area(canvas)), default=place)
        if strengths.get(best, strength) > strength:
            place, strength = best, strengths[best]
    return place


def neighbours(place: Place, canvas: tuple[int, int], share: float) -> list[Place]:
    """The windows on the canvas whose edges lie a step away, no larger than the largest area, or than this window."""
    most = max(LARGEST_AREA * canvas[0] * canvas[1], place.area(canvas))
    rows, columns = (max(1, round(share * side)) for side in canvas)
    edges = [(one * rows, other * rows, 0, 0) for one, other in EDGES]
    edges += [(0, 0, one * columns, other * columns) for one, other in EDGES]
    moved = (
        Place(
            place.kind,
            height=place.height + bottom - top,
            width=place.width + right - left,
            top=place.top + top,
            left=place.left + left,
        )
        for top, bottom, left, right in edges
    )
    return [one for one in moved if _lies_on(one, canvas) and one.area(canvas) <= most]


def _lies_on(place: Place, canvas: tuple[int, int]) -> bool:
    return all(
        0 <= start < start + length <= side
        for start, length, side in zip((place.top, place.left), (place.height, place.width), canvas, strict=True)
    )


def _strengths(
    interventions: Interventions, images: SplitImages, places: Sequence[Place], pairs: Sequence[Pair]
) -> list[float]:
    """The mean probability of the source's class where each place is copied; 0 in a pair where there is none."""
    regions = [place.region(interventions.canvas[1:]) for place in places]
    composites = (Composite(pair.source, pair.other, region) for region in regions for pair in pairs)
    targets = [images.class_of(pair.source) for _ in regions for pair in pairs]
    seen = interventions.log_probabilities(composites, targets).exp().double().nan_to_num(0.0)
    strengths: list[float] = seen.view(len(places), len(pairs)).mean(dim=1).cpu().round(decimals=DECIMALS).tolist()
    return strengths
