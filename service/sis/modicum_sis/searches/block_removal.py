"""The first stage of the search without gradients: cut blocks of pixels away, one forward pass a try.

A block, of a random place, is cut where the rest stays sufficient. Blocks grow after a cut and shrink after a try in
vain, so that a little less than every second try succeeds, whatever the canvas: coarse at first, single pixels at last.
Where the whole image is not sufficient, as for another class, blocks are cut and put back as the margin rises, until a
mask is sufficient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.numerics.seeding import draw_index
from modicum_sis.scoring.score_requests import Procedure
from modicum_sis.searches.pass_budget import PassBudget

FIRST_SIDE = 0.5
"""Side of the first block, as a share of the canvas' longer side; no later one is larger."""
GROWTH, DECAY = 1.15, 0.9
"""Factors on the side after a block was cut, and after a try in vain."""
LEAST_SIDE = 0.6
"""Below one, so that single pixels are tried a few times before the side has grown to two again."""
AFFORDABLE = 0.15
"""Carving ends when trying every kept pixel once would cost less than this share of the passes left, ..."""
CHEAP = 0.03
"""... at this share at the latest, and earlier only after ..."""
TRIES_IN_VAIN = 15
"""... so many single pixels in a row were needed."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredMask:
    """A mask (p,) and its margin."""

    mask: Tensor
    margin: float

    @property
    def size(self) -> int:
        """Pixels kept."""
        return int(self.mask.sum())


class BlockRemover:
    """Cuts blocks out of the masks of one image.

    Args:
        source: where blocks are drawn from.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], source: torch.Generator) -> None:
        self._budget, self._shape, self._source = budget, shape, source
        self._side, self._vain = FIRST_SIDE * max(shape), 0

    def remove_blocks(self, state: ScoredMask) -> Procedure[ScoredMask]:
        """Cut until single pixels are affordable.

        Raises:
            BudgetExhausted: the passes were not enough for that.
        """
        while not self._is_done(state):
            found = self._budget.suffices(state.margin)
            mask = self._changed(state.mask, put_back=not found and self._puts_back(state.mask))
            margin = yield from self._budget.margin_of(mask)
            better = self._budget.suffices(margin) if found else margin > state.margin
            if better:
                state = ScoredMask(mask, margin)
            self._adapt(better=better)
        return state

    def _is_done(self, state: ScoredMask) -> bool:
        single = self._side < 1.5 and self._vain > TRIES_IN_VAIN  # noqa: PLR2004  (it rounds to one pixel)
        share = AFFORDABLE if single else CHEAP
        return self._budget.suffices(state.margin) and state.size <= share * self._budget.passes

    def _adapt(self, *, better: bool) -> None:
        self._vain = 0 if better else self._vain + 1
        side = self._side * (GROWTH if better else DECAY)
        self._side = min(FIRST_SIDE * max(self._shape), max(LEAST_SIDE, side))

    def _puts_back(self, mask: Tensor) -> bool:
        if bool(mask.all()):
            return False
        return not bool(mask.any()) or self._draw(2) == 1

    def _changed(self, mask: Tensor, *, put_back: bool) -> Tensor:
        """The mask without a block around a random kept pixel, or with one around a pixel that is not kept."""
        pixels = torch.nonzero(mask != put_back).flatten()
        centre = int(pixels[self._draw(len(pixels))])
        changed = mask.view(self._shape).clone()
        rows, columns = (
            self._span(at, length) for at, length in zip(divmod(centre, self._shape[1]), self._shape, strict=True)
        )
        changed[rows, columns] = put_back
        return changed.flatten()

    def _span(self, at: int, length: int) -> slice:
        """A block's extent along one side of the canvas, within it and over the place `at`."""
        side = min(length, max(1, round(self._side)))
        start = max(0, min(length - side, at - self._draw(side)))
        return slice(start, start + side)

    def _draw(self, count: int) -> int:
        return draw_index(count, self._source)
