"""The search of the control `fill_robust`: every step has a new donor as its fill.

See docs/method.md, "What a small subset does not prove". Every pixel has one real number, its value, as in
`ascent`. The mask is the pixels with the largest values. Each step puts the next donor where the mask is False, and
adds the gradient of the margin to the values, at a falling rate. Then it moves the size: down a little if the mask was
sufficient with this donor, up nine times as far if not, but never to nearly all pixels.

One donor proves nothing, so no mask of the ascent is kept; its result is a ranking of the pixels. Along that ranking
the smallest size is searched that suffices with nearly all searching donors. Images ascend side by side in the rows of
a scorer, all at the same step, each with its own passes. The search never sees a verifying donor, and reports nothing
itself.
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

ASCENT_SHARE = 2 / 3
"""Share of the passes for the ascent, after those of one verification are reserved."""
LEAST_STEPS = 2
VERIFICATIONS = 2
"""The passes of this many verifications are reserved."""
FIRST_SIZE, LARGEST_SIZE = 0.5, 0.75
"""Shares of the pixels in the first mask after the whole image, and in the largest mask of the ascent. Nearly whole
images are a trap: nearly all of them suffice, so their gradients rank only the missing pixels."""
SHRINK, GROWTH = 0.03, 0.27
"""Changes of the logarithm of the size, at the full rate, after a sufficient and an insufficient step. The size is
stable where nine in ten donors suffice, as verification requires."""
LOWEST_RATE, LOWEST_SIZE_RATE = 0.05, 0.1
"""The rates of the values and of the sizes fall linearly to these shares of their first values."""
SEARCHING_SHARE = 0.95
"""Share of the searching donors with which a size must suffice. It is above the nine in ten of verification, because
the mask was fitted to these donors."""
SMALLER, LARGER = 0.5, 1.5
"""Factors to the next size while only one end of the interval is known."""
CLOSE_ENOUGH = 1.1
"""The search for the size ends when the two ends differ by less than this factor."""
TINY = 1e-30


@dataclass(slots=True, eq=False)
class SearchState:
    """The state of one image in work.

    Attributes:
        row: its row in the scorer.
        threshold: the confidence to keep.
        donors: indices of the searching donors, in the order in which they serve.
        whole_suffices: whether the whole image is sufficient for the target class.
        reserved: the passes reserved for verification.
        passes: the pass-equivalents that are left.
        log_size: the logarithm of the next size in the ascent.
        low: the largest size known not to suffice with the searching donors.
        high: the smallest size known to suffice with them; None if there is none yet.
    """

    row: int
    threshold: float
    donors: tuple[int, ...]
    whole_suffices: bool
    reserved: int
    passes: int
    log_size: float = 0.0
    low: int = 0
    high: int | None = None

    def donor_at(self, step: int) -> int:
        """The donor of a step: each in turn."""
        return self.donors[step % len(self.donors)]

    @property
    def allowed_failures(self) -> int:
        """The number of searching donors with which a size may fail and still count as sufficient."""
        return len(self.donors) - math.ceil(SEARCHING_SHARE * len(self.donors))

    def can_test(self) -> bool:
        """Whether the passes are enough for one more size and the verifications after it."""
        return self.passes >= self.reserved + len(self.donors)


def steps_of(passes: int) -> int:
    """The steps of an ascent within a budget. They are the same for all images, which stay side by side."""
    return max(0, int(ASCENT_SHARE * (passes - MOST_VERIFYING) / GRADIENT_COST))


def can_find(passes: int, *, verifying: int, searching: int) -> bool:
    """Whether a budget lasts for an ascent, one test of a size with the searching donors, and two verifications.

    With less, no size is ever tested, and the search finds nothing on any image.
    """
    steps = steps_of(passes)
    return steps >= LEAST_STEPS and passes - GRADIENT_COST * steps >= VERIFICATIONS * verifying + searching


class RobustSearch:
    """Searches the images in the rows of a scorer, each with all of its searching donors.

    Args:
        scorer: holds the images. Their fills are changed here.
        donors: (n, C, H, W), the pool.
        states: one for each image. Their passes are updated.
        steps: the number of steps of the ascent.
    """

    def __init__(self, scorer: MaskScorer, donors: Tensor, states: Sequence[SearchState], *, steps: int) -> None:
        self._scorer, self._donors, self._states, self._steps = scorer, donors, states, steps
        self._pixel_values = torch.zeros((scorer.rows, scorer.pixels), device=scorer.device)

    def ascend(self) -> bool:
        """Run the ascent to its end. False if it was stopped, or if there are too few passes for an ascent."""
        if self._steps < LEAST_STEPS:
            return False
        for one in self._states:
            one.log_size = math.log(max(1.0, FIRST_SIZE * self._scorer.pixels))
        for step in range(self._steps):
            if self._scorer.meter.poll_stop():
                return False
            self._step(step)
        return True

    def find_smallest_size(self) -> bool:
        """Search by bisection for the smallest size that suffices with the searching donors. False if stopped."""
        sizes = {one.row: self._clamped(math.exp(one.log_size)) for one in self._states}
        while sizes:
            trying = [one for one in self._states if one.row in sizes and one.can_test()]
            if self._scorer.meter.poll_stop():
                return False
            held = self._hold(trying, [sizes[one.row] for one in trying])
            sizes = {one.row: size for one in trying if (size := self._next_size(one, sizes[one.row], held[one.row]))}
        return True

    def mask(self, one: SearchState, size: int) -> Tensor:
        """The mask (H, W) of the pixels with the largest values, after the ascent."""
        return choose_largest(self._pixel_values[one.row : one.row + 1], [size])[0].view(self._scorer.shape)

    def _step(self, step: int) -> None:
        """One donor, one gradient, and one change of values and sizes, for all images."""
        rows = [one.row for one in self._states]
        masks = self._masks(rows, [self._clamped(math.exp(one.log_size)) for one in self._states])
        if not step:
            masks = torch.ones_like(masks)  # start with the whole image: no values are known yet
        for one in self._states:
            self._scorer.refill(one.row, self._donors[one.donor_at(step)])
        margins, gradients = self._scorer.margins_and_gradients(masks.view(-1, *self._scorer.shape), torch.tensor(rows))
        rate = 1 - step / self._steps
        self._move_pixel_values(rows, gradients.flatten(1).to(self._pixel_values.dtype), max(rate, LOWEST_RATE))
        for one, margin in zip(self._states, margins.double().cpu(), strict=True):
            one.passes -= GRADIENT_COST
            if step:
                move = -SHRINK if bool(sufficient(margin, one.threshold)) else GROWTH
                largest = math.log(LARGEST_SIZE * self._scorer.pixels)
                one.log_size = min(largest, one.log_size + move * max(rate, LOWEST_SIZE_RATE))

    def _move_pixel_values(self, rows: list[int], gradients: Tensor, rate: float) -> None:
        push = gradients / gradients.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
        # separate product and sum: fused ones round differently at the end of a row's vector registers
        step = push * rate
        self._pixel_values[self._at(rows)] += step

    def _hold(self, trying: Sequence[SearchState], sizes: Sequence[int]) -> dict[int, bool]:
        """For each row, whether the mask of a size suffices with nearly all searching donors. Failures end early."""
        rows = [one.row for one in trying]
        masks = dict(zip(rows, self._masks(rows, sizes), strict=True)) if rows else {}
        failures = dict.fromkeys(rows, 0)
        for turn in range(max((len(one.donors) for one in trying), default=0)):
            still = [one for one in trying if failures[one.row] <= one.allowed_failures and turn < len(one.donors)]
            if not still:
                break
            for one in still:
                self._scorer.refill(one.row, self._donors[one.donors[turn]])
            batch = torch.stack([masks[one.row] for one in still]).view(-1, *self._scorer.shape)
            margins = self._scorer.margins(batch, torch.tensor([one.row for one in still])).double().cpu()
            for one, margin in zip(still, margins, strict=True):
                one.passes -= 1
                failures[one.row] += not bool(sufficient(margin, one.threshold))
        return {one.row: failures[one.row] <= one.allowed_failures for one in trying}

    def _next_size(self, one: SearchState, size: int, held: bool) -> int:  # noqa: FBT001  (an observation, not a switch)
        """Record whether a size sufficed, and return the next size to try; 0 if there is none."""
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
        """The size, limited to at least one pixel and less than all."""
        return max(1, min(self._scorer.pixels - 1, round(size)))

    def _masks(self, rows: list[int], sizes: Sequence[int]) -> Tensor:
        return choose_largest(self._pixel_values[self._at(rows)], sizes)

    def _at(self, rows: list[int]) -> Tensor:
        return torch.tensor(rows, device=self._pixel_values.device)
