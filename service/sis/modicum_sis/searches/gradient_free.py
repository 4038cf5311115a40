"""The search by forward passes alone, for models without a useful gradient: remove blocks, then trade pixels.

The two stages are in `block_removal` and `pixel_trades`. Every removal is tried before it is made, so the search works
on any function. Its subsets are larger than those of gradient searches at the same cost, more so on large canvases.
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
from modicum_sis.searches.gradient_free_stages.block_removal import BlockRemover, ScoredMask
from modicum_sis.searches.gradient_free_stages.pass_budget import BudgetExhausted, PassBudget
from modicum_sis.searches.gradient_free_stages.pixel_trades import Trader
from modicum_sis.searches.protocol import FIXED_PASSES, VERIFICATIONS, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import whole_number

FEWEST_PASSES = FIXED_PASSES + VERIFICATIONS + 1


@dataclass(frozen=True, slots=True)
class GradientFree:
    """Finds small subsets of any classifier. `MaskOptimization` runs it if a module has no gradient.

    Args:
        passes: the forward passes that one image may cost, including the whole image, the bare fill and verification.
    """

    passes: int = 600

    def __post_init__(self) -> None:
        object.__setattr__(self, "passes", whole_number("passes", self.passes, least=FEWEST_PASSES))

    def planned_passes(self, canvas: Canvas) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Search many images side by side, each with its own budget."""
        return propose_each(task, functools.partial(self._search, task))

    def _search(self, task: SearchTask, admitted: AdmittedImage) -> Procedure[Proposal]:
        budget = PassBudget(max(0, self.passes - admitted.spent - VERIFICATIONS), threshold=task.threshold)
        source = generator(task.seed, admitted.digest, "gradient_free")
        stopped = False
        try:
            kept = yield from BlockRemover(budget, task.scorer.shape, source).remove_blocks(_start(task, admitted))
            yield from Trader(budget, task.scorer.shape, source).trade(kept)
        except BudgetExhausted:
            pass
        except Stop:
            stopped = True
        narrowing = budget.met.narrowing(task.scorer.shape)
        return Proposal(_masks(budget, task.scorer.shape), trace=None, stopped=stopped, narrowing=narrowing)


def _start(task: SearchTask, admitted: AdmittedImage) -> ScoredMask:
    """The subset of an earlier run, or else the whole image, or the bare fill if that has the higher margin."""
    if admitted.start is not None:
        return ScoredMask(admitted.start.flatten().to(task.scorer.device), admitted.start_margin)
    whole = admitted.whole_margin >= admitted.baseline_margin
    mask = torch.full((task.scorer.pixels,), whole, dtype=torch.bool, device=task.scorer.device)
    return ScoredMask(mask, max(admitted.whole_margin, admitted.baseline_margin))


def _masks(budget: PassBudget, shape: tuple[int, int]) -> Iterator[Tensor]:
    """The smallest mask, and the smallest safe one if it is another."""
    if budget.best is not None:
        yield budget.best.view(shape)
    if budget.safe is not None and budget.safe is not budget.best:
        yield budget.safe.view(shape)
