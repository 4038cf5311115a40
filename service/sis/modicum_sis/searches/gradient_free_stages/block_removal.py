"""The first stage of the search without gradients: remove blocks of pixels, one forward pass for each attempt.

A block at a random place is removed if the rest stays sufficient. Blocks grow after a success and shrink after a
failure, so that a little less than half of the attempts succeed on any canvas: large blocks at first, single pixels at
the end. If the whole image is not sufficient, as for another class, blocks are removed and put back as long as the
margin rises, until a mask is sufficient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.numerics.seeding import draw_index
from modicum_sis.scoring.score_requests import Procedure
from modicum_sis.searches.gradient_free_stages.pass_budget import PassBudget

FIRST_SIDE = 0.5
"""Side of the first block, as a share of the longer side of the canvas. No later block is larger."""
GROWTH, DECAY = 1.15, 0.9
"""Factors on the side after a success and after a failure."""
LEAST_SIDE = 0.6
"""Below one, so that single pixels are tried a few times before the side grows to two again."""
MOST_FAILURES = 15
END_SHARE_WITH_SINGLE_PIXELS = 0.15
"""After more than `MOST_FAILURES` failures in a row with single pixels, block removal ends if trying every kept pixel
once costs at most this share of the passes left."""
END_SHARE_WITH_BLOCKS = 0.03
"""Before that it ends at this share."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredMask:
    """A mask (p,) and its margin."""

    mask: Tensor
    margin: float

    @property
    def size(self) -> int:
        """The number of kept pixels."""
        return int(self.mask.sum())


class BlockRemover:
    """Removes blocks from the masks of one image.

    Args:
        budget: counts the passes.
        shape: height and width of the canvas.
        generator: the source of random numbers.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], generator: torch.Generator) -> None:
        self._budget, self._shape, self._generator = budget, shape, generator
        self._side, self._failures = FIRST_SIDE * max(shape), 0

    def remove_blocks(self, kept: ScoredMask) -> Procedure[ScoredMask]:
        """Remove blocks until every single pixel can be tried.

        Raises:
            BudgetExhausted: there were not enough passes for that.
        """
        while not self._is_done(kept):
            found = self._budget.suffices(kept.margin)
            mask = self._changed(kept.mask, put_back=not found and self._puts_back(kept.mask))
            margin = yield from self._budget.margin_of(mask)
            better = self._budget.suffices(margin) if found else margin > kept.margin
            if better:
                kept = ScoredMask(mask, margin)
            self._adapt(better=better)
        return kept

    def _is_done(self, kept: ScoredMask) -> bool:
        single = self._side < 1.5 and self._failures > MOST_FAILURES  # noqa: PLR2004  (it rounds to one pixel)
        share = END_SHARE_WITH_SINGLE_PIXELS if single else END_SHARE_WITH_BLOCKS
        return self._budget.suffices(kept.margin) and kept.size <= share * self._budget.passes

    def _adapt(self, *, better: bool) -> None:
        self._failures = 0 if better else self._failures + 1
        side = self._side * (GROWTH if better else DECAY)
        self._side = min(FIRST_SIDE * max(self._shape), max(LEAST_SIDE, side))

    def _puts_back(self, mask: Tensor) -> bool:
        if bool(mask.all()):
            return False
        return not bool(mask.any()) or self._draw(2) == 1

    def _changed(self, mask: Tensor, *, put_back: bool) -> Tensor:
        """The mask without a block around a random kept pixel, or with a block around a pixel that is not kept."""
        pixels = torch.nonzero(mask != put_back).flatten()
        centre = int(pixels[self._draw(len(pixels))])
        changed = mask.view(self._shape).clone()
        rows, columns = (
            self._span(at, length) for at, length in zip(divmod(centre, self._shape[1]), self._shape, strict=True)
        )
        changed[rows, columns] = put_back
        return changed.flatten()

    def _span(self, at: int, length: int) -> slice:
        """The extent of a block along one side of the canvas: it includes `at` and stays within the canvas."""
        side = min(length, max(1, round(self._side)))
        start = max(0, min(length - side, at - self._draw(side)))
        return slice(start, start + side)

    def _draw(self, count: int) -> int:
        return draw_index(count, self._generator)
