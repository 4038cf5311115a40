"""The search by forward passes alone, for models without a useful gradient: carve blocks, then trade pixels.

Its maths is in `carving` and `pixel_trades`. Nothing is removed that was not tried, so it works on any function. Its
subsets are larger than those by gradients at the same cost, the more so the larger the canvas.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.account import Account, Spent
from modicum_sis.carving import Carver, State
from modicum_sis.classifier import Canvas
from modicum_sis.desk import propose_each
from modicum_sis.pixel_trades import Trader
from modicum_sis.quantities import whole_number
from modicum_sis.questions import Procedure, Stop
from modicum_sis.search import FIXED_PASSES, VERIFICATIONS, Entrant, Proposal, SearchTask
from modicum_sis.seeding import generator

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

    def _search(self, task: SearchTask, entrant: Entrant) -> Procedure[Proposal]:
        account = Account(max(0, self.passes - entrant.spent - VERIFICATIONS), threshold=task.threshold)
        source = generator(task.seed, entrant.digest, "gradient_free")
        stopped = False
        try:
            state = yield from Carver(account, task.scorer.shape, source).carve(_start(task, entrant))
            yield from Trader(account, task.scorer.shape, source).trade(state)
        except Spent:
            pass
        except Stop:
            stopped = True
        return Proposal(masks=_masks(account, task.scorer.shape), trace=None, stopped=stopped)


def _start(task: SearchTask, entrant: Entrant) -> State:
    """The subset of an earlier run; else the whole image, or the bare fill if the margin is higher on that."""
    if entrant.start is not None:
        return State(entrant.start.flatten().to(task.scorer.device), entrant.start_margin)
    whole = entrant.whole_margin >= entrant.baseline_margin
    mask = torch.full((task.scorer.pixels,), whole, dtype=torch.bool, device=task.scorer.device)
    return State(mask, max(entrant.whole_margin, entrant.baseline_margin))


def _masks(account: Account, shape: tuple[int, int]) -> Iterator[Tensor]:
    """The smallest, and one with margin to spare where that is another."""
    if account.best is not None:
        yield account.best.view(shape)
    if account.safe is not None and account.safe is not account.best:
        yield account.safe.view(shape)
