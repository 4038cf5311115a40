"""Where spots lie among objects: planted cues that are known to lie inside boxes, or outside them.

The spot test runs as on any network. Afterwards boxes are drawn on its pictures, in each so that the cue lies inside
the box or outside it, and it is seen how far the chosen places overlap them. No model sees a box.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from modicum.gate.spot_rule import ALPHA, LEAST_SOURCES, high_end, low_end
from modicum_sis.spots.outside import overlap
from modicum_sis.spots.places import PlaceKind
from modicum_sis.spots.trials import SpotRow, SpotTrial
from numpy.typing import NDArray

from benchmarks.planted.audits import tested_places, tested_spots
from benchmarks.planted.cases import Case, cases
from benchmarks.planted.networks import Trained, balanced

IMAGES, PASSES = 300, 50
AREAS = (0.05, 0.1, 0.25, 0.4)
"""Areas of boxes, as shares of the canvas."""
TIGHT = 0.0
"""Stands for the box around the cue itself."""
ASPECTS = (0.5, 2.0)
"""Least and largest width of a box divided by its height."""
DRAWS = 20
"""Data sets of boxes for each network and area."""
ATTEMPTS = 400
"""Boxes that are drawn for a picture before it counts as having none."""
TAIL = 0.025
"""Of each end of the interval of the overlap."""

Region = NDArray[np.bool_]


def object_cases() -> list[Case]:
    """The networks of photographs with a cue of one class that has a place."""
    return [case for case in cases() if case.scope == "one" and case.cue.has_place and case.pictures == "cifar10"]


def object_places(case: Case, network: Trained) -> list[dict[str, Any]]:
    """Test spots, draw boxes, and return for each kind of box the ends of the intervals that the rule reads.

    Only classes with a cue count, by the place that their copies follow most surely, and only pictures with a cue: of
    the others it is not known where it lies.
    """
    chosen = balanced(network.labels, IMAGES)
    rows = tested_spots(case, network, chosen, PASSES)
    cues = [_cue(network, int(index)) for index in chosen]
    return [place for row in rows if row.target_class in case.cue.classes for place in _places(row, cues)]


def _cue(network: Trained, index: int) -> Region:
    """Where a picture has its cue (H, W); nowhere where it has none."""
    changed: Region = (network.test[index] != network.clean[index]).any(dim=0).numpy()
    return changed


def _places(row: SpotRow, cues: Sequence[Region]) -> Iterator[dict[str, Any]]:
    strongest = max(tested_places(row, 0), key=lambda place: low_end(place.pasted, ALPHA))
    trials = [trial for trial in row.trials if (trial.place.kind is PlaceKind.OWN) is strongest.own]
    for inside, area in [(True, TIGHT), *((inside, area) for inside in (True, False) for area in AREAS)]:
        drawn = np.random.default_rng(round(area * 100) + 1000 * inside)
        ends = [_ends(trials, cues, drawn, inside=inside, area=area) for _ in range(DRAWS)]
        known = [one for one in ends if one is not None]
        yield {"class": row.target_class, "own": strongest.own, "inside": inside, "area": area, "ends": known}


def _ends(
    trials: Sequence[SpotTrial], cues: Sequence[Region], drawn: np.random.Generator, *, inside: bool, area: float
) -> list[float] | None:
    """Both ends of the interval of a place's overlap with the boxes, over its sources; None where too few have one."""
    shares = []
    for trial in trials:
        for source in sorted({*trial.pasted.sources, *trial.covered.sources}):
            box = drawn_box(cues[source], drawn, inside=inside, area=area) if cues[source].any() else None
            if box is not None:
                shares.append(overlap(torch.from_numpy(box), _region(trial, source, box.shape)))
    if len(shares) < LEAST_SOURCES:
        return None
    values = np.array(shares)
    return [round(low_end(values, TAIL), 4), round(high_end(values, TAIL), 4)]


def _region(trial: SpotTrial, source: int, canvas: tuple[int, ...]) -> torch.Tensor:
    place = trial.place.at(*trial.windows[source]) if trial.windows else trial.place
    return place.region((canvas[0], canvas[1]))


def drawn_box(cue: Region, drawn: np.random.Generator, *, inside: bool, area: float) -> Region | None:
    """A box of an area that holds the cue, or does not touch it; None where none of `ATTEMPTS` did."""
    rows, columns = np.flatnonzero(cue.any(axis=1)), np.flatnonzero(cue.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if area == TIGHT:
        box = _filled(cue.shape, top, left, bottom - top, right - left)
        return None if box.all() else box
    aspects = np.exp(drawn.uniform(*np.log(ASPECTS), ATTEMPTS))
    heights = np.clip(np.round(np.sqrt(area * cue.size / aspects)), 1, cue.shape[0]).astype(np.int64)
    widths = np.clip(np.round(area * cue.size / heights), 1, cue.shape[1]).astype(np.int64)
    tops, lefts = drawn.integers(0, cue.shape[0] - heights + 1), drawn.integers(0, cue.shape[1] - widths + 1)
    sums = np.pad(cue.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held = (
        sums[tops + heights, lefts + widths]
        - sums[tops, lefts + widths]
        - sums[tops + heights, lefts]
        + sums[tops, lefts]
    )
    fitting = np.flatnonzero(held == (cue.sum() if inside else 0))
    if not len(fitting):
        return None
    one = fitting[0]
    return _filled(cue.shape, tops[one], lefts[one], heights[one], widths[one])


def _filled(canvas: tuple[int, ...], top: int, left: int, height: int, width: int) -> Region:
    region = np.zeros(canvas, dtype=np.bool_)
    region[top : top + height, left : left + width] = True
    return region
