"""The search under changing fills: a new donor at every step. METHOD section 3, `fill_robust`.

Every pixel has one real number, its score, as in `ascent`; the mask is the best-scored pixels. Each step puts the next
donor where the mask is False, adds the gradient of the margin to the scores, at a falling rate, and moves the size:
down a little where this donor left the mask sufficient, up nine times as far where it did not, but never to nearly all
pixels. One donor proves nothing, so no mask of the climb is kept; what it leaves is a ranking. Along that the smallest
size is sought that suffices with nearly all of the searching donors. Images climb side by side, in the rows of a
scorer, all at the same step; each has its own account of passes. Must not see a verifying donor, and must not decide
what is reported.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.controls.donor_split import MOST_VERIFYING
from modicum_sis.numerics.margins import sufficient
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.scoring.score_requests import GRADIENT_COST

CLIMBING_SHARE = 2 / 3
"""Share of the passes that goes into the climb, once those of one verification are kept back."""
LEAST_STEPS = 2
FIRST_SIZE, LARGEST_SIZE = 0.5, 0.75
"""Shares of the pixels: in the first mask after the whole image, and in a mask of the climb at the most. Nearly whole
images are a trap: nearly all of them suffice, so that their gradients rank what is missing and nothing else."""
SHRINK, GROWTH = 0.03, 0.27
"""What the logarithm of the size moves by, at the full rate, after a sufficient and an insufficient step: it rests
where nine in ten donors suffice, as verification asks."""
LOWEST_RATE, LOWEST_SIZE_RATE = 0.05, 0.1
"""The rates of scores and of sizes fall linearly to these shares of their start."""
SEARCHING_SHARE = 0.95
"""Share of the searching donors with which a size has to suffice: above the nine in ten of verification, for the mask
was fitted to these donors and not to those."""
SMALLER, LARGER = 0.5, 1.5
"""Factors to the next size while there is an end on one side only."""
CLOSE_ENOUGH = 1.1
"""Sizes nearer to each other than this factor are not told apart."""
TINY = 1e-30


@dataclass(slots=True, eq=False)
class Sought:
    """One image in work.

    Attributes:
        row: of the scorer.
        threshold: the confidence to keep.
        donors: places of the searching donors, in the order in which they serve.
        whole_suffices: whether the whole image is sufficient for the class that is argued for.
        kept_back: passes that the verifications need which are kept back for them.
        passes: pass-equivalents that are left to spend.
        log_size: logarithm of the climb's next size.
        low, high: the largest size known not to suffice with the searching donors, and the smallest known to; of
            `high` None while there is none.
    """

    row: int
    threshold: float
    donors: tuple[int, ...]
    whole_suffices: bool
    kept_back: int
    passes: int
    log_size: float = 0.0
    low: int = 0
    high: int | None = None

    def donor_at(self, step: int) -> int:
        """The donor of a step: each in turn."""
        return self.donors[step % len(self.donors)]

    @property
    def allowed_failures(self) -> int:
        """With so many searching donors a size may fail and still count as sufficient."""
        return len(self.donors) - math.ceil(SEARCHING_SHARE * len(self.donors))

    def can_test(self) -> bool:
        """Whether the passes last for one more size, and the verifications after it."""
        return self.passes >= self.kept_back + len(self.donors)


def steps_of(passes: int) -> int:
    """Steps of a climb within a budget; the same for all images, so that they stay side by side."""
    return max(0, int(CLIMBING_SHARE * (passes - MOST_VERIFYING) / GRADIENT_COST))


class RobustSearch:
    """Searches the images in the rows of a scorer, each under all of its searching donors.

    Args:
        scorer: holds the images; their fills are changed here.
        donors: (n, C, H, W), the pool.
        sought: the images; their accounts are kept up to date.
        steps: of the climb.
    """

    def __init__(self, scorer: MaskScorer, donors: Tensor, sought: Sequence[Sought], *, steps: int) -> None:
        self._scorer, self._donors, self._sought, self._steps = scorer, donors, sought, steps
        self._scores = torch.zeros((scorer.rows, scorer.pixels), device=scorer.device)

    def climb(self) -> bool:
        """Climb to the end; False when stopped, or where the passes are too few for a climb."""
        if self._steps < LEAST_STEPS:
            return False
        for one in self._sought:
            one.log_size = math.log(max(1.0, FIRST_SIZE * self._scorer.pixels))
        for step in range(self._steps):
            if self._scorer.meter.stopped():
                return False
            self._step(step)
        return True

    def resize(self) -> bool:
        """Halve in on the smallest size that suffices with the searching donors; False when stopped."""
        sizes = {one.row: self._clamped(math.exp(one.log_size)) for one in self._sought}
        while sizes:
            trying = [one for one in self._sought if one.row in sizes and one.can_test()]
            if self._scorer.meter.stopped():
                return False
            held = self._hold(trying, [sizes[one.row] for one in trying])
            sizes = {one.row: size for one in trying if (size := self._next_size(one, sizes[one.row], held[one.row]))}
        return True

    def mask(self, one: Sought, size: int) -> Tensor:
        """The best-scored pixels (H, W) of an image, after the climb."""
        return choose_largest(self._scores[one.row : one.row + 1], [size])[0].view(self._scorer.shape)

    def _step(self, step: int) -> None:
        """One donor, one gradient, one move of scores and sizes, for all images."""
        rows = [one.row for one in self._sought]
        masks = self._masks(rows, [self._clamped(math.exp(one.log_size)) for one in self._sought])
        if not step:
            masks = torch.ones_like(masks)  # the whole image first: nothing is known yet
        for one in self._sought:
            self._scorer.refill(one.row, self._donors[one.donor_at(step)])
        scored, by_mask = self._scorer.margins_and_gradients(masks.view(-1, *self._scorer.shape), torch.tensor(rows))
        rate = 1 - step / self._steps
        self._move_scores(rows, by_mask.flatten(1).to(self._scores.dtype), max(rate, LOWEST_RATE))
        for one, margin in zip(self._sought, scored.double().cpu(), strict=True):
            one.passes -= GRADIENT_COST
            if step:
                move = -SHRINK if bool(sufficient(margin, one.threshold)) else GROWTH
                largest = math.log(LARGEST_SIZE * self._scorer.pixels)
                one.log_size = min(largest, one.log_size + move * max(rate, LOWEST_SIZE_RATE))

    def _move_scores(self, rows: list[int], gradients: Tensor, rate: float) -> None:
        push = gradients / gradients.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
        # product and sum one by one: fused ones round differently at the end of a row's vector registers
        step = push * rate
        self._scores[self._at(rows)] += step

    def _hold(self, trying: Sequence[Sought], sizes: Sequence[int]) -> dict[int, bool]:
        """By row, whether the mask of a size suffices with nearly all searching donors; given up when it cannot."""
        rows = [one.row for one in trying]
        masks = dict(zip(rows, self._masks(rows, sizes), strict=True)) if rows else {}
        failures = dict.fromkeys(rows, 0)
        for turn in range(max((len(one.donors) for one in trying), default=0)):
            still = [one for one in trying if failures[one.row] <= one.allowed_failures and turn < len(one.donors)]
            if not still:
                break
            for one in still:
                self._scorer.refill(one.row, self._donors[one.donors[turn]])
            asked = torch.stack([masks[one.row] for one in still]).view(-1, *self._scorer.shape)
            margins = self._scorer.margins(asked, torch.tensor([one.row for one in still])).double().cpu()
            for one, margin in zip(still, margins, strict=True):
                one.passes -= 1
                failures[one.row] += not bool(sufficient(margin, one.threshold))
        return {one.row: failures[one.row] <= one.allowed_failures for one in trying}

    def _next_size(self, one: Sought, size: int, held: bool) -> int:  # noqa: FBT001  (what was seen, no switch)
        """Take note of what a size did, and return the next to try; 0 when there is none."""
        if held:
            one.high = size
        else:
            one.low = size
        if one.high is None:
            larger = min(self._scorer.pixels - one.whole_suffices, math.ceil(LARGER * size))
            return larger if larger > size else 0
        between = math.sqrt(one.low * one.high) if one.low else SMALLER * one.high
        if not one.low < round(between) < one.high or (one.low and one.high <= CLOSE_ENOUGH * one.low):
            return 0
        return round(between)

    def _clamped(self, size: float) -> int:
        """A size of at least one pixel and less than all."""
        return max(1, min(self._scorer.pixels - 1, round(size)))

    def _masks(self, rows: list[int], sizes: Sequence[int]) -> Tensor:
        return choose_largest(self._scores[self._at(rows)], sizes)

    def _at(self, rows: list[int]) -> Tensor:
        return torch.tensor(rows, device=self._scores.device)
