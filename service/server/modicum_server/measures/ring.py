"""The ring at the canvas' edge in which the border share is counted; see docs/method.md, "Border share"."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.searches import Canvas

SMALLEST_AREA = 0.2
"""Share of the canvas that the ring covers at least."""


@dataclass(frozen=True, slots=True)
class Ring:
    """The narrowest ring of whole pixels with at least `SMALLEST_AREA` of the canvas; `width` is in pixels."""

    mask: NDArray[np.bool_]
    width: int

    @classmethod
    def of(cls, canvas: Canvas) -> "Ring":
        """Return the ring of this canvas."""
        width = next(
            width
            for width in range(1, min(canvas.height, canvas.width) + 1)
            if _area(canvas, width) >= SMALLEST_AREA * canvas.pixels
        )
        mask = np.ones((canvas.height, canvas.width), dtype=np.bool_)
        mask[width : canvas.height - width, width : canvas.width - width] = False
        return cls(mask, width)

    @property
    def chance(self) -> float:
        """Its exact area as a share of the canvas: the border share of a subset that lies anywhere."""
        return float(self.mask.mean())

    def share(self, mask: NDArray[np.bool_]) -> float:
        """Return the share of a mask's pixels (height, width) in the ring; NaN for an empty mask."""
        kept = int(mask.sum())
        return float((mask & self.mask).sum() / kept) if kept else math.nan


def _area(canvas: Canvas, width: int) -> int:
    return canvas.pixels - max(0, canvas.height - 2 * width) * max(0, canvas.width - 2 * width)
