"""Restarts: further ascents of one image from other first sizes, for local optima that trades cannot leave.

The end of an ascent depends on its start, and shrinking soon shows how small its mask can get. A search with passes to
spare therefore starts again and continues from the best mask. The ascent itself is in `ascent`; `shrinking` decides
which mask is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modicum_sis.scoring.score_requests import GRADIENT_COST, Procedure, ScoreMasks, ScoreRequest, Scores
from modicum_sis.searches.mask_optimization_stages.ascent import Ascent, AscentResult

FIRST_SIZES = (0.25, 0.04)
"""Shares of the pixels in the first masks of the restarts, in their order."""
LEAST_LEFT = 3.5
"""A restart needs this many times the cost of an ascent to be left; with fewer passes, trades gain more."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """The parameters of an image's restarts.

    Attributes:
        pixels: the number of pixels of the image.
        whole_margin: the margin of the whole image.
        bare_margin: the margin of the bare fill.
        steps: the number of gradients of each ascent.
        threshold: the confidence to keep.
        device: the device of the masks.
    """

    pixels: int
    whole_margin: float
    bare_margin: float
    steps: int
    threshold: float
    device: torch.device

    def are_worthwhile(self, passes: int) -> bool:
        """Whether one more ascent is a good use of the passes that are left."""
        return passes >= LEAST_LEFT * GRADIENT_COST * self.steps

    def ascend(self, first_size: float, score: Callable[[ScoreRequest], Procedure[Scores]]) -> Procedure[AscentResult]:
        """Run one ascent. `score` sends a request and counts its passes."""
        ascent = Ascent(1, self.pixels, threshold=self.threshold, device=self.device)
        ascent.enter(0, self.whole_margin, self.bare_margin, steps=self.steps, first_size=first_size)
        while len(ascent):
            request = ascent.next_batch()
            reply = yield from score(ScoreMasks(request.masks, with_gradients=True))
            assert reply.gradients is not None
            if ascent.apply_gradients(request, reply.margins, reply.gradients):
                break
        return ascent.leave(0)
