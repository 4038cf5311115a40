"""The first stage of mask optimisation: climb the margin over masks of a given size, and move the size.

Every pixel has one real number, its score. The mask is the `size` best-scored pixels; the gradient of the margin at
that true binary mask (a straight-through estimator) is added to the scores, with momentum and a falling rate. The size
falls while the mask is sufficient and rises while it is not, by ever smaller steps. Only the ranking of scores matters,
so neither the rate's unit nor the model's scale does. All images of a chunk climb in step, each on its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.margins import sufficient
from modicum_sis.ranking import choose_largest
from modicum_sis.scoring import MaskScorer

FIRST_SIZE = 0.1
"""Share of the pixels in the first mask."""
GROWTH_TO_WHOLE = 1.5
"""Factor on the size at every step until a mask was sufficient, where the whole image is: a larger mask will do."""
GROWTH_APART, LARGEST_APART = 1.1, 0.3
"""The same where the whole image is not, as for another class, and the share of the pixels at which growth ends: more
pixels bring the predicted class back, and what is sought lies among the smaller masks."""
LARGEST_SHRINK, LARGEST_GROWTH = 0.3, 0.2
"""Relative change of the size after a sufficient and after an insufficient mask, at the first step."""
LARGEST_DETOUR = 1.5
"""The size never exceeds the best one by more than this factor."""
MOMENTUM = 0.5
LOWEST_RATE = 0.05
"""The rates of score and size fall to this share of their start, the one linearly, the other as the root."""
TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """The smallest sufficient mask of each image.

    Attributes:
        masks: (n, p) bool; the whole image where no smaller mask was sufficient.
        margins: (n,) float64 on the CPU.
        found: n, whether the mask is sufficient.
    """

    masks: Tensor
    margins: Tensor
    found: list[bool]


class Ascent:
    """The climb of one chunk.

    Args:
        whole_margins: (n,) float64 on the CPU.
        steps: gradients to spend, at least one; the first is taken on the whole image.
    """

    def __init__(self, scorer: MaskScorer, whole_margins: Tensor, *, threshold: float, steps: int) -> None:
        count, pixels = scorer.count, scorer.shape[0] * scorer.shape[1]
        self._scorer, self._threshold, self._steps = scorer, threshold, steps
        self._rows = torch.arange(count)
        self._scores = torch.zeros((count, pixels), device=scorer.device)
        self._momentum = torch.zeros_like(self._scores)
        self._sizes = [max(1.0, FIRST_SIZE * pixels)] * count
        self._masks = torch.ones((count, pixels), dtype=torch.bool, device=scorer.device)
        self._best_sizes, self._best_margins = [pixels] * count, whole_margins.clone()
        self._found = sufficient(whole_margins, threshold).tolist()
        self._whole_suffices = list(self._found)
        self._met = [False] * count

    def climb(self) -> Climbed:
        """Spend the steps, or stop when asked to."""
        self._scores += self._push(torch.ones_like(self._masks))[1]
        for step in range(1, self._steps):
            if self._scorer.meter.stopped():
                break
            left = 1 - step / self._steps
            sizes = [min(self._masks.shape[1], max(1, round(size))) for size in self._sizes]
            masks = choose_largest(self._scores, sizes)
            margins, push = self._push(masks)
            self._move_sizes(masks, sizes, margins, rate=max(left**0.5, LOWEST_RATE))
            self._momentum.mul_(MOMENTUM).add_(push, alpha=1 - MOMENTUM)
            self._scores.add_(self._momentum, alpha=max(left, LOWEST_RATE))
        return Climbed(self._masks, self._best_margins, self._found)

    def _push(self, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Margins (n,) float64 on the CPU, and gradients (n, p) of unit mean square."""
        margins, gradients = self._scorer.margins_and_gradients(masks.view(-1, *self._scorer.shape), self._rows)
        flat = gradients.flatten(start_dim=1).to(self._scores.dtype)
        unit = flat / flat.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
        return margins.double().cpu(), unit

    def _move_sizes(self, masks: Tensor, sizes: list[int], margins: Tensor, *, rate: float) -> None:
        enough = sufficient(margins, self._threshold).tolist()
        for row, size in enumerate(sizes):
            if enough[row] and (size < self._best_sizes[row] or not self._found[row]):
                self._masks[row] = masks[row]
                self._best_sizes[row], self._best_margins[row], self._found[row] = size, margins[row], True
            self._met[row] |= enough[row]
            self._sizes[row] = self._next_size(row, enough=enough[row], rate=rate)

    def _next_size(self, row: int, *, enough: bool, rate: float) -> float:
        pixels = self._masks.shape[1]
        if not self._met[row] and self._whole_suffices[row]:
            return min(self._sizes[row] * GROWTH_TO_WHOLE, float(pixels))
        if not self._met[row]:
            return min(self._sizes[row] * GROWTH_APART, LARGEST_APART * pixels)
        factor = 1 - LARGEST_SHRINK * rate if enough else 1 + LARGEST_GROWTH * rate
        return max(1.0, min(self._sizes[row] * factor, LARGEST_DETOUR * self._best_sizes[row]))
