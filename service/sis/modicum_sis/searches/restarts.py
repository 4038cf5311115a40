"""Further ascents of one image, from other first sizes: the way out of a basin in which trades stay.

Where an ascent ends depends on where it begins, and how small its mask gets once shrunk is seen early; so a search with
passes to spare climbs again and trades on from the best. Its maths is in `ascent`. Must not decide what is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from modicum_sis.scoring.score_requests import GRADIENT_COST, Procedure, ScoreMasks, ScoreRequest, Scores
from modicum_sis.searches.ascent import Ascent, AscentResult

FIRST_SIZES = (0.25, 0.04)
"""Shares of the pixels in the first masks of the further ascents, one after the other."""
LEAST_LEFT = 3.5
"""So many times an ascent's cost have to be left, or trades gain more with them."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """What an image's further ascents begin with.

    Attributes:
        pixels: of the image.
        whole_margin: of the whole image.
        bare_margin: of the bare fill.
        steps: gradients of each ascent.
        threshold: the confidence to keep.
        device: of the masks.
    """

    pixels: int
    whole_margin: float
    bare_margin: float
    steps: int
    threshold: float
    device: torch.device

    def are_worthwhile(self, passes: int) -> bool:
        """Whether one more is a good use of so many passes."""
        return passes >= LEAST_LEFT * GRADIENT_COST * self.steps

    def ascend(self, first_size: float, ask: Callable[[ScoreRequest], Procedure[Scores]]) -> Procedure[AscentResult]:
        """One ascent, alone in its rows; `ask` keeps account of its passes."""
        ascent = Ascent(1, self.pixels, threshold=self.threshold, device=self.device)
        ascent.enter(0, self.whole_margin, self.bare_margin, steps=self.steps, first_size=first_size)
        while len(ascent):
            request = ascent.next_round()
            reply = yield from ask(ScoreMasks(request.masks, with_gradients=True))
            assert reply.gradients is not None
            if ascent.follow(request, reply.margins, reply.gradients):
                break
        return ascent.leave(0)
