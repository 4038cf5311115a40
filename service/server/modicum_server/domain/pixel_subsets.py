"""The searches of the pixel-subsets control, and what follows from its budget. Pure arithmetic.

`mask_optimization` searches for a number of pixels and spends its budget. `batched_gradient` descends to the bare fill,
and its pixels a step follow from the budget. The library plans the same passes; a test compares them.
"""

import math
from dataclasses import dataclass

from modicum_server.domain.searches import Canvas, SearchMethod

METHODS = (SearchMethod.MASK_OPTIMIZATION, SearchMethod.BATCHED_GRADIENT)
"""The searches that can choose a number of pixels, the default first."""
DEFAULT_PASSES = 300
"""The budget of mask_optimization."""
KEPT_SHARE = 0.05
"""Of the pixels that are chosen to be scored; the paper's."""
PASSES_BESIDE_DESCENT = 13
"""The whole image, the bare fill and at most 8 verifications; the whole image, its subset and the random one."""
STEP_PASSES = 3
"""A forward and a backward pass."""
FEWEST_PASSES = PASSES_BESIDE_DESCENT + STEP_PASSES
"""Of a descent in one step."""
MOST_PIXELS = 2_097_152
"""Two masks of so many pixels, the search's and this one, are half a mebibyte: they travel in one message."""


@dataclass(frozen=True, slots=True)
class Descent:
    """A descent over a canvas."""

    canvas: Canvas
    pixels_per_step: int

    @property
    def passes(self) -> int:
        """The most pass-equivalents on one image."""
        return PASSES_BESIDE_DESCENT + STEP_PASSES * math.ceil(self.canvas.pixels / self.pixels_per_step)


def kept_pixels(canvas: Canvas) -> int:
    """Return how many pixels are chosen to be scored: 52 of 1,024."""
    return math.ceil(KEPT_SHARE * canvas.pixels)


def descent_within(passes: int, canvas: Canvas) -> Descent:
    """Return the descent with the fewest pixels a step within a budget of at least `FEWEST_PASSES`."""
    steps = (passes - PASSES_BESIDE_DESCENT) // STEP_PASSES
    return Descent(canvas, math.ceil(canvas.pixels / steps))
