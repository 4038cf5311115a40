"""Mask optimisation, the default search: an ascent over masks by gradients, then exact shrinking and trading.

Its maths is in `ascent` and `shrinking`; here the budget is divided between them. It draws no random numbers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modicum_sis.ascent import Ascent, Climbed
from modicum_sis.classifier import Canvas
from modicum_sis.errors import ParameterError
from modicum_sis.findings import Trace
from modicum_sis.margins import confidences_of
from modicum_sis.search import FIXED_PASSES, Proposal, SearchTask
from modicum_sis.shrinking import Kept, Shrinker, shrink_together

VERIFICATIONS = 2
"""Forward passes kept back: the smallest mask, and one with margin to spare."""
GRADIENT_COST = 3
FEWEST_PASSES = FIXED_PASSES + VERIFICATIONS + 2 * GRADIENT_COST
STEPS_PER_DOUBLING = 6
"""Steps of the ascent for each doubling of the pixels: after about these, exact shrinking gains more for its passes."""
LEAST_ASCENT, MOST_ASCENT = 0.12, 0.9
"""Shares of the budget between which the ascent stays, whatever the canvas."""


@dataclass(frozen=True, slots=True)
class MaskOptimization:
    """Finds the smallest subsets for its passes.

    Args:
        passes: pass-equivalents an image may cost, the whole image, the bare fill, shrinking and verification in.
    """

    needs_gradient: ClassVar[bool] = True

    passes: int = 600

    def __post_init__(self) -> None:
        if self.passes < FEWEST_PASSES:
            raise ParameterError(f"passes must be at least {FEWEST_PASSES}; got {self.passes}")

    def planned_passes(self, canvas: Canvas) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> list[Proposal]:
        """Climb together, then shrink together."""
        spendable = self.passes - FIXED_PASSES - VERIFICATIONS
        steps = self._steps(spendable, math.prod(task.scorer.shape))
        climbed = Ascent(task.scorer, task.whole_margins, threshold=task.threshold, steps=steps).climb()
        shrinkers = _shrinkers(climbed, threshold=task.threshold, passes=spendable - GRADIENT_COST * steps)
        ended = shrink_together(task.scorer, list(shrinkers.values()), list(shrinkers))
        stopped = not ended or task.scorer.meter.stopped()
        nothing = Proposal(masks=iter(()), trace=None, stopped=stopped)
        return [
            _proposal(shrinkers[row], task.scorer.shape, stopped=stopped) if row in shrinkers else nothing
            for row in range(task.scorer.count)
        ]

    def _steps(self, spendable: int, pixels: int) -> int:
        least, most = (share * spendable / GRADIENT_COST for share in (LEAST_ASCENT, MOST_ASCENT))
        return max(2, int(min(most, max(least, STEPS_PER_DOUBLING * math.log2(pixels)))))


def _shrinkers(climbed: Climbed, *, threshold: float, passes: int) -> dict[int, Shrinker]:
    return {
        row: Shrinker(climbed.masks[row], float(climbed.margins[row]), threshold=threshold, passes=passes)
        for row, found in enumerate(climbed.found)
        if found
    }


def _proposal(shrinker: Shrinker, shape: tuple[int, int], *, stopped: bool) -> Proposal:
    return Proposal(masks=_masks(shrinker, shape), trace=_trace(shrinker.best, shape), stopped=stopped)


def _masks(shrinker: Shrinker, shape: tuple[int, int]) -> Iterator[Tensor]:
    for kept in (shrinker.best, shrinker.safe):
        if (
            kept is not None
            and kept.size < kept.mask.numel()
            and (kept is shrinker.best or kept.size > shrinker.best.size)
        ):
            yield kept.mask.view(shape)


def _trace(kept: Kept, shape: tuple[int, int]) -> Trace | None:
    if not kept.removed:
        return None
    removed = [pixels.cpu() for pixels in kept.removed]
    sizes = torch.tensor([0, *(len(pixels) for pixels in removed)]).cumsum(0)
    return Trace(
        order=torch.cat(removed),
        scores=confidences_of(torch.tensor(kept.margins, dtype=torch.float64)),
        kept=int(kept.start.sum()) - sizes,
        start=kept.start.view(shape).cpu(),
    )
