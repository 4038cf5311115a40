"""The reference that mask_optimization has to beat: this project's first method, with a price on the size.

Each pixel has one real number, binarised at zero with a straight-through estimator. Adam minimises a hinge on the
margin, with a target past the threshold, plus a price per kept pixel for each image. The price rises while the mask is
sufficient and falls while it is not. The smallest sufficient mask is then shrunk by backward selection, exact where
the budget allows. The constants were chosen once on CIFAR-10 ResNet-20.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from modicum_sis import Proposal, SearchTask, log_odds
from modicum_sis.numerics.margins import sufficient
from modicum_sis.scoring.score_requests import GRADIENT_COST, Procedure, ScoreMasks
from modicum_sis.searches.backselect import greedy_passes, removals
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.protocol import FIXED_PASSES, AdmittedImage
from torch import Tensor

from benchmarks.contenders import VERIFICATION

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
    """The search. `passes` as in MaskOptimization."""

    passes: int

    def planned_passes(self, canvas: tuple[int, int, int]) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """For each image, optimise the mask, then shrink it."""
        spendable = self.passes - FIXED_PASSES - VERIFICATION
        steps = max(2, int(ASCENT_SHARE * spendable / GRADIENT_COST))

        def procedure(admitted: AdmittedImage) -> Procedure[Proposal]:  # noqa: ARG001  (all images start alike)
            mask = yield from _ascend(task, steps)
            masks = yield from _shrink(mask, spendable - GRADIENT_COST * steps, task.threshold)
            return Proposal(masks=(each.view(task.scorer.shape) for each in masks), trace=None)

        return propose_each(task, procedure)


def _ascend(task: SearchTask, steps: int) -> Procedure[Tensor]:
    """The smallest sufficient mask seen, (p,), or the whole image if there was none."""
    drawn = torch.rand(task.scorer.shape, generator=torch.Generator().manual_seed(SEED))
    values = (FIRST_SPREAD * drawn).flatten().to(task.scorer.device)
    best = torch.ones_like(values, dtype=torch.bool)
    optimizer = torch.optim.Adam([values], lr=max(RATE, TRAVEL / steps))
    aim = log_odds(task.threshold) + max(1.0, abs(log_odds(task.threshold)))
    price: Tensor | None = None
    for _ in range(steps):
        mask = values > 0
        scores = yield ScoreMasks(mask.unsqueeze(0), with_gradients=True)
        assert scores.gradients is not None
        gradient, margin = scores.gradients[0], scores.margins[0]
        if price is None:
            price = gradient.abs().mean()
        enough = bool(sufficient(margin, task.threshold))
        if enough and mask.sum() < best.sum():
            best = mask
        price = price * PRICE_STEP if enough else price / PRICE_STEP
        values.grad = price - gradient * (float(margin) < aim)
        optimizer.step()
    return best


def _shrink(mask: Tensor, passes: int, threshold: float) -> Procedure[list[Tensor]]:
    """Sufficient masks, the smallest first."""
    size = int(mask.sum())
    if size == mask.numel():
        return []
    fitting = [each for each in FRACTIONS if greedy_passes(size, each) <= passes]
    if not fitting:
        return [mask]
    removal = yield from removals(mask, fraction=fitting[0])
    return [*itertools.islice(removal.trace.subsets(log_odds(threshold)), OFFERED), mask.cpu()]
