"""The reference that mask_optimization has to beat: the same idea with a price on the size, as this project began.

One real number a pixel, binarised at zero with a straight-through estimator; Adam on a hinge on the margin, which aims
past the threshold, plus a price an image for each kept pixel that rises while the mask is sufficient and falls while
it is not. The smallest mask seen to be sufficient is kept and shrunk by backward selection, exact where that fits into
the budget. The constants were chosen on CIFAR-10 ResNet-20 and left alone.
"""

import itertools
from dataclasses import dataclass

import torch
from modicum_sis import Proposal, SearchTask, log_odds
from modicum_sis.backselect import ScoreMasks, greedy_passes, remove_greedily
from modicum_sis.margins import sufficient
from modicum_sis.scoring import MaskScorer
from modicum_sis.search import FIXED_PASSES
from torch import Tensor

GRADIENT_COST = 3
VERIFICATION = 1
ASCENT_SHARE = 0.7
"""Of the budget; the lab spent 1,200 of 1,700 so."""
RATE, TRAVEL = 0.05, 1.5
"""Of Adam; where the steps are few it is larger, so that a value can travel at least so far."""
FIRST_SPREAD = 1.0
"""First values lie between 0 and this, at random: equal ones would all cross zero at the same step."""
PRICE_STEP = 1.05
SEED = 0
OFFERED = 3
"""Shrunk masks that verification may try before the one that was not shrunk."""
FRACTIONS = (None, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Of the remaining pixels, removed a step when shrinking: the first that fits into the budget."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The search; `passes` as in MaskOptimization."""

    passes: int

    def planned_passes(self, canvas: tuple[int, int, int]) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> list[Proposal]:
        """Climb together, then shrink one after the other."""
        steps = max(2, int(ASCENT_SHARE * (self.passes - FIXED_PASSES - VERIFICATION) / GRADIENT_COST))
        left = self.passes - FIXED_PASSES - VERIFICATION - GRADIENT_COST * steps
        masks = _ascend(task, steps)
        return [
            Proposal(masks=iter(_shrunk(task, masks[row], row, left)), trace=None) for row in range(task.scorer.count)
        ]


def _ascend(task: SearchTask, steps: int) -> Tensor:
    """The smallest sufficient masks seen, (n, H, W); the whole image where there was none."""
    scorer, rows = task.scorer, torch.arange(task.scorer.count)
    drawn = torch.rand(scorer.shape, generator=torch.Generator().manual_seed(SEED))
    values = (FIRST_SPREAD * drawn).to(scorer.device).repeat(scorer.count, 1, 1)
    best = torch.ones_like(values, dtype=torch.bool)
    optimizer = torch.optim.Adam([values], lr=max(RATE, TRAVEL / steps))
    aim = log_odds(task.threshold) + max(1.0, abs(log_odds(task.threshold)))
    price: Tensor | None = None
    for _ in range(steps):
        masks = values > 0
        margins, gradients = scorer.margins_and_gradients(masks, rows)
        if price is None:
            price = gradients.abs().mean(dim=(1, 2), keepdim=True)
        enough = sufficient(margins, task.threshold).view(-1, 1, 1)
        best = torch.where(enough & (_sizes(masks) < _sizes(best)), masks, best)
        price = torch.where(enough, price * PRICE_STEP, price / PRICE_STEP)
        values.grad = price - gradients * (margins < aim).view(-1, 1, 1)
        optimizer.step()
    return best


def _sizes(masks: Tensor) -> Tensor:
    return masks.sum(dim=(1, 2), keepdim=True)


def _shrunk(task: SearchTask, mask: Tensor, row: int, passes: int) -> list[Tensor]:
    """Sufficient masks, the smallest first; the passes are spent here, not when the masks are asked for."""
    size = int(mask.sum())
    if size == mask.numel():
        return []
    fitting = [each for each in FRACTIONS if greedy_passes(size, each) <= passes]
    if not fitting:
        return [mask]
    removal = remove_greedily(
        _margins_of(task.scorer, row), mask, batch_size=task.scorer.batch_size, fraction=fitting[0]
    )
    return [*itertools.islice(removal.trace.subsets(log_odds(task.threshold)), OFFERED), mask]


def _margins_of(scorer: MaskScorer, row: int) -> ScoreMasks:
    return lambda masks: scorer.margins(masks, torch.full((len(masks),), row))
