"""The search by forward passes alone, for models without a useful gradient: carve blocks, then trade pixels.

Its maths is in `carving` and `pixel_trades`. Nothing is removed that was not tried, so it works on any function. Its
subsets are larger than those by gradients at the same cost, the more so the larger the canvas.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.model.classifier import Canvas
from modicum_sis.numerics.seeding import generator
from modicum_sis.scoring.score_requests import Procedure, Stop
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.block_removal import BlockRemover, ScoredMask
from modicum_sis.searches.pass_budget import BudgetExhausted, PassBudget
from modicum_sis.searches.pixel_trades import Trader
from modicum_sis.searches.protocol import FIXED_PASSES, VERIFICATIONS, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import whole_number

FEWEST_PASSES = FIXED_PASSES + VERIFICATIONS + 1


@dataclass(frozen=True, slots=True)
class GradientFree:
    """Finds small subsets of any classifier; `MaskOptimization` turns to it where a module has no gradient.

    Args:
        passes: forward passes an image may cost, the whole image, the bare fill and verification in.
    """

    passes: int = 600

    def __post_init__(self) -> None:
        object.__setattr__(self, "passes", whole_number("passes", self.passes, least=FEWEST_PASSES))

    def planned_passes(self, canvas: Canvas) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Images side by side, each on its own passes."""
        return propose_each(task, functools.partial(self._search, task))

    def _search(self, task: SearchTask, admitted: AdmittedImage) -> Procedure[Proposal]:
        budget = PassBudget(max(0, self.passes - admitted.spent - VERIFICATIONS), threshold=task.threshold)
        source = generator(task.seed, admitted.digest, "gradient_free")
        stopped = False
        try:
            state = yield from BlockRemover(budget, task.scorer.shape, source).remove_blocks(_start(task, admitted))
            yield from Trader(budget, task.scorer.shape, source).trade(state)
        except BudgetExhausted:
            pass
        except Stop:
            stopped = True
        return Proposal(masks=_masks(budget, task.scorer.shape), trace=None, stopped=stopped)


def _start(task: SearchTask, admitted: AdmittedImage) -> ScoredMask:
    """The subset of an earlier run; else the whole image, or the bare fill if the margin is higher on that."""
    if admitted.start is not None:
        return ScoredMask(admitted.start.flatten().to(task.scorer.device), admitted.start_margin)
    whole = admitted.whole_margin >= admitted.baseline_margin
    mask = torch.full((task.scorer.pixels,), whole, dtype=torch.bool, device=task.scorer.device)
    return ScoredMask(mask, max(admitted.whole_margin, admitted.baseline_margin))


def _masks(budget: PassBudget, shape: tuple[int, int]) -> Iterator[Tensor]:
    """The smallest, and one with margin to spare where that is another."""
    if budget.best is not None:
        yield budget.best.view(shape)
    if budget.safe is not None and budget.safe is not budget.best:
        yield budget.safe.view(shape)
