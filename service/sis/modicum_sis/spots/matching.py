"""Places outside known objects that move as many pixels as another one, and none of its pixels.

Where objects stay as they are, a place moves only what lies beside them. What is compared with it must move about as
many pixels: otherwise the number of pixels that move could be what the class follows. Nothing here runs a model.
"""

import torch
from torch import Tensor

from modicum_sis.spots.places import Band, Place, innermost_offset, window_sums


def least_moved(moved: int) -> int:
    """How many pixels a comparison must move beside a place that moves so many: at least 90%."""
    return moved - moved // 10


def matching_corners(place: Place, movable: Tensor) -> Tensor:
    """Tops and lefts (n, 2) of all windows that a window may be compared with, row by row; none where it moves nothing.

    Args:
        place: a window.
        movable: the pixels that may move (H, W).
    """
    here = place.region((movable.shape[0], movable.shape[1])) & movable
    moved, shared = (window_sums(each, place.height, place.width) for each in (movable, here))
    least = least_moved(int(here.sum()))
    return ((moved >= least) & (shared == 0)).nonzero() if least else torch.empty(0, 2, dtype=torch.long)


def matching_band(ring: Place, movable: Tensor) -> Band | None:
    """The band further in that a ring may be compared with; None where there is none, or where the ring moves nothing.

    It begins where the band of whole images does, or else as far in as possible, and has the width at which it moves
    most nearly as many pixels as the ring.
    """
    by_depth = torch.bincount(_depths((movable.shape[0], movable.shape[1]))[movable], minlength=min(movable.shape))
    here = int(by_depth[: ring.width].sum())
    for offset in range(innermost_offset((movable.shape[0], movable.shape[1])), ring.width - 1, -1):
        moved = by_depth[offset:].cumsum(0).tolist()
        widths = [width for width, count in enumerate(moved, start=1) if count >= least_moved(here)]
        if here and widths:
            return Band(offset, min(widths, key=lambda width: abs(moved[width - 1] - here)))
    return None


def _depths(canvas: tuple[int, int]) -> Tensor:
    """How many pixels lie between each pixel and the nearest edge (H, W)."""
    rows, columns = (torch.minimum(torch.arange(side), torch.arange(side).flip(0)) for side in canvas)
    return torch.minimum(rows[:, None], columns[None])
