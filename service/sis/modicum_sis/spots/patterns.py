"""Patterns: places of any shape. Those that are tried are the pixels in which subsets lie most densely.

See docs/method.md, "The spot test". Nothing here runs a model.
"""

import numpy as np
import torch
from torch import Tensor

from modicum_sis.spots.places import Place, PlaceKind

AREAS = (0.05, 0.025)
"""Most pixels of a pattern, as shares of the canvas, largest first."""


def pattern(mask: Tensor) -> Place:
    """The place of the pixels of a mask (H, W) that has some."""
    rows, columns = (mask.any(dim=along).nonzero().flatten() for along in (1, 0))
    top, left, bottom, right = (int(one) for one in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))
    held = mask[top:bottom, left:right].flatten().cpu().numpy()
    return Place(PlaceKind.PATTERN, bottom - top, right - left, top, left, np.packbits(held).tobytes())


def densest_patterns(density: Tensor) -> list[Place]:
    """The pixels with the highest density (H, W), of each area, each pattern once; none where no subset lies.

    Of equally dense pixels the first ones count, row by row. Pixels in which no subset lies are left out.
    """
    order = density.flatten().argsort(descending=True, stable=True)[: int(density.count_nonzero())]
    patterns: dict[Place, None] = {}
    for area in AREAS:
        densest = order[: max(1, round(area * density.numel()))]
        if len(densest):
            mask = torch.zeros(density.numel(), dtype=torch.bool).index_fill(0, densest, value=True)
            patterns.setdefault(pattern(mask.view(density.shape)))
    return list(patterns)
