"""The first stage of the search without gradients: remove blocks and groups of pixels, one forward pass each.

Each attempt removes either a block or a group, and is kept if the rest stays sufficient. A block lies at a random
place: of a few places, the one whose pixels should cost least on average, by `loss_estimates`. A group is the kept
pixels that should cost least, wherever they lie. Both grow after a success and shrink after a failure, so that about
half of the attempts succeed on any canvas: large blocks at first, single pixels at the end. If the whole image is not
sufficient, as for another class, blocks are removed and put back as long as the margin rises, until a mask is
sufficient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.numerics.seeding import draw_index
from modicum_sis.scoring.score_requests import Procedure
from modicum_sis.searches.gradient_free_stages.loss_estimates import LossEstimates
from modicum_sis.searches.gradient_free_stages.pass_budget import PassBudget

LARGEST_SIDE = 0.5
"""Side of the first block, as a share of the longer side of the canvas. No later block is larger."""
LEAST_SIDE = 0.6
"""In pixels. Below one, so that single pixels are tried a few times before the side grows to two again."""
BLOCK_GROWTH, BLOCK_DECAY = 1.15, 0.9
"""Factors on the side of a block after a success and after a failure."""
PLACES = 8
"""Places that are drawn for a block."""
FIRST_SHARE, LARGEST_SHARE, LEAST_SHARE = 0.1, 0.5, 0.002
"""Share of the kept pixels that a group has: at first, at most and at least."""
GROUP_GROWTH, GROUP_DECAY = 1.3, 0.7
"""Factors on that share after a success and after a failure."""
FIRST_GAIN, GAIN_STEP = 0.05, 0.2
"""Of groups and of blocks, the mean share of the kept pixels that an attempt removed: at first, and the weight of the
latest attempt."""
LEAST_TRIED = 0.1
"""Least share of the attempts with groups, and with blocks."""
MOST_FAILURES = 15
END_SHARE_WITH_SINGLE_PIXELS = 0.35
"""After more than `MOST_FAILURES` failures in a row with single pixels, block removal ends if trying every kept pixel
once costs at most this share of the passes left."""
END_SHARE_WITH_BLOCKS, END_SIZE = 0.1, 50
"""Before that it ends at this share, and with no more than this number of kept pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredMask:
    """A mask (p,) and its margin."""

    mask: Tensor
    margin: float

    @property
    def size(self) -> int:
        """The number of kept pixels."""
        return int(self.mask.sum())


class AdaptedSize:
    """A size that grows after a success and shrinks after a failure, between two ends."""

    def __init__(self, first: float, *, least: float, most: float, growth: float, decay: float) -> None:
        self.value, self._least, self._most = first, least, most
        self._growth, self._decay = growth, decay

    def adapt(self, *, success: bool) -> None:
        """Grow or shrink."""
        self.value = min(self._most, max(self._least, self.value * (self._growth if success else self._decay)))


class BlockRemover:
    """Removes blocks and groups of pixels from the masks of one image.

    Args:
        budget: counts the passes.
        shape: height and width of the canvas.
        generator: the source of random numbers.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], generator: torch.Generator) -> None:
        self._budget, self._shape, self._generator = budget, shape, generator
        side = LARGEST_SIDE * max(shape)
        self._side = AdaptedSize(side, least=LEAST_SIDE, most=side, growth=BLOCK_GROWTH, decay=BLOCK_DECAY)
        self._share = AdaptedSize(
            FIRST_SHARE, least=LEAST_SHARE, most=LARGEST_SHARE, growth=GROUP_GROWTH, decay=GROUP_DECAY
        )
        self._estimates = LossEstimates(shape[0] * shape[1])
        self._gains = {False: FIRST_GAIN, True: FIRST_GAIN}
        self._failures = 0

    def remove_blocks(self, kept: ScoredMask) -> Procedure[ScoredMask]:
        """Remove blocks and groups until every single pixel can be tried.

        Raises:
            BudgetExhausted: there were not enough passes for that.
        """
        while not self._is_done(kept):
            sufficient = self._budget.suffices(kept.margin)
            kept = yield from (self._remove(kept) if sufficient else self._climb(kept))
        return kept

    def _is_done(self, kept: ScoredMask) -> bool:
        single = self._side.value < 1.5 and self._failures > MOST_FAILURES  # noqa: PLR2004  (it rounds to one pixel)
        passes = self._budget.passes
        most = END_SHARE_WITH_SINGLE_PIXELS * passes if single else min(END_SIZE, END_SHARE_WITH_BLOCKS * passes)
        return self._budget.suffices(kept.margin) and kept.size <= most

    def _remove(self, kept: ScoredMask) -> Procedure[ScoredMask]:
        """Remove a group or a block, if the rest stays sufficient."""
        in_group = self._estimates.can_order(kept.mask) and self._draws_group()
        mask = self._without_group(kept.mask) if in_group else self._without_block(kept.mask)
        margin = yield from self._budget.margin_of(mask)
        removed = kept.mask & ~mask
        self._estimates.learn(removed, kept.margin - margin)
        success = self._budget.suffices(margin)
        gain = int(removed.sum()) / kept.size if success else 0.0
        self._gains[in_group] += GAIN_STEP * (gain - self._gains[in_group])
        self._adapt(self._share if in_group else self._side, success=success)
        return ScoredMask(mask, margin) if success else kept

    def _climb(self, kept: ScoredMask) -> Procedure[ScoredMask]:
        """Remove a block or put one back, if the margin rises."""
        mask = self._changed(kept.mask, put_back=self._puts_back(kept.mask))
        margin = yield from self._budget.margin_of(mask)
        success = margin > kept.margin
        self._adapt(self._side, success=success)
        return ScoredMask(mask, margin) if success else kept

    def _adapt(self, size: AdaptedSize, *, success: bool) -> None:
        self._failures = 0 if success else self._failures + 1
        size.adapt(success=success)

    def _draws_group(self) -> bool:
        """Groups and blocks are tried as often as they gain, and neither is given up."""
        share = self._gains[True] / (self._gains[True] + self._gains[False])
        return float(torch.rand((), generator=self._generator)) < min(1 - LEAST_TRIED, max(LEAST_TRIED, share))

    def _puts_back(self, mask: Tensor) -> bool:
        if bool(mask.all()):
            return False
        return not bool(mask.any()) or self._draw(2) == 1

    def _without_group(self, mask: Tensor) -> Tensor:
        """The mask without the share of its pixels that is expected to cost least."""
        count = max(1, round(self._share.value * int(mask.sum())))
        cheapest = self._estimates.cheapest(mask, count, self._generator)
        return mask.index_fill(0, cheapest.to(mask.device), value=False)

    def _without_block(self, mask: Tensor) -> Tensor:
        """The mask without the block, of a few random ones, whose pixels are expected to cost least on average."""
        drawn = [self._changed(mask, put_back=False) for _ in range(PLACES)]
        return min(drawn, key=lambda one: self._estimates.mean_of(mask & ~one))

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
        side = min(length, max(1, round(self._side.value)))
        start = max(0, min(length - side, at - self._draw(side)))
        return slice(start, start + side)

    def _draw(self, count: int) -> int:
        return draw_index(count, self._generator)
